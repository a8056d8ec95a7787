import { canonicalText } from '../model/canonical.ts';
import { Decimal, isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import type { NameVerdict } from './secret-names.ts';

/** What a view is made with. */
export interface ViewRules {
  readonly judgeName: (name: string) => NameVerdict;
  /** Redacts a text by its form; `depth` counts texts inside texts. */
  readonly text: (text: string, depth: number) => string;
  /** What stands for a secret. */
  readonly secret: (text: string) => string;
  /** What stands for something too large: its digest and how much of what it was. */
  readonly shortened: (text: string, size: string) => string;
}

/** How much of large values is shown. */
export interface Cut {
  readonly textCharacters: number;
  readonly items: number;
}

/**
 * How values are cut when they are too large, from nothing to almost everything. Long texts go first: they are prompts
 * and files, while many short parameters are more likely what the decision is about.
 */
export const CUTS: readonly Cut[] = [
  { textCharacters: 65_536, items: Infinity },
  { textCharacters: 16_384, items: Infinity },
  { textCharacters: 4_096, items: Infinity },
  { textCharacters: 1_024, items: Infinity },
  { textCharacters: 256, items: Infinity },
  { textCharacters: 256, items: 256 },
  { textCharacters: 256, items: 64 },
  { textCharacters: 128, items: 16 },
  { textCharacters: 64, items: 4 },
];

/** Longer than any shortest form of a secret: one that is cut in two at the end of a window is not shown at all. */
const OVERLAP_CHARACTERS = 1_024;
/** Names of parameters are short; a longer one is data. */
const MAX_KEY_CHARACTERS = 256;

/** Nothing is cut. */
export const WHOLE: Cut = { textCharacters: Infinity, items: Infinity };

/** Makes the view of a value: secrets marked, the rest exact, keys in code unit order. */
export class ValueView {
  readonly #rules: ViewRules;
  readonly #cut: Cut;
  readonly #depth: number;

  /** `depth` counts texts inside texts. */
  constructor(rules: ViewRules, cut: Cut, depth: number) {
    this.#rules = rules;
    this.#cut = cut;
    this.#depth = depth;
  }

  /** A value of any kind. */
  value(value: Value): Value {
    return this.#value(value, 'plain');
  }

  /** The parameters of an action; `first` is shown even where not all can be. */
  params(params: ValueMap, first: string | null): Value {
    return this.#map(params, 'plain', first);
  }

  #value(value: Value, verdict: NameVerdict): Value {
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.#text(value, verdict);
    if (typeof value === 'bigint' || value instanceof Decimal) return this.#number(value, verdict);
    if (isList(value)) return this.#list(value, verdict);
    if (isMap(value)) return this.#map(value, verdict, null);
    return value satisfies never;
  }

  #text(text: string, verdict: NameVerdict): string {
    if (isSecretFor(verdict, text)) return text === '' ? '' : this.#rules.secret(text);
    return cutText(text, this.#cut.textCharacters, {
      shortened: this.#rules.shortened,
      text: (part) => this.#rules.text(part, this.#depth),
    });
  }

  #number(value: bigint | Decimal, verdict: NameVerdict): Value {
    const text = canonicalText(value);
    if (verdict === 'all') return this.#rules.secret(text);
    const redacted = this.#rules.text(text, this.#depth);
    return redacted === text ? value : redacted;
  }

  #list(list: readonly Value[], verdict: NameVerdict): Value {
    const kept = list.slice(0, this.#cut.items).map((item) => this.#value(item, verdict));
    if (kept.length === list.length) return kept;
    const rest = list.slice(kept.length);
    return [...kept, this.#rules.shortened(canonicalText(rest), `${rest.length} items`)];
  }

  #map(map: ValueMap, verdict: NameVerdict, first: string | null): Value {
    const keys = [...map.keys()].sort((left, right) => order(left, right, first));
    const kept = keys.slice(0, this.#cut.items);
    const view = new Map<string, Value>();
    for (const key of kept)
      view.set(this.#key(key), this.#value(map.get(key) ?? null, this.#verdictOf(key, map, verdict)));
    if (kept.length < keys.length) {
      const rest = new Map(keys.slice(kept.length).map((key) => [key, map.get(key) ?? null]));
      view.set(this.#rules.shortened(canonicalText(rest), `${rest.size} keys`), null);
    }
    return view;
  }

  #verdictOf(key: string, map: ValueMap, outer: NameVerdict): NameVerdict {
    if (outer === 'all') return 'all';
    const own = this.#rules.judgeName(key);
    if (own !== 'plain') return own;
    return isSecretMember(key, map, this.#rules.judgeName) ? 'all' : outer;
  }

  #key(key: string): string {
    return cutText(key, MAX_KEY_CHARACTERS, {
      shortened: this.#rules.shortened,
      text: (part) => this.#rules.text(part, this.#depth),
    });
  }
}

/** True when a name makes a text secret: `tokens` does not for a number, which is a count. */
export function isSecretFor(verdict: NameVerdict, text: string): boolean {
  return verdict === 'all' || (verdict === 'texts' && !/^\d*$/u.test(text));
}

/** Redacts a text and shows at most so many characters of it. No secret is cut in two. */
export function cutText(
  text: string,
  maxCharacters: number,
  rules: { readonly text: (text: string) => string; readonly shortened: ViewRules['shortened'] },
): string {
  if (text.length <= maxCharacters) return rules.text(text);
  const window = maxCharacters + OVERLAP_CHARACTERS;
  const redacted = rules.text(text.slice(0, window));
  const known = text.length > window ? redacted.length - OVERLAP_CHARACTERS : redacted.length;
  const head = redacted.slice(0, Math.max(0, Math.min(maxCharacters, known))).toWellFormed();
  return `${head}${rules.shortened(text, `${text.length} chars`)}`;
}

/**
 * Members whose neighbours say that they are secret: `value` beside a secret's name (environment of a pod, header
 * lists), and the data of a Kubernetes Secret.
 */
function isSecretMember(key: string, map: ValueMap, judgeName: ViewRules['judgeName']): boolean {
  if (key === 'data' || key === 'stringData') return map.get('kind') === 'Secret';
  if (key.toLowerCase() !== 'value') return false;
  return ['name', 'key', 'Name', 'Key'].some((sibling) => {
    const name = map.get(sibling);
    return typeof name === 'string' && judgeName(name) !== 'plain';
  });
}

function order(left: string, right: string, first: string | null): number {
  if (left === right) return 0;
  if (left === first) return -1;
  if (right === first) return 1;
  return left < right ? -1 : 1;
}

/** True when the view of a value under a cut has a chance of being at most `maxBytes` long; looks no further than that. */
export function mayFit(value: Value, cut: Cut, maxBytes: number): boolean {
  let left = maxBytes;
  const spend = (item: Value): void => {
    left -= 1;
    if (left < 0) return;
    if (typeof item === 'string') left -= Math.min(item.length, cut.textCharacters);
    else if (isList(item)) (item.length > cut.items ? item.slice(0, cut.items) : item).every(spendWhileLeft);
    else if (isMap(item)) spendMembers(item);
  };
  const spendMembers = (map: ValueMap): void => {
    let members = 0;
    for (const [key, member] of map) {
      members += 1;
      if (members > cut.items || !spendWhileLeft(key) || !spendWhileLeft(member)) return;
    }
  };
  const spendWhileLeft = (item: Value): boolean => {
    spend(item);
    return left >= 0;
  };
  return spendWhileLeft(value);
}
