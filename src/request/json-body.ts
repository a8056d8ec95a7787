import { readJson, type JsonLimits, type JsonResult } from '../document/json.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, isMap, type Value } from '../model/value.ts';
import { disguisedJson } from './json-disguise.ts';
import { foldCase } from './names.ts';
import { strictText } from './text.ts';

/**
 * How large a JSON body may be in parts. Depth: tool calls nest about ten deep, and readers in other languages end
 * between 64 (.NET) and 1000 (Python, Jackson). Values: a batch of 300 embedding vectors has 460,800, and each costs
 * about 100 bytes of memory.
 */
const JSON_LIMITS: JsonLimits = { maxDepth: 128, maxValues: 500_000 };

/**
 * Reads a body that says it is JSON: UTF-8 without a byte order mark, no name twice in an object, also when letter case
 * is ignored, as Go and .NET do. Faults: malformed-body, duplicate-key, body-too-complex.
 */
export function readJsonBody(bytes: Uint8Array): Outcome<Value> {
  const text = strictText(bytes);
  if (text === null) return failed('malformed-body', 'expected JSON in UTF-8');
  const result = readJson(text, JSON_LIMITS);
  return result.ok ? distinct(result) : refused(result);
}

/**
 * Reads a body that does not say it is JSON, but that a server which ignores Content-Type may read so: null when no
 * server can. What some readers take for JSON and the judge does not is refused, several JSON texts in a row among it:
 * Go's decoder takes the first for the body. Faults: as `readJsonBody`.
 */
export function readUndeclaredJson(bytes: Uint8Array): Outcome<Value | null> {
  const text = strictText(bytes);
  const start = text?.trimStart()[0];
  if (text !== null && (start === '{' || start === '[')) {
    const result = readJson(text, JSON_LIMITS);
    if (result.ok) return distinct(result);
    if (result.problem !== 'syntax' && result.problem !== 'number-range') return refused(result);
  }
  if (!disguisedJson(bytes)) return passed(null);
  return failed(
    'malformed-body',
    'the body starts as JSON does but is not valid JSON; some servers would read it anyway',
  );
}

function refused(result: JsonResult & { readonly ok: false }): Outcome<never> {
  const detail = `${result.message} (at character ${result.offset} of the JSON body)`;
  switch (result.problem) {
    case 'duplicate-key':
      return failed('duplicate-key', detail);
    case 'too-deep':
    case 'too-many-values':
      return failed('body-too-complex', detail);
    case 'syntax':
    case 'number-range':
      return failed('malformed-body', detail);
    default:
      return result.problem satisfies never;
  }
}

function distinct({ value, evenNames }: JsonResult & { readonly ok: true }): Outcome<Value> {
  if (evenNames || !hasFoldedTwins(value)) return passed(value);
  return failed(
    'duplicate-key',
    'an object has two names that differ only in letter case; some servers take them for one',
  );
}

/** Recursion is bounded by the depth limit. */
function hasFoldedTwins(value: Value): boolean {
  if (isList(value)) return value.some(hasFoldedTwins);
  if (!isMap(value)) return false;
  // Names that are folded as they stand are different, or the reader would have refused them.
  let folded = true;
  for (const [key, member] of value) {
    folded &&= foldCase(key) === key;
    if (typeof member === 'object' && hasFoldedTwins(member)) return true;
  }
  return !folded && new Set([...value.keys()].map(foldCase)).size < value.size;
}
