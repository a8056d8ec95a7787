import { readJson } from '../document/json.ts';
import { canonicalText } from '../model/canonical.ts';
import { isList, isMap, type Value } from '../model/value.ts';
import { isPlain } from './plain-text.ts';
import { findShapes, spanOf, spansOf, type Span } from './secret-shapes.ts';

/** How names are judged and secrets written. */
export interface TextRules {
  /** True when the name says that the text is secret. */
  readonly isSecret: (name: string, text: string) => boolean;
  /** What stands in the place of a secret. */
  readonly mark: (secret: string) => string;
  /** Redacts a structure found inside a text; the very same one where nothing in it is secret. */
  readonly value: (value: Value, depth: number) => Value;
}

/** JSON in a text in JSON in a text: agents that pass messages on do it once or twice. */
const MAX_TEXT_DEPTH = 4;
/** A structure inside a text is looked into up to this; the marks of longer texts are found by shape and name alone. */
const EMBEDDED_JSON = { maxDepth: 64, maxValues: 20_000 };

/** `name=value`, `name: value`, `"name": "value"`, as in forms, configuration files, commands and logs. */
const ASSIGNMENT =
  /(?<![\w.])(?<before>(?<name>[A-Za-z_][\w.-]{0,63})\\?["']?[ \t]{0,4}[:=][ \t]{0,4})(?:(?<quote>\\?["'])[^"'\\\r\n]+|[^\s"'&;,<>\\]+)/gu;
/** `--name value` */
const FLAG = /(?<![\w-])(?<before>--?(?<name>[A-Za-z][\w-]{1,63})[ \t]{1,4}["']?)[^\s"'-][^\s"']*/gu;
/** `-u user:password`, as curl takes it. */
const USER_FLAG = /(?<![\w-])(?<before>(?:-u|--user|--proxy-user)[ =]{1,4}["']?)[^\s"':]{0,256}:[^\s"']+/gu;
/** Header lines whose values have spaces in them. */
const HEADER_LINE =
  /(?<![\w-])(?<before>(?:(?:proxy-)?authorization|(?:set-)?cookie)\\?["']?[ \t]{0,4}[:=][ \t]{0,4}\\?["']?)[^\r\n"'\\]+/giu;

/** What a name before a value needs. */
const MAY_NAME = /[:=]|(?<![\w-])--?[A-Za-z]/u;

/**
 * Replaces what is secret in a text: by form, by the name before it, inside JSON or percent-encoding. The rest stays as
 * it is. `depth` counts texts inside texts.
 */
export function redactText(text: string, rules: TextRules, depth = 0): string {
  if (isPlain(text)) return text;
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
  const shown = rules.value(result.value, depth + 1);
  if (shown === result.value) return text;
  const redacted = canonicalText(shown);
  return redacted === canonicalText(result.value) ? text : redacted;
}

function redactSpans(text: string, rules: TextRules): string {
  const found = [...findShapes(text), ...namedSpans(text, rules)];
  if (found.length === 0) return text;
  const spans = found.sort((left, right) => left.start - right.start);
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
  if (!MAY_NAME.test(text)) return [];
  const named = [ASSIGNMENT, FLAG]
    .filter((pattern) => text.search(pattern) !== -1)
    .flatMap((pattern) => [...text.matchAll(pattern)].flatMap((match) => namedSpan(match, rules)));
  return [...named, ...spansOf(USER_FLAG, text), ...spansOf(HEADER_LINE, text)];
}

/** The value of an assignment or flag, where its name says that it is secret. */
function namedSpan(match: RegExpMatchArray, rules: TextRules): readonly Span[] {
  const { start, end } = spanOf(match);
  const quote = match.groups?.['quote']?.length ?? 0;
  const value = match[0].slice(quote - (end - start));
  if (!isTelling(value) || !rules.isSecret(match.groups?.['name'] ?? '', value)) return [];
  return [{ start: start + quote, end }];
}

/** False for words that stand where a value would, and say nothing. */
function isTelling(value: string): boolean {
  return !/^(?:true|false|null|none|undefined|\$\{?\w{1,64}\}?|\[|\{|\(|\*+)$/iu.test(value);
}

/** Joins spans, sorted by their start, that overlap or touch. */
function merge(spans: readonly Span[]): readonly Span[] {
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
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/gu, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
