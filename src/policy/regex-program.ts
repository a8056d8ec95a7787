import { unsupported, type Assertion, type Matcher, type RegexNode } from './regex-syntax.ts';

/**
 * States of one automaton. A text of 10,000 code points against the largest one costs some 30 million steps at worst,
 * about a tenth of a second; repeats within repeats would otherwise grow without bound (CWE-1333).
 */
const MAX_STATES = 3_000;

/** One state of the automaton. */
export type State =
  | { readonly kind: 'one'; readonly matcher: number; readonly next: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'split'; readonly first: number; readonly second: number }
  | { readonly kind: 'match' };

/** A nondeterministic automaton (Thompson's construction). */
export interface Program {
  readonly states: readonly State[];
  readonly start: number;
  /** The different tests of one code point; states name them by index. */
  readonly matchers: readonly Matcher[];
}

/** Compiles a parsed pattern. Throws `RegexError` when it is too large. */
export function compileProgram(root: RegexNode): Program {
  const compiler = new Compiler();
  const start = compiler.node(root, compiler.add({ kind: 'match' }));
  return { states: compiler.states, start, matchers: compiler.matchers };
}

class Compiler {
  readonly states: State[] = [];
  readonly matchers: Matcher[] = [];
  readonly #matcherIndex = new Map<string, number>();

  add(state: State): number {
    if (this.states.length >= MAX_STATES) throw unsupported(`a pattern of more than ${MAX_STATES} states`);
    this.states.push(state);
    return this.states.length - 1;
  }

  /** The state that matches the node and goes on at `next`. */
  node(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'one':
        return this.add({ kind: 'one', matcher: this.#matcher(node.matcher), next });
      case 'assert':
        return this.add({ kind: 'assert', assertion: node.assertion, next });
      case 'concat':
        return node.items.reduceRight((following, item) => this.node(item, following), next);
      case 'alternate':
        return node.branches
          .map((branch) => this.node(branch, next))
          .reduceRight((second, first) => this.add({ kind: 'split', first, second }));
      case 'repeat':
        return this.#repeat(node, next);
      default:
        return node satisfies never;
    }
  }

  #repeat(repeat: RegexNode & { kind: 'repeat' }, next: number): number {
    let following = next;
    if (repeat.max === Number.POSITIVE_INFINITY) following = this.#star(repeat.node, next);
    else {
      for (let count = repeat.min; count < repeat.max; count += 1) {
        following = this.add({ kind: 'split', first: this.node(repeat.node, following), second: next });
      }
    }
    for (let count = 0; count < repeat.min; count += 1) {
      const before = this.states.length;
      following = this.node(repeat.node, following);
      // A node without states would be repeated in vain, up to four billion times.
      if (this.states.length === before) break;
    }
    return following;
  }

  #star(node: RegexNode, next: number): number {
    const loop = this.add({ kind: 'split', first: next, second: next });
    const body = this.node(node, loop);
    this.states[loop] = { kind: 'split', first: body, second: next };
    return loop;
  }

  #matcher(matcher: Matcher): number {
    const known = this.#matcherIndex.get(matcher.id);
    if (known !== undefined) return known;
    this.matchers.push(matcher);
    this.#matcherIndex.set(matcher.id, this.matchers.length - 1);
    return this.matchers.length - 1;
  }
}
