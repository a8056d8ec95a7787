import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type CST,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { ListNode, MapEntry, MapNode, Mark, Problem, ScalarNode, YamlNode } from './node.ts';

/** No policy, map or configuration nests deeper; deeper nesting only serves to exhaust the stack (CWE-674). */
export const MAX_DEPTH_LEVELS = 64;

/**
 * Values after every alias is followed. 10,000 rules of 30 values each fit; a "billion laughs" (CWE-776), which is
 * harmless in memory because aliases share one value, would cost whoever walks it this many steps.
 */
export const MAX_EXPANDED_VALUES = 1_000_000;

/** What parsing a text comes to; `node` is null for a text without a document. */
export type Composed =
  | { readonly ok: true; readonly node: YamlNode | null }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Parses one YAML document. Scalars keep their text: what they mean is the resolver's business. */
export function compose(text: string): Composed {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const tooDeep = deeperThan(tokens, MAX_DEPTH_LEVELS);
  if (tooDeep !== null) return refused(markAt(lines, tooDeep), `nested deeper than ${MAX_DEPTH_LEVELS} levels`);
  const options = { schema: 'failsafe', version: '1.1', uniqueKeys: false, resolveKnownTags: false } as const;
  const documents = [...new Composer({ ...options, lineCounter: lines }).compose(tokens, true, text.length)];
  const problems = documents.flatMap((document) => problemsOf(document, lines));
  if (problems.length > 0) return { ok: false, problems };
  const [first, second] = documents;
  if (second !== undefined) {
    return refused(markAt(lines, second.range[0]), 'a second document begins here; expected one document in a file');
  }
  if (first === undefined) return { ok: true, node: null };
  return new Walk(lines).document(first);
}

function problemsOf(document: Document.Parsed, lines: LineCounter): readonly Problem[] {
  return document.errors.map((error) => ({
    mark: markAt(lines, error.pos[0]),
    path: [],
    message: `not valid YAML: ${lowerFirst(error.message)}`,
  }));
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

function refused(mark: Mark, message: string): Composed {
  return { ok: false, problems: [{ mark, path: [], message }] };
}

function markAt(lines: LineCounter, offset: number): Mark {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** The offset of the first collection that is too deep; walked without recursion, since the text may be hostile. */
function deeperThan(tokens: readonly CST.Token[], limit: number): number | null {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > limit) return token.offset;
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth: depth + 1 });
    } else if (token.type === 'block-map' || token.type === 'block-seq' || token.type === 'flow-collection') {
      for (const item of token.items) {
        if (item.key !== undefined && item.key !== null) open.push({ token: item.key, depth: depth + 1 });
        if (item.value !== undefined) open.push({ token: item.value, depth: depth + 1 });
      }
    }
  }
  return null;
}

/** Stops the walk at the first problem with anchors and aliases. */
class WalkError extends Error {
  readonly problem: Problem;

  constructor(mark: Mark, message: string) {
    super(message);
    this.problem = { mark, path: [], message };
  }
}

/** Turns the parser's tree into ours: aliases followed, anchors checked, size after expansion bounded. */
class Walk {
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, { readonly node: YamlNode; readonly size: number } | 'open'>();
  #size = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  document(document: Document.Parsed): Composed {
    try {
      return { ok: true, node: document.contents === null ? null : this.#node(document.contents) };
    } catch (error) {
      if (error instanceof WalkError) return { ok: false, problems: [error.problem] };
      throw error;
    }
  }

  #node(source: Node): YamlNode {
    const mark = markAt(this.#lines, source.range?.[0] ?? 0);
    if (isAlias(source)) return this.#alias(source.source, mark);
    const anchor = 'anchor' in source ? source.anchor : undefined;
    if (anchor !== undefined) this.#openAnchor(anchor, mark);
    const before = this.#size;
    this.#grow(1, mark);
    const node = this.#content(source, mark, anchor !== undefined);
    if (anchor !== undefined) this.#anchors.set(anchor, { node, size: this.#size - before });
    return node;
  }

  #openAnchor(anchor: string, mark: Mark): void {
    if (this.#anchors.has(anchor)) {
      throw new WalkError(mark, `the anchor &${anchor} is defined a second time; expected one definition`);
    }
    this.#anchors.set(anchor, 'open');
  }

  #alias(name: string, mark: Mark): YamlNode {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new WalkError(mark, `the alias *${name} has no anchor before it; expected &${name}`);
    if (target === 'open') throw new WalkError(mark, `the alias *${name} stands inside what it names`);
    this.#grow(target.size, mark);
    return target.node;
  }

  #grow(by: number, mark: Mark): void {
    this.#size += by;
    if (this.#size > MAX_EXPANDED_VALUES) {
      throw new WalkError(mark, `more than ${MAX_EXPANDED_VALUES} values once every alias is followed`);
    }
  }

  #content(source: Node, mark: Mark, anchored: boolean): YamlNode {
    if (isScalar(source)) return scalarNode(source, mark, anchored);
    if (isMap(source)) return this.#map(source, mark, anchored);
    if (isSeq(source)) return this.#list(source, mark, anchored);
    throw new WalkError(mark, 'not a value, a list or a mapping');
  }

  #list(source: YAMLSeq, mark: Mark, anchored: boolean): ListNode {
    const items = source.items.map((item) => this.#item(item, mark));
    return { kind: 'list', mark, tag: source.tag ?? null, items, anchored };
  }

  #map(source: YAMLMap, mark: Mark, anchored: boolean): MapNode {
    const entries = source.items.map((pair): MapEntry => {
      const key = this.#item(pair.key, mark);
      return { key, value: this.#item(pair.value, key.mark) };
    });
    return { kind: 'map', mark, tag: source.tag ?? null, entries, anchored };
  }

  #item(item: unknown, near: Mark): YamlNode {
    if (isNodeLike(item)) return this.#node(item);
    this.#grow(1, near);
    return { kind: 'scalar', mark: near, tag: null, text: '', plain: true, anchored: false };
  }
}

function isNodeLike(item: unknown): item is Node {
  return isAlias(item) || isScalar(item) || isMap(item) || isSeq(item);
}

function scalarNode(source: Scalar, mark: Mark, anchored: boolean): ScalarNode {
  const plain = source.type === Scalar.PLAIN;
  return { kind: 'scalar', mark, tag: source.tag ?? null, text: String(source.value ?? ''), plain, anchored };
}
