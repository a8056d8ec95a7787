import { Anchors } from './anchors.ts';
import { YamlSyntaxError } from './cursor.ts';
import type { MapEntry, Mark, Problem, YamlNode } from './node.ts';
import { Scanner } from './scanner.ts';
import { describeToken, type Directive, type PunctuationKind, type Token } from './token.ts';

/** No policy, map or configuration nests deeper; deeper nesting only serves to exhaust the stack (CWE-674). */
const MAX_DEPTH_LEVELS = 64;

const DEFAULT_HANDLES: readonly (readonly [string, string])[] = [
  ['!', '!'],
  ['!!', 'tag:yaml.org,2002:'],
];

/** What parsing a text comes to; `node` is null for a text without a document. */
export type Composed =
  | { readonly ok: true; readonly node: YamlNode | null }
  | { readonly ok: false; readonly problem: Problem };

/** Parses one YAML document. Scalars keep their text: what they mean is the resolver's business. */
export function compose(text: string): Composed {
  try {
    return { ok: true, node: new Composer(text).stream() };
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) throw error;
    return { ok: false, problem: { mark: error.mark, path: [], message: error.message } };
  }
}

/** What stands before the content of a node. */
interface Properties {
  readonly anchor: string | null;
  readonly tag: string | null;
  readonly mark: Mark;
}

/** Reads tokens into nodes, by recursive descent with a bound on depth, in the grammar of PyYAML's parser. */
class Composer {
  readonly #scanner: Scanner;
  readonly #anchors = new Anchors();
  #handles = new Map(DEFAULT_HANDLES);
  #depth = 0;

  constructor(text: string) {
    this.#scanner = new Scanner(text);
  }

  stream(): YamlNode | null {
    if (this.#at('stream-end')) return null;
    const explicit = this.#at('directive', 'document-start');
    if (explicit) this.#documentStart();
    const node =
      explicit && this.#at('directive', 'document-start', 'document-end', 'stream-end')
        ? this.#empty(this.#scanner.peek().mark)
        : this.#node('block');
    this.#documentEnd();
    return node;
  }

  #documentStart(): void {
    this.#directives();
    if (!this.#at('document-start')) throw this.#unexpected('---');
    this.#scanner.next();
  }

  #documentEnd(): void {
    if (this.#at('document-end')) {
      while (this.#at('document-end')) this.#scanner.next();
      if (this.#at('stream-end')) return;
    } else if (this.#at('stream-end')) return;
    if (!this.#at('directive', 'document-start')) throw this.#unexpected('the end of the document');
    throw new YamlSyntaxError(
      this.#scanner.peek().mark,
      'a second document begins here; expected one document in a file',
    );
  }

  #directives(): void {
    const seen = new Set<string>();
    for (let token = this.#scanner.peek(); token.kind === 'directive'; token = this.#scanner.peek()) {
      this.#scanner.next();
      const name = token.directive.name === 'TAG' ? token.directive.handle : token.directive.name;
      if (token.directive.name !== 'other' && seen.has(name)) {
        throw new YamlSyntaxError(token.mark, `the directive for ${name} is written a second time; expected one`);
      }
      seen.add(name);
      this.#directive(token.directive, token.mark);
    }
  }

  #directive(directive: Directive, mark: Mark): void {
    if (directive.name === 'TAG') this.#handles.set(directive.handle, directive.prefix);
    if (directive.name === 'YAML' && directive.major !== 1) {
      throw new YamlSyntaxError(mark, `YAML ${directive.major} is not known; expected version 1`);
    }
  }

  #at(...kinds: readonly Token['kind'][]): boolean {
    return kinds.includes(this.#scanner.peek().kind);
  }

  #unexpected(expected: string): YamlSyntaxError {
    const token = this.#scanner.peek();
    return new YamlSyntaxError(token.mark, `found ${describeToken(token)}; expected ${expected}`);
  }

  #empty(mark: Mark): YamlNode {
    this.#anchors.grow(1, mark);
    return { kind: 'scalar', mark, tag: null, text: '', plain: true, anchored: false };
  }

