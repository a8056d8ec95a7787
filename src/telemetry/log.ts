import type { Clock, Log, LogFields } from '../model/ports.ts';
import type { Json } from '../model/value.ts';

/** Where log lines go and how they look. */
export interface LogSettings {
  /** Takes one line with its line feed. */
  readonly write: (line: string) => void;
  readonly format: 'json' | 'text';
  readonly clock: Clock;
  /** Whether a line of text may carry colour. */
  readonly colour: boolean;
}

type Level = 'info' | 'warn' | 'error';

/** Longer texts are cut: most collectors split or drop lines beyond 16 KiB, and a line has a few fields. */
const MAX_TEXT_CHARACTERS = 2_048;
/** The width that event names are filled up to in text, so that fields stand in one column: most are shorter. */
const EVENT_COLUMNS = 28;
const WITHHELD = '[withheld]';

/**
 * Names that hold secrets or may; what is logged under one is withheld, and a test refuses them in the code. A bare `key`
 * is the key of some mapping and allowed.
 */
export const SECRET_FIELD =
  /(?:^|[_-])(?:auth|authorization|bearer|body|cookies?|credentials?|headers?|params|passphrase|password|query|secrets?|session|tokens?|url)(?:$|[_-])|[_-]key(?:$|[_-])/iu;

/**
 * What a terminal, a log viewer or a line splitter would act on instead of showing: C0 and C1 controls, DEL, line and
 * paragraph separators, zero-width and bidirectional characters, lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const PLAIN_VALUE = /^[\w.:/@+%-]+$/u;
const RESERVED: ReadonlySet<string> = new Set(['ts', 'level', 'event']);

const COLOURS: { readonly [level in Level]: string } = { info: '\u001b[36m', warn: '\u001b[33m', error: '\u001b[31m' };
const RESET = '\u001b[0m';

/** A log that writes one line for each event, as JSON for collectors or as text for people. */
export function createLog(settings: LogSettings): Log {
  const line = settings.format === 'json' ? jsonLine : textLine;
  const at =
    (level: Level) =>
    (event: string, fields: LogFields = {}): void => {
      const ts = new Date(settings.clock.now()).toISOString();
      settings.write(line({ ts, level, event, fields: safeFields(fields) }, settings.colour));
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

interface Entry {
  readonly ts: string;
  readonly level: Level;
  readonly event: string;
  readonly fields: readonly (readonly [name: string, value: Json])[];
}

function jsonLine({ ts, level, event, fields }: Entry): string {
  return `${escaped(JSON.stringify(Object.fromEntries([['ts', ts], ['level', level], ['event', event], ...fields])))}\n`;
}

function textLine({ ts, level, event, fields }: Entry, colour: boolean): string {
  const name = level.toUpperCase().padEnd(5);
  const shown = colour ? `${COLOURS[level]}${name}${RESET}` : name;
  const values = fields.map(([field, value]) => `${escaped(field)}=${shownValue(value)}`).join(' ');
  return `${ts} ${shown} ${escaped(event).padEnd(EVENT_COLUMNS)} ${values}`.trimEnd() + '\n';
}

function shownValue(value: Json): string {
  if (typeof value === 'string' && PLAIN_VALUE.test(value)) return value;
  return escaped(JSON.stringify(value));
}

function safeFields(fields: LogFields): Entry['fields'] {
  return Object.entries(fields).flatMap(([name, value]): [string, Json][] => {
    if (value === undefined) return [];
    const safe = SECRET_FIELD.test(name) ? WITHHELD : shortened(value);
    return [[RESERVED.has(name) ? `${name}_` : name, safe]];
  });
}

function shortened(value: Json): Json {
  if (typeof value === 'string') {
    const over = value.length - MAX_TEXT_CHARACTERS;
    return over > 0 ? `${value.slice(0, MAX_TEXT_CHARACTERS)}... (${over} characters more)` : value;
  }
  const text = JSON.stringify(value);
  return text.length > MAX_TEXT_CHARACTERS ? shortened(text) : value;
}

function escaped(text: string): string {
  return text.replaceAll(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => escapeUnit(character.charCodeAt(index))).join(''),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
