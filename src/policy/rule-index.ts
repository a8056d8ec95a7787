import type { Glob } from './glob.ts';
import type { Rule } from './policy.ts';

/**
 * Finds the rules whose globs may match an action without looking at the others. Three levels, for type, target and
 * agent: at each, a rule stands under its literal, under a text that its glob must start with, end with or hold, or
 * among the rest. The rules found are visited in their order.
 */
export class RuleIndex {
  readonly #root: Level;

  constructor(rules: readonly Rule[]) {
    this.#root = new Level(0);
    for (const [order, rule] of rules.entries()) {
      this.#root.add([rule.match.type, rule.match.target, rule.match.agent], order);
    }
    this.#root.seal();
  }

  /** The orders of all rules that may match; every rule that does match is among them. */
  candidates(type: string, target: string, agent: string): Candidates {
    const lists: (readonly number[])[] = [];
    this.#root.collect([type, target, agent], lists);
    return new Candidates(lists);
  }
}

/** Visits sorted lists of rule orders as one, without making it. */
export class Candidates {
  readonly #lists: readonly (readonly number[])[];
  readonly #heads: number[];

  constructor(lists: readonly (readonly number[])[]) {
    this.#lists = lists;
    this.#heads = lists.map(() => 0);
  }

  /** The next order, or -1 at the end. */
  next(): number {
    let best = Number.POSITIVE_INFINITY;
    let bestList = -1;
    for (let index = 0; index < this.#lists.length; index += 1) {
      const order = this.#head(index);
      if (order < best) {
        best = order;
        bestList = index;
      }
    }
    if (bestList < 0) return -1;
    this.#heads[bestList] = (this.#heads[bestList] ?? 0) + 1;
    return best;
  }

  #head(index: number): number {
    return this.#lists[index]?.[this.#heads[index] ?? 0] ?? Number.POSITIVE_INFINITY;
  }
}

type Make = () => Level;

/** Rules by one of their globs; below the last level stand the orders themselves. */
class Level {
  readonly #depth: number;
  readonly #exact = new Map<string, Level>();
  readonly #starts = new AffixTable((text, length) => text.slice(0, length));
  readonly #ends = new AffixTable((text, length) => text.slice(text.length - length));
  readonly #inner = new GramTable();
  readonly #orders: number[] = [];
  #rest: Level | null = null;

  constructor(depth: number) {
    this.#depth = depth;
  }

  add(globs: readonly Glob[], order: number): void {
    const glob = globs[this.#depth];
    if (glob === undefined) this.#orders.push(order);
    else this.#below(glob, () => new Level(this.#depth + 1)).add(globs, order);
  }

  #below(glob: Glob, make: Make): Level {
    if (glob.literal !== null) return getOrMake(this.#exact, glob.literal, make);
    if (glob.prefix !== '' && glob.prefix.length >= glob.suffix.length) return this.#starts.at(glob.prefix, make);
    if (glob.suffix !== '') return this.#ends.at(glob.suffix, make);
    if (glob.inner.length >= GRAM_LENGTH) return this.#inner.at(glob.inner, make);
    this.#rest ??= make();
    return this.#rest;
  }

  seal(): void {
    for (const table of [this.#starts, this.#ends, this.#inner]) table.seal();
    for (const level of this.#exact.values()) level.seal();
    this.#rest?.seal();
  }

  collect(texts: readonly string[], into: (readonly number[])[]): void {
    const text = texts[this.#depth];
    if (text === undefined) {
      into.push(this.#orders);
      return;
    }
    this.#exact.get(text)?.collect(texts, into);
    for (const level of this.#starts.levels(text)) level.collect(texts, into);
    for (const level of this.#ends.levels(text)) level.collect(texts, into);
    for (const level of this.#inner.levels(text)) level.collect(texts, into);
    this.#rest?.collect(texts, into);
  }
}

function getOrMake(levels: Map<string, Level>, key: string, make: Make): Level {
  const level = levels.get(key) ?? make();
  levels.set(key, level);
  return level;
}

const NONE: readonly Level[] = [];

/** Levels by a text that theirs must start (or end) with; asked once for each different length of such texts. */
class AffixTable {
  readonly #part: (text: string, length: number) => string;
  readonly #levels = new Map<string, Level>();
  #lengths: readonly number[] = [];

  constructor(part: (text: string, length: number) => string) {
    this.#part = part;
  }

  at(affix: string, make: Make): Level {
    return getOrMake(this.#levels, affix, make);
  }

  seal(): void {
    this.#lengths = [...new Set([...this.#levels.keys()].map((affix) => affix.length))];
    for (const level of this.#levels.values()) level.seal();
  }

  levels(text: string): readonly Level[] {
    if (this.#lengths.length === 0) return NONE;
    const found: Level[] = [];
    for (const length of this.#lengths) {
      const level = length <= text.length ? this.#levels.get(this.#part(text, length)) : undefined;
      if (level !== undefined) found.push(level);
    }
    return found;
  }
}

/** Code units of a text inside of a glob by which its rules are found: two would find too many, four too few. */
const GRAM_LENGTH = 3;

/** Levels by the first code units of the longest text inside of a glob such as `*prod*`. */
class GramTable {
  readonly #levels = new Map<string, Level>();

  at(inner: string, make: Make): Level {
    return getOrMake(this.#levels, inner.slice(0, GRAM_LENGTH), make);
  }

  seal(): void {
    for (const level of this.#levels.values()) level.seal();
  }

  levels(text: string): readonly Level[] {
    if (this.#levels.size === 0) return NONE;
    const found: Level[] = [];
    for (let at = 0; at + GRAM_LENGTH <= text.length; at += 1) {
      const level = this.#levels.get(text.slice(at, at + GRAM_LENGTH));
      if (level !== undefined && !found.includes(level)) found.push(level);
    }
    return found;
  }
}
