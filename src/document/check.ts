import type * as z from 'zod';
import { Decimal, isList, isMap, type Value } from '../model/value.ts';
import { describeChoice, describeIssue, shapeKeys } from './check-message.ts';
import { nonTextKey } from './key.ts';
import { formatPath, inFileOrder, suggestion, type Loaded, type Mistake } from './mistake.ts';
import { Timestamp } from './timestamp.ts';
import type { YamlDocument } from './yaml.ts';

type Path = readonly (string | number)[];
type Issue = z.core.$ZodIssue;

/**
 * Checks the shape of a document against a schema: every mistake at once, each at its place in the file. Whole numbers
 * reach the schema as numbers where a double holds them exactly, fractions as doubles, mappings as plain objects. A
 * message that the schema gives itself (`z.string({ error })`) is kept; say in it what is wrong and what was expected.
 */
export function checkShape<T>(document: YamlDocument, schema: z.ZodType<T>): Loaded<T> {
  const refused: Mistake[] = [];
  const plain = toPlain(document.root, [], (path, message) => refused.push(keyMistake(document, path, message)));
  if (refused.length > 0) return { ok: false, mistakes: inFileOrder(refused) };
  const known = new WeakMap<object, readonly string[]>();
  const checked = schema.safeParse(plain, {
    reportInput: true,
    // Code that is made for a shape pays off with the thousandth document; a start reads two.
    jitless: true,
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && typeof issue.input === 'object' && issue.input !== null) {
        known.set(issue.input, shapeKeys(issue.inst));
      }
      return describeIssue(issue);
    },
  });
  if (checked.success) return { ok: true, value: checked.data };
  const report = new Report(document, known);
  return { ok: false, mistakes: inFileOrder(checked.error.issues.flatMap((issue) => report.mistakes(issue, []))) };
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

/** Gives each issue of a schema its place in the document. */
class Report {
  readonly #document: YamlDocument;
  readonly #known: WeakMap<object, readonly string[]>;

  constructor(document: YamlDocument, known: WeakMap<object, readonly string[]>) {
    this.#document = document;
    this.#known = known;
  }

  mistakes(issue: Issue, outer: Path): readonly Mistake[] {
    const path: Path = [...outer, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => this.#unknownKey(key, path, issue.input));
      case 'invalid_union':
        return this.#union(issue, path);
      case 'invalid_key':
        return [this.#at(path, 'key', issue.issues[0]?.message ?? issue.message)];
      default:
        return [this.#at(path, 'value', issue.message)];
    }
  }

  #union(issue: Issue & { code: 'invalid_union' }, path: Path): readonly Mistake[] {
    const branches = branchesOfThisKind(issue.errors);
    const choice = commonChoice(branches);
    if (choice !== null) return [this.#at([...path, ...choice.path], 'value', choice.message)];
    const nearest = nearestBranch(branches);
    if (nearest === null) return [this.#at(path, 'value', issue.message)];
    return nearest.flatMap((inner) => this.mistakes(inner, path));
  }

  #unknownKey(key: string, path: Path, input: unknown): Mistake {
    const known = typeof input === 'object' && input !== null ? (this.#known.get(input) ?? []) : [];
    const expected = known.length === 0 ? '' : `; expected one of ${known.join(', ')}`;
    const meant = suggestion(key, known);
    const message = `unknown key ${JSON.stringify(key)}${meant === '' ? expected : meant}`;
    return { ...this.#document.position([...path, key], 'key'), path: formatPath(path), message };
  }

  #at(path: Path, part: 'key' | 'value', message: string): Mistake {
    return { ...this.#document.position(path, part), path: formatPath(path), message };
  }
}

type Issues = readonly Issue[];

/** The branches of a union that want this kind of value, whatever they find wrong in it. */
function branchesOfThisKind(branches: readonly Issues[]): readonly Issues[] {
  return branches.filter((issues) => !issues.some(wantsAnotherKind));
}

function wantsAnotherKind(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

/** When every branch wants another word at one place: the place, with all the words. */
function commonChoice(branches: readonly Issues[]): { readonly path: Path; readonly message: string } | null {
  const wrong = branches.map((issues) => issues.find((issue) => issue.code === 'invalid_value'));
  const [first] = wrong;
  if (first === undefined || wrong.length < 2) return null;
  const place = first.path.join('.');
  if (wrong.some((issue) => issue === undefined || issue.path.join('.') !== place)) return null;
  const words = wrong.flatMap((issue) => (issue?.code === 'invalid_value' ? issue.values : []));
  return {
    path: first.path.map((step) => (typeof step === 'number' ? step : String(step))),
    message: describeChoice(words, first.input),
  };
}

/** The branch that the author probably meant: the right word where words tell branches apart, then the fewest complaints. */
function nearestBranch(branches: readonly Issues[]): Issues | null {
  const wrongWords = (issues: Issues): number => issues.filter((issue) => issue.code === 'invalid_value').length;
  const [nearest] = [...branches].sort(
    (left, right) => wrongWords(left) - wrongWords(right) || left.length - right.length,
  );
  return nearest ?? null;
}
