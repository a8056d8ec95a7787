import { BLANK_BREAK_OR_END, Cursor, YamlSyntaxError } from './cursor.ts';
import type { Mark } from './node.ts';
import { scanBlockScalar } from './scan-block-scalar.ts';
import { scanAnchor, scanDirective, scanTag } from './scan-property.ts';
import { scanPlain, scanQuoted } from './scan-scalar.ts';
import type { PunctuationKind, Token } from './token.ts';

/** A key without `?` ends within its line and this many characters (YAML 1.1 section 7.3.3, and so PyYAML). */
const MAX_SIMPLE_KEY_LENGTH = 1024;

/** A token that may turn out to be a key when a `:` follows. */
interface SimpleKey {
  readonly tokenNumber: number;
  /** Nothing else can stand here: without `:` the text is wrong. */
  readonly required: boolean;
  readonly at: number;
  readonly indent: number;
  readonly mark: Mark;
}

const FLOW_PUNCTUATION: ReadonlyMap<string, PunctuationKind> = new Map([
  ['[', 'flow-sequence-start'],
  ['{', 'flow-mapping-start'],
  [']', 'flow-sequence-end'],
  ['}', 'flow-mapping-end'],
]);

/**
 * Turns a text into tokens as PyYAML 6 does, whose scanner this follows step by step (MIT licence, Kirill Simonov): a
 * policy must not mean something else here than it does to Aegis.
 */
export class Scanner {
  readonly #cursor: Cursor;
  readonly #tokens: Token[] = [];
  #taken = 0;
  #done = false;
  /** Open `[` and `{`. */
  #flowLevel = 0;
  /** The indentation of the block at hand, and those of the blocks around it; -1 outside of all. */
  #indent = -1;
  readonly #indents: number[] = [];
  /** Whether a key without `?` may stand here. */
  #allowSimpleKey = true;
  /** The key that may be under way, for each flow level. */
  readonly #simpleKeys = new Map<number, SimpleKey>();

  constructor(text: string) {
    this.#cursor = new Cursor(text);
  }

  /** The next token, left in place. Behind the last one it is the end of the stream again. */
  peek(): Token {
    while (this.#needsMore()) this.#fetch();
    return this.#tokens[0] ?? { kind: 'stream-end', mark: this.#cursor.mark() };
  }

  next(): Token {
    const token = this.peek();
    if (this.#tokens.shift() !== undefined) this.#taken += 1;
    return token;
  }

  /** The first token may get a `key` before it as long as it may be the start of a key. */
  #needsMore(): boolean {
    if (this.#done) return false;
    if (this.#tokens.length === 0) return true;
    this.#dropStaleKeys();
    let first = Number.POSITIVE_INFINITY;
    for (const key of this.#simpleKeys.values()) first = Math.min(first, key.tokenNumber);
    return first === this.#taken;
  }

  #dropStaleKeys(): void {
    for (const [level, key] of this.#simpleKeys) {
      const near = key.mark.line === this.#cursor.line && this.#cursor.at - key.at <= MAX_SIMPLE_KEY_LENGTH;
      if (near) continue;
      if (key.required) throw missingColon(key);
      this.#simpleKeys.delete(level);
    }
  }

  #saveSimpleKey(): void {
    if (!this.#allowSimpleKey) return;
    const required = this.#flowLevel === 0 && this.#indent === this.#cursor.indent;
    this.#removeSimpleKey();
    this.#simpleKeys.set(this.#flowLevel, {
      tokenNumber: this.#taken + this.#tokens.length,
      required,
      at: this.#cursor.at,
      indent: this.#cursor.indent,
      mark: this.#cursor.mark(),
    });
  }

  #removeSimpleKey(): void {
    const key = this.#simpleKeys.get(this.#flowLevel);
    if (key?.required === true) throw missingColon(key);
    this.#simpleKeys.delete(this.#flowLevel);
  }