  /** `indentless`: a list whose items stand in the column of the key before it. */
  #node(place: 'block' | 'indentless' | 'flow'): YamlNode {
    const token = this.#scanner.peek();
    if (token.kind === 'alias') {
      this.#scanner.next();
      return this.#anchors.follow(token.name, token.mark);
    }
    const properties = this.#properties();
    const { anchor } = properties;
    const close = anchor === null ? null : this.#anchors.open(anchor, properties.mark);
    this.#anchors.grow(1, properties.mark);
    const node = this.#content(properties, place);
    close?.(node);
    return node;
  }

  #properties(): Properties {
    const { mark } = this.#scanner.peek();
    let anchor: string | null = null;
    let tag: string | null = null;
    for (let token = this.#scanner.peek(); ; token = this.#scanner.peek()) {
      if (token.kind === 'anchor' && anchor === null) anchor = token.name;
      else if (token.kind === 'tag' && tag === null) tag = this.#tag(token.handle, token.suffix, token.mark);
      else return { anchor, tag, mark };
      this.#scanner.next();
    }
  }

  #tag(handle: string | null, suffix: string, mark: Mark): string {
    if (handle === null) return suffix;
    const prefix = this.#handles.get(handle);
    if (prefix === undefined) throw new YamlSyntaxError(mark, `the tag handle ${handle} is not defined`);
    return prefix + suffix;
  }

  #content(properties: Properties, place: 'block' | 'indentless' | 'flow'): YamlNode {
    const token = this.#scanner.peek();
    const anchored = properties.anchor !== null;
    if (token.kind === 'scalar') {
      this.#scanner.next();
      return { kind: 'scalar', mark: token.mark, tag: properties.tag, text: token.text, plain: token.plain, anchored };
    }
    const node = this.#collection(properties, place);
    if (node !== null) return node;
    if (!anchored && properties.tag === null) throw this.#unexpected('a value');
    return { kind: 'scalar', mark: properties.mark, tag: properties.tag, text: '', plain: true, anchored };
  }

  #collection(properties: Properties, place: 'block' | 'indentless' | 'flow'): YamlNode | null {
    const { kind, mark } = this.#scanner.peek();
    const common = { mark, tag: properties.tag, anchored: properties.anchor !== null };
    if (kind === 'block-entry' && place === 'indentless')
      return { kind: 'list', ...common, items: this.#nested(() => this.#indentlessItems()) };
    if (kind === 'flow-sequence-start')
      return { kind: 'list', ...common, items: this.#nested(() => this.#flowItems()) };
    if (kind === 'flow-mapping-start')
      return { kind: 'map', ...common, entries: this.#nested(() => this.#flowEntries()) };
    if (place === 'flow') return null;
    if (kind === 'block-sequence-start')
      return { kind: 'list', ...common, items: this.#nested(() => this.#blockItems()) };
    if (kind === 'block-mapping-start')
      return { kind: 'map', ...common, entries: this.#nested(() => this.#blockEntries()) };
    return null;
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH_LEVELS) {
      throw new YamlSyntaxError(this.#scanner.peek().mark, `nested deeper than ${MAX_DEPTH_LEVELS} levels`);
    }
    const value = read();
    this.#depth -= 1;
    return value;
  }

  /** The node at hand, or an empty one where one of `ends` follows. */
  #nodeOrEmpty(place: 'block' | 'indentless' | 'flow', mark: Mark, ...ends: readonly PunctuationKind[]): YamlNode {
    return this.#at(...ends) ? this.#empty(mark) : this.#node(place);
  }

  #blockItems(): readonly YamlNode[] {
    this.#scanner.next();
    const items: YamlNode[] = [];
    while (this.#at('block-entry')) {
      const { mark } = this.#scanner.next();
      items.push(this.#nodeOrEmpty('block', mark, 'block-entry', 'block-end'));
    }
    this.#endBlock('another item of the list ("- "), or the end of the list');
    return items;
  }

  #indentlessItems(): readonly YamlNode[] {
    const items: YamlNode[] = [];
    while (this.#at('block-entry')) {
      const { mark } = this.#scanner.next();
      items.push(this.#nodeOrEmpty('block', mark, 'block-entry', 'key', 'value', 'block-end'));
    }
    return items;
  }

  #endBlock(expected: string): void {
    if (!this.#at('block-end')) throw this.#unexpected(expected);
    this.#scanner.next();
  }

  #blockEntries(): readonly MapEntry[] {
    this.#scanner.next();
    const entries: MapEntry[] = [];
    while (this.#at('key')) {
      const { mark } = this.#scanner.next();
      const key = this.#nodeOrEmpty('indentless', mark, 'key', 'value', 'block-end');
      entries.push({ key, value: this.#entryValue('indentless', key.mark, 'key', 'value', 'block-end') });
    }
    this.#endBlock('another key, or the end of the mapping (is the indentation right?)');
    return entries;
  }

  /** What follows a `:`; an empty node where there is none. */
  #entryValue(place: 'indentless' | 'flow', near: Mark, ...ends: readonly PunctuationKind[]): YamlNode {
    if (!this.#at('value')) return this.#empty(near);
    const { mark } = this.#scanner.next();
    return this.#nodeOrEmpty(place, mark, ...ends);
  }

  #flowItems(): readonly YamlNode[] {
    this.#scanner.next();
    const items: YamlNode[] = [];
    while (!this.#at('flow-sequence-end')) {
      if (items.length > 0) this.#flowComma('"," or "]"');
      if (this.#at('flow-sequence-end')) break;
      items.push(this.#at('key') ? this.#pair() : this.#node('flow'));
    }
    this.#scanner.next();
    return items;
  }

  /** `[a: 1]` is a list of one mapping. */
  #pair(): YamlNode {
    const { mark } = this.#scanner.next();
    this.#anchors.grow(1, mark);
    const key = this.#nodeOrEmpty('flow', mark, 'value', 'flow-entry', 'flow-sequence-end');
    const value = this.#entryValue('flow', key.mark, 'flow-entry', 'flow-sequence-end');
    return { kind: 'map', mark, tag: null, entries: [{ key, value }], anchored: false };
  }

  #flowComma(expected: string): void {
    if (!this.#at('flow-entry')) throw this.#unexpected(expected);
    this.#scanner.next();
  }

  #flowEntries(): readonly MapEntry[] {
    this.#scanner.next();
    const entries: MapEntry[] = [];
    while (!this.#at('flow-mapping-end')) {
      if (entries.length > 0) this.#flowComma('"," or "}"');
      if (this.#at('flow-mapping-end')) break;
      entries.push(this.#flowMapEntry());
    }
    this.#scanner.next();
    return entries;
  }

  #flowMapEntry(): MapEntry {
    if (!this.#at('key')) {
      const key = this.#node('flow');
      return { key, value: this.#empty(key.mark) };
    }
    const { mark } = this.#scanner.next();
    const key = this.#nodeOrEmpty('flow', mark, 'value', 'flow-entry', 'flow-mapping-end');
    return { key, value: this.#entryValue('flow', key.mark, 'flow-entry', 'flow-mapping-end') };
  }
}
