import { anyMatcher, literalMatcher, setMatcher, type Member } from './regex-char.ts';
import { categoryOf, plainEscape, setEscape } from './regex-escape.ts';
import { readFlags, type FlagGroup } from './regex-flags.ts';
import { Scanner } from './regex-scanner.ts';
import { invalid, unsupported, type Assertion, type Flags, type RegexNode } from './regex-syntax.ts';

/** Python's own bound (`MAXREPEAT`): a larger number is an error there. */
const MAX_REPEAT = 0xffffffff;
/** Each level costs stack while parsing and compiling; nobody writes a pattern this deep. */
const MAX_GROUP_DEPTH = 250;

/** What stands behind `(?` and has no place in linear time. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['=', 'a lookahead (?='],
  ['!', 'a lookahead (?!'],
  ['<', 'a lookbehind, or a name without P (?<'],
  ['>', 'an atomic group (?>'],
  ['(', 'a conditional group (?('],
  ['#', 'a comment (?#'],
]);

const GROUP_NAME = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;
const NO_FLAGS: Flags = { ignoreCase: false, multiLine: false, dotAll: false, ascii: false };

/**
 * Parses a pattern as Python 3.11's `re` does. Throws `RegexError`: `invalid` for what Python refuses, `dialect` for
 * what cannot be searched in linear time or is not supported.
 */
export function parseRegex(pattern: string): RegexNode {
  return new Parser(pattern).whole();
}

/** What was parsed last, and what may be repeated. */
interface Item {
  readonly node: RegexNode;
  readonly role: 'repeatable' | 'assertion' | 'repeat';
}

class Parser {
  readonly #scanner: Scanner;
  readonly #names = new Set<string>();
  #flags = NO_FLAGS;

  constructor(pattern: string) {
    this.#scanner = new Scanner(pattern);
  }

  whole(): RegexNode {
    this.#globalFlags();
    const node = this.#alternation(this.#flags, 0);
    if (this.#scanner.next !== null) throw invalid('a ) has no ( before it');
    return node;
  }

  /** `(?i)` and the like, which Python takes at the start only. */
  #globalFlags(): void {
    for (;;) {
      const mark = this.#scanner.mark();
      const group = this.#scanner.take('(') && this.#scanner.take('?') ? readFlags(this.#scanner) : null;
      if (group?.kind !== 'global') {
        this.#scanner.reset(mark);
        return;
      }
      this.#flags = { ...this.#flags, ...group.flags };
    }
  }

