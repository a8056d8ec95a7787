/** Which kind of thing a name stands for; a name that stands for two is refused. */
export type NameKind = 'field' | 'file';

interface Entry {
  readonly base: string;
  readonly bracketed: boolean;
  readonly kind: NameKind;
}

/**
 * Watches the names of one query, form or multipart body for names that some servers read as one and others as two:
 * ASP.NET and Go ignore letter case, PHP cuts leading white space and reads dot and space as `_`, and `a` beside `a[]`
 * is whichever came last. Repeating the very same name is no mistake: it becomes a list.
 */
export class NameLedger {
  readonly #entries = new Map<string, Entry>();

  /** Enters a name and returns what is wrong with it, or null. The name itself is not echoed: it may be a secret. */
  add(name: string, kind: NameKind): string | null {
    if (name.trim() !== name) return 'expected names without white space around them';
    const bracket = name.indexOf('[');
    const base = bracket > 0 ? name.slice(0, bracket) : name;
    const entry: Entry = { base, bracketed: bracket > 0, kind };
    const key = foldCase(base).replaceAll(/[ .]/gu, '_');
    const known = this.#entries.get(key);
    this.#entries.set(key, known ?? entry);
    if (known === undefined) return null;
    if (known.base !== base) return 'expected names that differ in more than letter case, dots and spaces';
    if (known.bracketed !== entry.bracketed) return 'expected a name either with brackets or without, found both';
    if (known.kind !== kind) return 'expected a name to stand for fields or for files, found both';
    return null;
  }
}

/** ASCII without capital letters. */
const FOLDED = /^[^A-Z\u0080-\uffff]*$/;

/** Evens out letter case as lenient readers do; Go's JSON reader even takes the Kelvin sign for a k. */
export function foldCase(text: string): string {
  if (FOLDED.test(text)) return text;
  return text.toUpperCase().toLowerCase();
}

/**
 * True for a name that is not `_method` but that PHP frameworks fold onto it (`.method`, `_Method[`). A server obeys such
 * a field as the method that is meant; what is called exactly `_method` is for the action map to judge.
 */
export function foldsOntoMethod(name: string): boolean {
  return name !== '_method' && /^\s*[_.[ ]method(?:\[.*)?$/isu.test(name);
}