  #fetch(): void {
    this.#skipToToken();
    this.#dropStaleKeys();
    this.#unwind(this.#cursor.indent);
    if (this.#fetchDocumentMarker()) return;
    if (this.#fetchFlowPunctuation()) return;
    if (this.#fetchIndicator()) return;
    this.#fetchContent();
  }

  #skipToToken(): void {
    do {
      this.#cursor.skipSpaces();
      this.#cursor.skipComment();
      if (this.#cursor.lineBreak() === '') return;
      if (this.#flowLevel === 0) this.#allowSimpleKey = true;
    } while (this.#cursor.peek() !== '\0');
    this.#cursor.skipSpaces();
  }

  /** Closes the blocks that are indented deeper than the column at hand. */
  #unwind(indent: number): void {
    if (this.#flowLevel > 0) return;
    while (this.#indent > indent) {
      this.#push('block-end');
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  #addIndent(indent: number): boolean {
    if (this.#indent >= indent) return false;
    this.#indents.push(this.#indent);
    this.#indent = indent;
    return true;
  }

  #push(kind: PunctuationKind): void {
    this.#tokens.push({ kind, mark: this.#cursor.mark() });
  }

  #fetchDocumentMarker(): boolean {
    const cursor = this.#cursor;
    if (cursor.peek() === '\0') return this.#endBlocks(() => this.#endStream());
    if (cursor.indent > 0) return false;
    if (cursor.peek() === '%') return this.#endBlocks(() => this.#tokens.push(scanDirective(cursor)));
    if (cursor.atDocumentMarker('---')) return this.#endBlocks(() => this.#punctuation('document-start', 3));
    if (cursor.atDocumentMarker('...')) return this.#endBlocks(() => this.#punctuation('document-end', 3));
    return false;
  }

  #endBlocks(then: () => void): true {
    this.#unwind(-1);
    this.#removeSimpleKey();
    this.#allowSimpleKey = false;
    then();
    return true;
  }

  #endStream(): void {
    this.#simpleKeys.clear();
    this.#push('stream-end');
    this.#done = true;
  }

  #punctuation(kind: PunctuationKind, length: number): void {
    this.#push(kind);
    this.#cursor.forward(length);
  }

  #fetchFlowPunctuation(): boolean {
    const kind = FLOW_PUNCTUATION.get(this.#cursor.peek());
    if (kind === 'flow-sequence-start' || kind === 'flow-mapping-start') {
      this.#saveSimpleKey();
      this.#flowLevel += 1;
      this.#allowSimpleKey = true;
    } else if (kind !== undefined) {
      this.#removeSimpleKey();
      if (this.#flowLevel > 0) this.#flowLevel -= 1;
      this.#allowSimpleKey = false;
    } else return false;
    this.#punctuation(kind, 1);
    return true;
  }

  #fetchIndicator(): boolean {
    const point = this.#cursor.peek();
    const alone = BLANK_BREAK_OR_END.includes(this.#cursor.peek(1));
    if (point === ',') return this.#flowEntry();
    if (point === '-' && alone) return this.#blockEntry();
    if (point === '?' && (alone || this.#flowLevel > 0)) return this.#key();
    if (point === ':' && (alone || this.#flowLevel > 0)) return this.#value();
    return false;
  }

  #flowEntry(): true {
    this.#allowSimpleKey = true;
    this.#removeSimpleKey();
    this.#punctuation('flow-entry', 1);
    return true;
  }

  #blockEntry(): true {
    if (this.#flowLevel === 0) this.#startBlock('block-sequence-start', 'an item of a list ("- ")');
    this.#allowSimpleKey = true;
    this.#removeSimpleKey();
    this.#punctuation('block-entry', 1);
    return true;
  }

  #key(): true {
    if (this.#flowLevel === 0) this.#startBlock('block-mapping-start', 'a key ("? ")');
    this.#allowSimpleKey = this.#flowLevel === 0;
    this.#removeSimpleKey();
    this.#punctuation('key', 1);
    return true;
  }

  #startBlock(kind: PunctuationKind, what: string): void {
    if (!this.#allowSimpleKey) throw this.#cursor.fail(`${what} cannot stand here; expected it in a line of its own`);
    if (this.#addIndent(this.#cursor.indent)) this.#push(kind);
  }

  #value(): true {
    const key = this.#simpleKeys.get(this.#flowLevel);
    if (key === undefined) {
      if (this.#flowLevel === 0) this.#startBlock('block-mapping-start', 'a ":"');
      this.#allowSimpleKey = this.#flowLevel === 0;
      this.#removeSimpleKey();
    } else {
      this.#simpleKeys.delete(this.#flowLevel);
      const place = key.tokenNumber - this.#taken;
      this.#tokens.splice(place, 0, { kind: 'key', mark: key.mark });
      if (this.#flowLevel === 0 && this.#addIndent(key.indent)) {
        this.#tokens.splice(place, 0, { kind: 'block-mapping-start', mark: key.mark });
      }
      this.#allowSimpleKey = false;
    }
    this.#punctuation('value', 1);
    return true;
  }

  #fetchContent(): void {
    const cursor = this.#cursor;
    const point = cursor.peek();
    if ((point === '|' || point === '>') && this.#flowLevel === 0) return this.#fetchBlockScalar();
    if (!startsContent(cursor, this.#flowLevel > 0)) throw unexpected(cursor);
    this.#saveSimpleKey();
    this.#allowSimpleKey = false;
    if (point === '*' || point === '&') this.#tokens.push(scanAnchor(cursor));
    else if (point === '!') this.#tokens.push(scanTag(cursor));
    else this.#fetchScalar(point);
  }

  #fetchScalar(point: string): void {
    const mark = this.#cursor.mark();
    if (point === '"' || point === "'") {
      this.#tokens.push({ kind: 'scalar', mark, text: scanQuoted(this.#cursor), plain: false });
      return;
    }
    const plain = scanPlain(this.#cursor, this.#indent + 1, this.#flowLevel > 0);
    this.#allowSimpleKey = plain.endsLine;
    this.#tokens.push({ kind: 'scalar', mark, text: plain.text, plain: true });
  }

  #fetchBlockScalar(): void {
    this.#allowSimpleKey = true;
    this.#removeSimpleKey();
    const mark = this.#cursor.mark();
    const text = scanBlockScalar(this.#cursor, this.#indent);
    this.#tokens.push({ kind: 'scalar', mark, text, plain: false });
  }
}

function missingColon(key: SimpleKey): YamlSyntaxError {
  return new YamlSyntaxError(key.mark, 'a key is not followed by ":" in its line; expected one');
}

/** Properties, quotes, and whatever may begin a plain scalar. */
function startsContent(cursor: Cursor, inFlow: boolean): boolean {
  const point = cursor.peek();
  if (`*&!"'`.includes(point)) return true;
  if (!`${BLANK_BREAK_OR_END}-?:,[]{}#&*!|>'"%@\``.includes(point)) return true;
  return !BLANK_BREAK_OR_END.includes(cursor.peek(1)) && (point === '-' || (!inFlow && '?:'.includes(point)));
}

function unexpected(cursor: Cursor): YamlSyntaxError {
  if (cursor.peek() === '\t') return cursor.fail('a tab cannot stand here; expected spaces');
  return cursor.fail(`found ${cursor.shown()}, which begins nothing; expected it in quotes`);
}
