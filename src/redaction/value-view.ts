import { canonicalText, keysInOrder } from '../model/canonical.ts';
import { Decimal, isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import type { Cut } from './cuts.ts';
import { isPlain } from './plain-text.ts';
import type { NameVerdict } from './secret-names.ts';

/** A name, looked at. */
export interface Name {
  readonly verdict: NameVerdict;
  /** True where nothing in the name itself has to be hidden or cut. */
  readonly clean: boolean;
}

/** What a view is made with. */
export interface ViewRules {
  readonly nameOf: (name: string) => Name;
  /** Redacts a text by its form; `depth` counts texts inside texts. */
  readonly text: (text: string, depth: number) => string;
  /** What stands for a secret. */
  readonly secret: (text: string) => string;
  /** What stands for something too large: its digest and how much of what it was. */
  readonly shortened: (text: string, size: string) => string;
}

/** Longer than any shortest form of a secret: one that is cut in two at the end of a window is not shown at all. */
const OVERLAP_CHARACTERS = 1_024;
/** Names of parameters are short; a longer one is data. */
export const MAX_KEY_CHARACTERS = 256;

/** A value that is neither list nor mapping. */
export type Scalar = Exclude<Value, readonly Value[] | ValueMap>;

/** What a view is made of: values again, or JSON. */
export interface Form<Made> {
  readonly scalar: (value: Scalar) => Made;
  readonly list: (items: readonly Made[]) => Made;
  /** Where a key repeats, its last value counts, in the place of the first. */
  readonly map: (keys: readonly string[], members: readonly Made[]) => Made;
}

/** How a view is made. */
export interface ViewSettings<Made> {
  readonly cut: Cut;
  /** Counts texts inside texts. */
  readonly depth: number;
  readonly form: Form<Made>;
}

/** Below this size, a whole number has fewer digits than any secret that is told by its form. */
const MAX_PLAIN_NUMBER = 1e12;

/** Makes the view of a value in one walk: secrets marked, the rest exact, keys in code unit order. */
export class ValueView<Made> {
  readonly #rules: ViewRules;
  readonly #cut: Cut;
  readonly #depth: number;
  readonly #form: Form<Made>;
  readonly #textRules: CutRules;
  #changed = false;

  constructor(rules: ViewRules, { cut, depth, form }: ViewSettings<Made>) {
    this.#rules = rules;
    this.#cut = cut;
    this.#depth = depth;
    this.#form = form;
    this.#textRules = { shortened: rules.shortened, text: (text) => rules.text(text, depth) };
  }

  /** Whether anything that was viewed is shown other than it is. */
  get changed(): boolean {
    return this.#changed;
  }

  /** A value of any kind. */
  value(value: Value): Made {
    return this.#value(value, 'plain');
  }

  /** The parameters of an action; `first` is shown even where not all can be. */
  params(params: ValueMap, first: string | null): Made {
    return this.#map(params, 'plain', first);
  }

  #value(value: Value, verdict: NameVerdict): Made {
    if (typeof value === 'string') return this.#form.scalar(this.#text(value, verdict));
    if (value === null || typeof value === 'boolean') return this.#form.scalar(value);
    if (typeof value === 'bigint' || value instanceof Decimal) return this.#form.scalar(this.#number(value, verdict));
    if (isList(value)) return this.#list(value, verdict);
    if (isMap(value)) return this.#map(value, verdict, null);
    return value satisfies never;
  }

  #text(text: string, verdict: NameVerdict): string {
    if (verdict !== 'plain' && isSecretFor(verdict, text)) return text === '' ? '' : this.#secret(text);
    if (text.length <= this.#cut.textCharacters && isPlain(text)) return text;
    return this.#shown(text, cutText(text, this.#cut.textCharacters, this.#textRules));
  }

  #secret(text: string): string {
    this.#changed = true;
    return this.#rules.secret(text);
  }

  #shown(text: string, shown: string): string {
    if (shown !== text) this.#changed = true;
    return shown;
  }

  #number(value: bigint | Decimal, verdict: NameVerdict): Scalar {
    if (verdict === 'all') return this.#secret(canonicalText(value));
    if (typeof value === 'bigint' && value < MAX_PLAIN_NUMBER && value > -MAX_PLAIN_NUMBER) return value;
    const text = canonicalText(value);
    const redacted = this.#shown(text, this.#rules.text(text, this.#depth));
    return redacted === text ? value : redacted;
  }

  #list(list: readonly Value[], verdict: NameVerdict): Made {
    const items: Made[] = [];
    const kept = Math.min(list.length, this.#cut.items);
    for (let at = 0; at < kept; at += 1) items.push(this.#value(list[at] ?? null, verdict));
    if (kept < list.length) {
      const rest = list.slice(kept);
      items.push(this.#form.scalar(this.#shortened(rest, `${rest.length} items`)));
    }
    return this.#form.list(items);
  }

  #map(map: ValueMap, verdict: NameVerdict, first: string | null): Made {
    const keys = keysInOrder(map);
    if (first !== null) putFirst(keys, first);
    const kept = Math.min(keys.length, this.#cut.items);
    const shown: string[] = [];
    const members: Made[] = [];
    for (let at = 0; at < kept; at += 1) {
      const key = keys[at] ?? '';
      const name = this.#rules.nameOf(key);
      shown.push(name.clean ? key : this.#key(key));
      members.push(this.#value(map.get(key) ?? null, this.#verdictOf(key, name, { map, outer: verdict })));
    }
    if (kept < keys.length) {
      const rest = new Map(keys.slice(kept).map((key) => [key, map.get(key) ?? null]));
      shown.push(this.#shortened(rest, `${rest.size} keys`));
      members.push(this.#form.scalar(null));
    }
    return this.#form.map(shown, members);
  }

  #shortened(rest: Value, size: string): string {
    this.#changed = true;
    return this.#rules.shortened(canonicalText(rest), size);
  }

  #verdictOf(
    key: string,
    { verdict }: Name,
    { map, outer }: { readonly map: ValueMap; readonly outer: NameVerdict },
  ): NameVerdict {
    if (outer === 'all') return 'all';
    if (verdict !== 'plain') return verdict;
    return isSecretMember(key, map, this.#rules.nameOf) ? 'all' : outer;
  }

  #key(key: string): string {
    return this.#shown(key, cutText(key, MAX_KEY_CHARACTERS, this.#textRules));
  }
}

function putFirst(keys: string[], first: string): void {
  const at = keys.indexOf(first);
  if (at > 0) keys.unshift(...keys.splice(at, 1));
}

/** True when a name makes a text secret: `tokens` does not for a number, which is a count. */
export function isSecretFor(verdict: NameVerdict, text: string): boolean {
  return verdict === 'all' || (verdict === 'texts' && !/^\d*$/u.test(text));
}

interface CutRules {
  readonly text: (text: string) => string;
  readonly shortened: ViewRules['shortened'];
}

/** Redacts a text and shows at most so many characters of it. No secret is cut in two. */
export function cutText(text: string, maxCharacters: number, rules: CutRules): string {
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
function isSecretMember(key: string, map: ValueMap, nameOf: ViewRules['nameOf']): boolean {
  if (key === 'data' || key === 'stringData') return map.get('kind') === 'Secret';
  if (key.length !== 'value'.length || key.toLowerCase() !== 'value') return false;
  return ['name', 'key', 'Name', 'Key'].some((sibling) => {
    const name = map.get(sibling);
    return typeof name === 'string' && nameOf(name).verdict !== 'plain';
  });
}
