import { readJson } from '../document/json.ts';
import { canonicalText } from '../model/canonical.ts';
import { isList, isMap, type Value } from '../model/value.ts';
import { findShapes, type Span } from './secret-shapes.ts';

/** How names are judged and secrets written. */
export interface TextRules {
  /** True when the name says that the text is secret. */
  readonly isSecret: (name: string, text: string) => boolean;
  /** What stands in the place of a secret. */
  readonly mark: (secret: string) => string;
  /** Redacts a structure found inside a text. */
  readonly value: (value: Value, depth: number) => Value;
}

/** JSON in a text in JSON in a text: agents that pass messages on do it once or twice. */
const MAX_TEXT_DEPTH = 4;
/** A structure inside a text is looked into up to this; the marks of longer texts are found by shape and name alone. */
const EMBEDDED_JSON = { maxDepth: 64, maxValues: 20_000 };

/** `name=value`, `name: value`, `"name": "value"`, as in forms, configuration files, commands and logs. */
const ASSIGNMENT =
  /(?<![\w.-])(?<name>[A-Za-z_][\w.-]{0,63})\\?["']?[ \t]{0,4}[:=][ \t]{0,4}(?:\\?["'](?<quoted>[^"'\\\r\n]+)|(?<bare>[^\s"'&;,<>\\]+))/dgu;
/** `--name value` */
const FLAG = /(?<![\w-])--?(?<name>[A-Za-z][\w-]{1,63})[ \t]{1,4}["']?(?<bare>[^\s"'-][^\s"']*)/dgu;
/** `-u user:password`, as curl takes it. */
const USER_FLAG = /(?<![\w-])(?:-u|--user|--proxy-user)[ =]{1,4}["']?(?<bare>[^\s"':]{0,256}:[^\s"']+)/dgu;
/** Header lines whose values have spaces in them. */
const HEADER_LINE =
  /(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie)\\?["']?[ \t]{0,4}[:=][ \t]{0,4}\\?["']?(?<bare>[^\r\n"'\\]+)/dgiu;

/**
 * Replaces what is secret in a text: by form, by the name before it, inside JSON or percent-encoding. The rest stays as
 * it is. `depth` counts texts inside texts.
 */
export function redactText(text: string, rules: TextRules, depth = 0): string {
  if (depth < MAX_TEXT_DEPTH) {
    const structured = redactEmbedded(text, rules, depth);
    if (structured !== null) return structured;
  }
  const plain = redactSpans(text, rules);
  if (plain !== text || depth >= MAX_TEXT_DEPTH || !/%[0-9A-Fa-f]{2}/u.test(text)) return plain;
  const decoded = decodeLeniently(text);
  const redacted = redactText(decoded, rules, depth + 1);
  return redacted === decoded ? text : redacted;
}

/** JSON inside a text, written canonically when something in it was secret; null when there is none. */
function redactEmbedded(text: string, rules: TextRules, depth: number): string | null {
  const start = text.trimStart()[0];
  if (start !== '{' && start !== '[') return null;
  const result = readJson(text, EMBEDDED_JSON);
  if (!result.ok || !(isMap(result.value) || isList(result.value))) return null;
  const redacted = canonicalText(rules.value(result.value, depth + 1));
  return redacted === canonicalText(result.value) ? text : redacted;
}

function redactSpans(text: string, rules: TextRules): string {
  const spans = [...findShapes(text), ...namedSpans(text, rules)].sort((left, right) => left.start - right.start);
  if (spans.length === 0) return text;
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of merge(spans)) {
    parts.push(text.slice(at, start), rules.mark(text.slice(start, end)));
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}

function namedSpans(text: string, rules: TextRules): readonly Span[] {
  const spans: Span[] = [];
  for (const pattern of [ASSIGNMENT, FLAG]) {
    for (const match of text.matchAll(pattern)) {
      const span = valueSpan(match);
      const value = text.slice(span.start, span.end);
      if (isTelling(value) && rules.isSecret(match.groups?.['name'] ?? '', value)) spans.push(span);
    }
  }
  for (const pattern of [USER_FLAG, HEADER_LINE]) spans.push(...[...text.matchAll(pattern)].map(valueSpan));
  return spans;
}

/** Words that stand where a value would, and say nothing. */
function isTelling(value: string): boolean {
  return !/^(?:true|false|null|none|undefined|\$\{?\w{1,64}\}?|\[|\{|\(|\*+)$/iu.test(value);
}

function valueSpan(match: RegExpMatchArray): Span {
  const groups = match.indices?.groups;
  const [start, end] = groups?.['quoted'] ?? groups?.['bare'] ?? [0, 0];
  return { start, end };
}

/** Joins spans, sorted by their start, that overlap or touch. */
export function merge(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last === undefined || span.start > last.end) merged.push(span);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
  }
  return merged;
}

/** Decodes what escapes can be decoded and leaves the rest, since nothing may hide behind one bad escape. */
export function decodeLeniently(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/gu, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}
