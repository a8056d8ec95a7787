import type { Glob } from './glob.ts';
import type { Rule } from './policy.ts';

/**
 * Finds the rules whose globs may match an action without looking at the others. Three levels, for type, target and
 * agent: at each, a rule stands under its literal, under the text that its glob must start or end with, or among the
 * rest. The rules found are visited in their order.
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
    this.#heads = lists.length > 1 ? lists.map(() => 0) : [0];
  }

  /** The next order, or -1 at the end. */
  next(): number {
    if (this.#lists.length === 1) return this.#nextOfOne(this.#lists[0] ?? []);
    let best = -1;
    let bestList = -1;
    for (let index = 0; index < this.#lists.length; index += 1) {
      const order = this.#lists[index]?.[this.#heads[index] ?? 0];
      if (order !== undefined && (best < 0 || order < best)) {
        best = order;
        bestList = index;
      }
    }
    if (bestList >= 0) this.#heads[bestList] = (this.#heads[bestList] ?? 0) + 1;
    return best;
  }

  #nextOfOne(list: readonly number[]): number {
    const head = this.#heads[0] ?? 0;
    this.#heads[0] = head + 1;
    return list[head] ?? -1;
  }
}

/** Rules by one of their globs; below the last level stand the orders themselves. */
class Level {
  readonly #depth: number;
  readonly #exact = new Map<string, Level>();
  readonly #starts = new AffixTable((text, length) => text.slice(0, length));
  readonly #ends = new AffixTable((text, length) => text.slice(text.length - length));
  readonly #orders: number[] = [];
  #rest: Level | null = null;

  constructor(depth: number) {
    this.#depth = depth;
  }

  add(globs: readonly Glob[], order: number): void {
    const glob = globs[this.#depth];
    if (glob === undefined) this.#orders.push(order);
    else this.#below(glob).add(globs, order);
  }

  #below(glob: Glob): Level {
    const make = (): Level => new Level(this.#depth + 1);
    if (glob.literal !== null) {
      const known = this.#exact.get(glob.literal) ?? make();
      this.#exact.set(glob.literal, known);
      return known;
    }
    if (glob.prefix !== '' && glob.prefix.length >= glob.suffix.length) return this.#starts.at(glob.prefix, make);
    if (glob.suffix !== '') return this.#ends.at(glob.suffix, make);
    this.#rest ??= make();
    return this.#rest;
  }

  seal(): void {
    this.#starts.seal();
    this.#ends.seal();
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
    this.#starts.collect(text, texts, into);
    this.#ends.collect(text, texts, into);
    this.#rest?.collect(texts, into);
  }
}

/** Levels by a text that theirs must start (or end) with; asked once for each different length of such texts. */
class AffixTable {
  readonly #part: (text: string, length: number) => string;
  readonly #levels = new Map<string, Level>();
  #lengths: readonly number[] = [];

  constructor(part: (text: string, length: number) => string) {
    this.#part = part;
  }

  at(affix: string, make: () => Level): Level {
    const known = this.#levels.get(affix) ?? make();
    this.#levels.set(affix, known);
    return known;
  }

  seal(): void {
    this.#lengths = [...new Set([...this.#levels.keys()].map((affix) => affix.length))];
    for (const level of this.#levels.values()) level.seal();
  }

  collect(text: string, texts: readonly string[], into: (readonly number[])[]): void {
    for (const length of this.#lengths) {
      if (length <= text.length) this.#levels.get(this.#part(text, length))?.collect(texts, into);
    }
  }
}
