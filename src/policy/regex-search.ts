import { isAsciiWord, isWord } from './regex-char.ts';
import type { Program } from './regex-program.ts';
import type { Assertion } from './regex-syntax.ts';

/** States that the deterministic automaton keeps, counted in members of their sets: about 100 KB for each pattern. */
const MAX_CACHED_MEMBERS = 20_000;
/** Code points beyond ASCII whose class is kept. */
const MAX_CACHED_CODES = 2_000;

const NEWLINE = 0x0a;

/** What assertions ask of the code point on one side of a position. */
interface Side {
  readonly edge: boolean;
  readonly word: boolean;
  readonly asciiWord: boolean;
  readonly newline: boolean;
}

/** Code points that no state of the program tells apart. */
interface CodeClass extends Side {
  readonly id: number;
  /** Which matchers accept it, by index. */
  readonly accepted: Uint8Array;
  /** The newline that ends the text: `$` matches before it. */
  readonly finalNewline: boolean;
}

/** A set of states of the program, before assertions are tested, and what stood before it. */
interface Node {
  readonly members: readonly number[];
  readonly before: Side;
  readonly next: Map<number, Node | 'match'>;
}

const EDGE: Side = { edge: true, word: false, asciiWord: false, newline: false };

/**
 * Searches a program in a text by the subset construction, built as far as texts need it. Every step is at most one
 * pass over the program, so that the time is bounded by the product of both sizes whatever the text says.
 */
export class Search {
  readonly #program: Program;
  readonly #end: CodeClass;
  readonly #classes = new Map<string, CodeClass>();
  readonly #codes = new Map<number, CodeClass>();
  readonly #nodes = new Map<string, Node>();
  readonly #marks: Uint32Array;
  #mark = 0;
  #cachedMembers = 0;

  constructor(program: Program) {
    this.#program = program;
    this.#marks = new Uint32Array(program.states.length);
    this.#end = { ...EDGE, id: -1, accepted: new Uint8Array(), finalNewline: false };
  }

  test(text: string): boolean {
    const empty = text === '';
    let node = this.#node([], EDGE);
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at) ?? 0;
      at += code > 0xffff ? 2 : 1;
      const found = this.#step(node, this.#classOf(code, at === text.length), empty);
      if (found === 'match') return true;
      node = found;
    }
    return this.#step(node, this.#end, empty) === 'match';
  }

  #step(node: Node, code: CodeClass, empty: boolean): Node | 'match' {
    // The only position of an empty text is not like the first position of others, and is not worth keeping.
    if (empty) return this.#advance(node, code, empty);
    const known = node.next.get(code.id);
    if (known !== undefined) return known;
    const found = this.#advance(node, code, empty);
    node.next.set(code.id, found);
    return found;
  }

  /** Follows everything that needs no code point, then the code point; a search may begin at every position. */
  #advance(node: Node, code: CodeClass, empty: boolean): Node | 'match' {
    const { states, start } = this.#program;
    const pending = [...node.members, start];
    const members: number[] = [];
    this.#mark += 1;
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      const state = states[index];
      if (state === undefined || this.#marks[index] === this.#mark) continue;
      this.#marks[index] = this.#mark;
      if (state.kind === 'match') return 'match';
      if (state.kind === 'split') pending.push(state.first, state.second);
      else if (state.kind === 'assert') {
        if (ASSERTIONS[state.assertion](node.before, code, empty)) pending.push(state.next);
      } else if (code.accepted[state.matcher] === 1) members.push(state.next);
    }
    return this.#node(
      [...new Set(members)].sort((left, right) => left - right),
      code,
    );
  }

  #node(members: readonly number[], before: Side): Node {
    const key = `${sideFlags(before)}:${members.join(',')}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    this.#cachedMembers += members.length + 1;
    if (this.#cachedMembers > MAX_CACHED_MEMBERS) this.#forget(members.length + 1);
    const node: Node = { members, before, next: new Map() };
    this.#nodes.set(key, node);
    return node;
  }

  #forget(kept: number): void {
    for (const node of this.#nodes.values()) node.next.clear();
    this.#nodes.clear();
    this.#cachedMembers = kept;
  }

  #classOf(code: number, last: boolean): CodeClass {
    if (last && code === NEWLINE) return this.#classify(code, true);
    const known = this.#codes.get(code);
    if (known !== undefined) return known;
    const found = this.#classify(code, false);
    if (this.#codes.size >= MAX_CACHED_CODES) this.#codes.clear();
    this.#codes.set(code, found);
    return found;
  }

  #classify(code: number, finalNewline: boolean): CodeClass {
    const accepted = Uint8Array.from(this.#program.matchers, (matcher) => Number(matcher.matches(code)));
    const side = { edge: false, word: isWord(code), asciiWord: isAsciiWord(code), newline: code === NEWLINE };
    const key = `${accepted.join('')} ${sideFlags(side)} ${Number(finalNewline)}`;
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const found = { ...side, id: this.#classes.size, accepted, finalNewline };
    this.#classes.set(key, found);
    return found;
  }
}

function sideFlags(side: Side): number {
  return Number(side.edge) + 2 * Number(side.word) + 4 * Number(side.asciiWord) + 8 * Number(side.newline);
}

/** Python 3.11 finds no position in an empty text to be without a boundary. */
const ASSERTIONS: {
  readonly [assertion in Assertion]: (before: Side, after: CodeClass, empty: boolean) => boolean;
} = {
  begin: (before) => before.edge,
  'begin-line': (before) => before.edge || before.newline,
  end: (_before, after) => after.edge,
  'end-line': (_before, after) => after.edge || after.newline,
  'end-or-final-newline': (_before, after) => after.edge || after.finalNewline,
  boundary: (before, after) => before.word !== after.word,
  'boundary-ascii': (before, after) => before.asciiWord !== after.asciiWord,
  'no-boundary': (before, after, empty) => !empty && before.word === after.word,
  'no-boundary-ascii': (before, after, empty) => !empty && before.asciiWord === after.asciiWord,
};
