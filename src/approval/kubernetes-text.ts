import type { Json } from '../model/value.ts';
import { visibleCell } from '../visible/cell.ts';

/**
 * A text in printable ASCII, as the fields of an ApprovalRequest hold it: every other UTF-16 code unit as `\uXXXX`, a
 * backslash as `\\`. `fromAscii` gives it back.
 */
export function toAscii(text: string): string {
  return text.replaceAll(/[^ -[\]-~]/gu, (character) =>
    character === '\\' ? String.raw`\\` : [...unitsOf(character)].join(''),
  );
}

/** The text that `toAscii` made this of; null when it did not. */
export function fromAscii(text: string): string | null {
  const back = text.replaceAll(/\\(?:\\|u([0-9a-f]{4}))/gu, (_whole, digits: string | undefined) =>
    digits === undefined ? '\\' : String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return toAscii(back) === text ? back : null;
}

/** Parameters as one line of canonical JSON (RFC 8785) in printable ASCII, which is JSON still. */
export function paramsText(value: Json): string {
  return canonicalJson(value).replaceAll(/[^ -~]/gu, (character) => [...unitsOf(character)].join(''));
}

/** A text for a column of kubectl get: nothing in it moves, hides or imitates other text. */
export function columnText(text: string, columns: number): string {
  // Runs of spaces could push what follows out of sight; kubectl does not show how many there are.
  const cell = visibleCell(text, columns).replaceAll(/ {2,}/gu, (run) => ` ${String.raw`\s`.repeat(run.length - 1)}`);
  const characters = Array.from(cell);
  const most = Math.floor(columns * GROWTH);
  return characters.length <= most
    ? cell
    : `${characters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
}

/** A run of four spaces takes seven characters; marks take none of the columns, but characters. */
const GROWTH = 1.75;

function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function* unitsOf(character: string): Generator<string> {
  for (let index = 0; index < character.length; index += 1)
    yield `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
}
