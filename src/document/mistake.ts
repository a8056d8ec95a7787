import { showKey } from './key.ts';

/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake in a file. `message`: what is wrong; what was expected (did you mean ...?). */
export interface Mistake extends Position {
  /** Where in the document, as `rules[3].match.type`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

/** What reading a file comes to: its value, or every mistake in it, in the order of the file. */
export type Loaded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Thrown where a file must be right and is not. */
export class MistakesError extends Error {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(formatMistake).join('\n'));
    this.name = 'MistakesError';
    this.mistakes = mistakes;
  }
}

/** One line for people and editors: `file:line:column: path: message`. */
export function formatMistake(mistake: Mistake): string {
  const place = `${mistake.file}:${mistake.line}:${mistake.column}`;
  return mistake.path === '' ? `${place}: ${mistake.message}` : `${place}: ${mistake.path}: ${mistake.message}`;
}

/** Mistakes in the order in which they stand in the file. */
export function inFileOrder(mistakes: readonly Mistake[]): readonly Mistake[] {
  return [...mistakes].sort((left, right) => left.line - right.line || left.column - right.column);
}

/** A path as people write it: `rules[3].match.type`. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/u.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${showKey(step)}]`;
  }
  return text;
}

/** A suggestion may differ from what was written by a third of its letters, and never by more than three. */
const MAX_SUGGESTION_EDITS = 3;
/** Nobody mistypes a key of this length; comparing longer texts would only cost time. */
const MAX_SUGGESTION_LENGTH = 60;

/** The candidate that was probably meant, or null when none is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | null {
  if (word.length > MAX_SUGGESTION_LENGTH) return null;
  const asked = word.toLowerCase();
  let best: string | null = null;
  let bestEdits = Math.min(MAX_SUGGESTION_EDITS, Math.max(1, Math.floor(word.length / 3))) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(asked, candidate.toLowerCase());
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  if (best !== null) return best;
  return candidates.find((candidate) => nearByPrefix(asked, candidate.toLowerCase())) ?? null;
}

/** `; did you mean "x"?`, or nothing. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const meant = didYouMean(word, candidates);
  return meant === null ? '' : `; did you mean ${JSON.stringify(meant)}?`;
}

/** `risk` is meant as `risk_level`, `param_greater` is nearest to nothing. */
function nearByPrefix(word: string, candidate: string): boolean {
  return word.length >= 3 && (candidate.startsWith(`${word}_`) || word.startsWith(`${candidate}_`));
}

/** Levenshtein's distance with neighbouring letters swapped counted once, on the rows of its table. */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  const same = (row: number, column: number): boolean => left[row - 1] === right[column - 1];
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = cell(row - 1, column - 1) + (same(row, column) ? 0 : 1);
      const swapped = same(row, column - 1) && same(row - 1, column) ? cell(row - 2, column - 2) + 1 : replaced;
      current.push(Math.min(cell(row - 1, column) + 1, cell(row, column - 1) + 1, replaced, swapped));
    }
  }
  return cell(left.length, right.length);
}
