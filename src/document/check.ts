import type { z } from 'zod';
import { Decimal, isList, isMap, type Value } from '../model/value.ts';
import { nonTextKey } from './key.ts';
import { formatPath, inFileOrder, suggestion, type Loaded, type Mistake } from './mistake.ts';
import { Timestamp } from './timestamp.ts';
import type { YamlDocument } from './yaml.ts';

type Path = readonly (string | number)[];
type Issue = z.core.$ZodIssue;

/**
 * Checks the shape of a document against a schema: every mistake at once, each at its place in the file. Whole numbers
 * reach the schema as numbers where a double holds them exactly, fractions as doubles, mappings as plain objects.
 */
export function checkShape<T>(document: YamlDocument, schema: z.ZodType<T>): Loaded<T> {
  const mistakes: Mistake[] = [];
  const plain = toPlain(document.root, [], (path, message) => mistakes.push(keyMistake(document, path, message)));
  if (mistakes.length > 0) return { ok: false, mistakes: inFileOrder(mistakes) };
  const checked = schema.safeParse(plain, { reportInput: true });
  if (checked.success) return { ok: true, value: checked.data };
  const found = checked.error.issues.flatMap((issue) => mistakesOf(document, issue, []));
  return { ok: false, mistakes: inFileOrder(found) };
}

function keyMistake(document: YamlDocument, path: Path, message: string): Mistake {
  return { ...document.position(path, 'key'), path: formatPath(path.slice(0, -1)), message };
}

function toPlain(value: Value, path: Path, refuse: (path: Path, message: string) => void): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof Timestamp) return new Date(Number.NaN);
  if (value instanceof Decimal) return value.value;
  if (isList(value)) return value.map((item, index) => toPlain(item, [...path, index], refuse));
  if (!isMap(value)) return value;
  const plain: { [key: string]: unknown } = {};
  for (const [key, item] of value) {
    const bare = nonTextKey(key);
    if (bare !== null) refuse([...path, key], `the key ${bare} is not text; expected it in quotes`);
    else if (key === '__proto__') refuse([...path, key], 'the key "__proto__" is not allowed; expected another name');
    else plain[key] = toPlain(item, [...path, key], refuse);
  }
  return plain;
}

function mistakesOf(document: YamlDocument, issue: Issue, outer: Path): readonly Mistake[] {
  const path: Path = [...outer, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const candidates = knownKeys(issue);
        const message = `unknown key ${JSON.stringify(key)}${suggestion(key, candidates)}`;
        return { ...document.position([...path, key], 'key'), path: formatPath(path), message };
      });
    case 'invalid_union': {
      const nearest = nearestBranch(issue.errors);
      if (nearest === null) return [mistake(document, path, issue, 'none of the allowed forms')];
      return nearest.flatMap((inner) => mistakesOf(document, inner, path));
    }
    default:
      return [mistake(document, path, issue, describe(issue))];
  }
}
