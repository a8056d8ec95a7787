import type { DecodedPath } from './decoded-path.ts';
import type { Entry } from './entry.ts';
import { captureExactly, type PathTemplate } from './path-template.ts';
import { fold } from './spelling.ts';

/** An entry whose host, path and method fit. `captures` is null when the path fits only a forgiving reader. */
export interface Candidate {
  readonly entry: Entry;
  readonly captures: ReadonlyMap<string, string> | null;
}

interface PathNode {
  readonly literals: Map<string, PathNode>;
  /** Captures with a text behind them, the longest text first; of two that fit, one ends in the other. */
  readonly suffixes: { readonly suffix: string; readonly node: PathNode }[];
  capture: PathNode | null;
  readonly ends: MethodTable;
  readonly tails: MethodTable;
}

/** Entries by method, in the order of the files; null is every method. */
type MethodTable = Map<string | null, Entry[]>;

/** A format ending on the last segment, as Rails and others strip it. */
const FORMAT = /^(?<stem>.+)\.[a-z0-9]{1,8}$/u;

/** Entries of one host by path and method, found segment by segment. */
export class PathIndex {
  readonly #root: PathNode = emptyNode();

  add(entry: Entry): void {
    const node = this.#nodeOf(entry.template);
    const table = entry.template.tail === null ? node.ends : node.tails;
    for (const method of entry.methods ?? [null]) {
      const entries = table.get(method);
      if (entries === undefined) table.set(method, [entry]);
      else entries.push(entry);
    }
  }

  #nodeOf(template: PathTemplate): PathNode {
    let node = this.#root;
    for (const segment of template.segments) {
      if (segment.kind === 'literal') node = literalChild(node, fold(segment.text));
      else if (segment.suffix === '') node = node.capture ??= emptyNode();
      else node = suffixChild(node, fold(segment.suffix));
    }
    return node;
  }

  /**
   * The entries whose path and method fit, the most specific first: segment by segment from the left, text before a
   * capture before the rest of the path; then a named method before every method; then the order of the files. A path
   * is looked up as the most forgiving server would read it, so that another spelling of it is noticed.
   */
  *candidates(path: DecodedPath, method: string): Generator<Candidate> {
    yield* visit(this.#root, { segments: path.forgiving, at: 0 }, (table) => fitting(table, path, method));
  }
}

function emptyNode(): PathNode {
  return { literals: new Map(), suffixes: [], capture: null, ends: new Map(), tails: new Map() };
}

function literalChild(node: PathNode, text: string): PathNode {
  const known = node.literals.get(text);
  if (known !== undefined) return known;
  const made = emptyNode();
  node.literals.set(text, made);
  return made;
}

function suffixChild(node: PathNode, suffix: string): PathNode {
  const known = node.suffixes.find((child) => child.suffix === suffix);
  if (known !== undefined) return known.node;
  const made = emptyNode();
  node.suffixes.push({ suffix, node: made });
  node.suffixes.sort((left, right) => right.suffix.length - left.suffix.length);
  return made;
}

interface Place {
  readonly segments: readonly string[];
  readonly at: number;
}

type Fit = (table: MethodTable) => readonly Candidate[];

function* visit(node: PathNode, place: Place, fit: Fit): Generator<Candidate> {
  const segment = place.segments[place.at];
  if (segment === undefined) yield* fit(node.ends);
  else {
    const next = { segments: place.segments, at: place.at + 1 };
    for (const child of childrenFor(node, segment, next.at === place.segments.length)) yield* visit(child, next, fit);
  }
  yield* fit(node.tails);
}

/** The children that a segment leads to, the most specific first. */
function childrenFor(node: PathNode, segment: string, last: boolean): readonly PathNode[] {
  const stem = last ? FORMAT.exec(segment)?.groups?.['stem'] : undefined;
  const spellings = stem === undefined ? [segment] : [segment, stem];
  const found: (PathNode | null | undefined)[] = spellings.map((text) => node.literals.get(text));
  for (const { suffix, node: child } of node.suffixes) {
    if (spellings.some((text) => text.length > suffix.length && text.endsWith(suffix))) found.push(child);
  }
  found.push(node.capture);
  return found.filter((child) => child !== null && child !== undefined);
}

function fitting(table: MethodTable, path: DecodedPath, method: string): readonly Candidate[] {
  const entries = [
    ...(table.get(method) ?? []),
    ...(method === 'HEAD' ? (table.get('GET') ?? []) : []),
    ...(table.get(null) ?? []),
  ];
  const candidates = [...new Set(entries)].map((entry) => ({
    entry,
    captures: captureExactly(entry, path),
  }));
  return [
    ...candidates.filter(({ captures }) => captures !== null),
    ...candidates.filter(({ captures }) => captures === null),
  ];
}