  #alternation(flags: Flags, depth: number): RegexNode {
    if (depth > MAX_GROUP_DEPTH) throw invalid(`groups are nested deeper than ${MAX_GROUP_DEPTH} levels`);
    const branches = [this.#sequence(flags, depth)];
    while (this.#scanner.take('|')) branches.push(this.#sequence(flags, depth));
    return branches.length === 1 && branches[0] !== undefined ? branches[0] : { kind: 'alternate', branches };
  }

  #sequence(flags: Flags, depth: number): RegexNode {
    const items: Item[] = [];
    for (;;) {
      const token = this.#scanner.next;
      if (token === null || token === '|' || token === ')') break;
      this.#scanner.get();
      const repeat = this.#repeatCounts(token);
      if (repeat !== null) items.push(this.#repeat(items.pop(), repeat));
      else items.push(this.#item(token, flags, depth));
    }
    return { kind: 'concat', items: items.map((item) => item.node) };
  }

  #item(token: string, flags: Flags, depth: number): Item {
    switch (token) {
      case '^':
        return assertion(flags.multiLine ? 'begin-line' : 'begin');
      case '$':
        return assertion(flags.multiLine ? 'end-line' : 'end-or-final-newline');
      case '.':
        return { node: { kind: 'one', matcher: anyMatcher(flags) }, role: 'repeatable' };
      case '[':
        return { node: this.#set(flags), role: 'repeatable' };
      case '(':
        return { node: this.#group(flags, depth), role: 'repeatable' };
      default:
        return token.startsWith('\\') ? this.#escape(token, flags) : literal(token.codePointAt(0) ?? 0, flags);
    }
  }

  /** The counts of `*`, `+`, `?`, `{m,n}`; null when the token repeats nothing (a `{` may be a literal). */
  #repeatCounts(token: string): { readonly min: number; readonly max: number } | null {
    if (token === '*') return { min: 0, max: Number.POSITIVE_INFINITY };
    if (token === '+') return { min: 1, max: Number.POSITIVE_INFINITY };
    if (token === '?') return { min: 0, max: 1 };
    return token === '{' ? this.#braces() : null;
  }

  #braces(): { readonly min: number; readonly max: number } | null {
    const mark = this.#scanner.mark();
    if (this.#scanner.next === '}') return null;
    const low = this.#scanner.takeWhile(/^[0-9]$/u);
    const high = this.#scanner.take(',') ? this.#scanner.takeWhile(/^[0-9]$/u) : low;
    if (!this.#scanner.take('}')) {
      this.#scanner.reset(mark);
      return null;
    }
    const min = low === '' ? 0 : Number(low);
    const max = high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (min >= MAX_REPEAT || (high !== '' && max >= MAX_REPEAT)) throw invalid('a repeat count is too large');
    if (max < min) throw invalid(`the repeat {${low},${high}} ends below its start`);
    return { min, max };
  }

  #repeat(item: Item | undefined, counts: { readonly min: number; readonly max: number }): Item {
    if (item === undefined || item.role === 'assertion') throw invalid('a repeat has nothing to repeat');
    if (item.role === 'repeat') throw invalid('a repeat follows a repeat');
    if (this.#scanner.take('+')) throw unsupported('a possessive repeat');
    // Whether a repeat is greedy decides what is matched, and never whether something is.
    this.#scanner.take('?');
    return { node: { kind: 'repeat', node: item.node, ...counts }, role: 'repeat' };
  }

  #escape(token: string, flags: Flags): Item {
    switch (token) {
      case '\\A':
        return assertion('begin');
      case '\\Z':
        return assertion('end');
      case '\\b':
        return assertion(flags.ascii ? 'boundary-ascii' : 'boundary');
      case '\\B':
        return assertion(flags.ascii ? 'no-boundary-ascii' : 'no-boundary');
      default: {
        const letter = categoryOf(token);
        if (letter === null) return literal(plainEscape(this.#scanner, token), flags);
        const matcher = setMatcher([{ kind: 'category', letter }], false, { ...flags, ignoreCase: false });
        return { node: { kind: 'one', matcher }, role: 'repeatable' };
      }
    }
  }

  #set(flags: Flags): RegexNode {
    const negated = this.#scanner.take('^');
    const members: Member[] = [];
    for (;;) {
      const token = this.#setToken();
      if (token === ']' && members.length > 0) break;
      const first = this.#member(token);
      if (!this.#scanner.take('-')) {
        members.push(first);
        continue;
      }
      const last = this.#setToken();
      if (last === ']') {
        members.push(first, { kind: 'range', from: 0x2d, to: 0x2d });
        break;
      }
      members.push(range(first, this.#member(last), `${token}-${last}`));
    }
    const only = members.length === 1 ? members[0] : undefined;
    const matcher =
      only?.kind === 'range' && only.from === only.to
        ? literalMatcher(only.from, negated, flags)
        : setMatcher(members, negated, flags);
    return { kind: 'one', matcher };
  }

  #setToken(): string {
    const token = this.#scanner.get();
    if (token === null) throw invalid('a set [ is not ended by ]');
    return token;
  }

  #member(token: string): Member {
    if (token.startsWith('\\')) return setEscape(this.#scanner, token);
    const code = token.codePointAt(0) ?? 0;
    return { kind: 'range', from: code, to: code };
  }

  #group(flags: Flags, depth: number): RegexNode {
    let inner = flags;
    if (this.#scanner.take('?')) {
      if (this.#scanner.take('P')) this.#named();
      else inner = { ...flags, ...this.#extension().flags };
    }
    const node = this.#alternation(inner, depth + 1);
    if (!this.#scanner.take(')')) throw invalid('a group ( is not ended by )');
    return node;
  }

  #named(): void {
    if (this.#scanner.take('=')) throw unsupported('a named backreference (?P=...)');
    if (!this.#scanner.take('<')) throw invalid('(?P is followed by neither < nor =');
    const name = this.#scanner.takeUntil('>', 'the name of a group');
    if (!GROUP_NAME.test(name)) throw invalid(`${JSON.stringify(name)} is not a name for a group`);
    if (this.#names.has(name)) throw invalid(`two groups have the name ${JSON.stringify(name)}`);
    this.#names.add(name);
  }

  #extension(): FlagGroup {
    const mark = this.#scanner.mark();
    const token = this.#scanner.get();
    if (token === ':') return { kind: 'scoped', flags: {} };
    const construct = token === null ? undefined : UNSUPPORTED.get(token);
    if (construct !== undefined) throw unsupported(construct);
    this.#scanner.reset(mark);
    const group = readFlags(this.#scanner);
    if (group === null) throw invalid(`(?${token ?? ''} begins nothing that Python knows`);
    if (group.kind === 'global') throw invalid('flags for the whole pattern stand elsewhere than at its start');
    return group;
  }
}

function assertion(kind: Assertion): Item {
  return { node: { kind: 'assert', assertion: kind }, role: 'assertion' };
}

function literal(code: number, flags: Flags): Item {
  return { node: { kind: 'one', matcher: literalMatcher(code, false, flags) }, role: 'repeatable' };
}

function range(first: Member, last: Member, shown: string): Member {
  if (first.kind !== 'range' || last.kind !== 'range' || last.from < first.from) {
    throw invalid(`${shown} is not a range of characters`);
  }
  return { kind: 'range', from: first.from, to: last.from };
}
