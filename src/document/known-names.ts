/** Slots of the table; a power of two. Objects of one text share few names. */
const SLOTS = 64;
/** Longer names repeat too seldom to be looked for. */
const MAX_CHARACTERS = 40;

const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const LAST_ASCII = 0x7f;

/**
 * The names that objects of one text have had so far: the items of a list repeat them. A name that is known costs
 * neither a new text nor, wherever it is looked up later, its hash.
 */
export class KnownNames {
  readonly #names: string[] = [];
  #even = true;

  /** Whether no name so far has capital letters or anything beyond ASCII: such names differ for every reader. */
  get even(): boolean {
    return this.#even;
  }

  /** The name that stands in a text between two places, and has no escapes. */
  take(text: string, start: number, end: number): string {
    const length = end - start;
    if (length === 0 || length > MAX_CHARACTERS) return this.note(text.slice(start, end));
    const slot = (text.charCodeAt(start) * 7 + text.charCodeAt(end - 1) * 31 + length) & (SLOTS - 1);
    const known = this.#names[slot] ?? '';
    if (known.length === length && text.startsWith(known, start)) return known;
    const name = this.note(text.slice(start, end));
    this.#names[slot] = name;
    return name;
  }

  /** Looks at a name. */
  note(name: string): string {
    if (this.#even) this.#even = isEven(name);
    return name;
  }
}

function isEven(name: string): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code > LAST_ASCII || (code >= CAPITAL_A && code <= CAPITAL_Z)) return false;
  }
  return true;
}
