/** What the most forgiving readers of JSON make of a text. */
export interface LooseJson {
  /** The text starts with an object and its first name, within lists or not: nothing but JSON does. */
  readonly opensObject: boolean;
  /** The first value as strict JSON with its texts left empty; null when it is no JSON, or does not end. */
  readonly first: string | null;
}

const NONE: LooseJson = { opensObject: false, first: null };

/** The guard that keeps JSON from being loaded as a script; Gson and Angular skip it. */
const GUARD = ")]}'";
/** White space as .NET takes it (the next-line character is none for JavaScript), and byte order marks. */
const SPACE = /[\s\u0085\ufeff]+/uy;
const WORD = /[-+.\w$]+/uy;
const PLAIN_WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)$/u;
/** What Python and .NET take for numbers. */
const NUMBER_WORDS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);
const OBJECT_OPENED = /^\[*\{"":$/u;
/** Stands for what no reader takes for JSON. */
const NO_JSON = '?';

/**
 * Reads a text as the most forgiving readers of JSON do: with comments (`//`, `/*`, `#`), single quotes, bare names, `=`
 * for `:`, NaN, and a comma too many. Takes time in proportion to the text.
 */
export function looseJson(text: string): LooseJson {
  return new LooseReader(text).read();
}

class LooseReader {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): LooseJson {
    this.#skip();
    if (this.#text.startsWith(GUARD, this.#at)) this.#at += GUARD.length;
    this.#skip();
    const start = this.#text[this.#at];
    return start === '{' || start === '[' ? this.#value() : NONE;
  }

  #value(): LooseJson {
    let named = false;
    while (this.#at < this.#text.length) {
      const token = this.#token(this.#text.charAt(this.#at));
      if (token === NO_JSON) return NONE;
      this.#add(token);
      if (this.#depth === 0) return { opensObject: false, first: this.#tokens.join('') };
      if (token === ':' && !named) {
        if (OBJECT_OPENED.test(this.#tokens.join(''))) return { ...NONE, opensObject: true };
        named = true;
      }
      this.#skip();
    }
    return NONE;
  }

  #add(token: string): void {
    if ((token === '}' || token === ']') && this.#tokens.at(-1) === ',') this.#tokens.pop();
    this.#tokens.push(token);
  }

  #token(character: string): string {
    switch (character) {
      case '{':
      case '[':
        this.#depth += 1;
        return this.#taken(character);
      case '}':
      case ']':
        this.#depth -= 1;
        return this.#taken(character);
      case ',':
        return this.#taken(character);
      case ':':
      case '=':
        return this.#taken(':');
      case '"':
      case "'":
        this.#at = this.#endOfString(character);
        return '""';
      default:
        return this.#word();
    }
  }

  #taken(token: string): string {
    this.#at += 1;
    return token;
  }

  #word(): string {
    const word = this.#match(WORD);
    if (PLAIN_WORD.test(word)) return word;
    if (NUMBER_WORDS.has(word)) return '0';
    this.#skip();
    const next = this.#text[this.#at];
    return word !== '' && (next === ':' || next === '=') ? '""' : NO_JSON;
  }

  /** Where the text that starts here ends, its quote included; the end of it all when it is not closed. */
  #endOfString(quote: string): number {
    const text = this.#text;
    let at = this.#at + 1;
    while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
    return Math.min(at + 1, text.length);
  }

  /** Passes white space and comments. */
  #skip(): void {
    for (;;) {
      this.#match(SPACE);
      const end = this.#endOfComment();
      if (end === null) return;
      this.#at = end;
    }
  }

  #endOfComment(): number | null {
    const text = this.#text;
    const blocks = text.startsWith('/*', this.#at);
    if (!blocks && !text.startsWith('//', this.#at) && text[this.#at] !== '#') return null;
    const end = blocks ? text.indexOf('*/', this.#at + 2) : text.indexOf('\n', this.#at);
    if (end === -1) return text.length;
    return blocks ? end + 2 : end + 1;
  }

  /** Passes what the sticky pattern matches here, and returns it. */
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}
