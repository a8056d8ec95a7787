import type { Mark } from './node.ts';

/** What ends a line in YAML 1.1. */
export const BREAKS = '\r\n\u0085\u2028\u2029';
/** The end of the text; no file may hold this character. */
export const END = '\0';
export const BREAK_OR_END = `${END}${BREAKS}`;
export const SPACE_BREAK_OR_END = `${END} ${BREAKS}`;
export const BLANK_BREAK_OR_END = `${END} \t${BREAKS}`;

/** The text is no YAML: what was expected, what was found, and where. */
export class YamlSyntaxError extends Error {
  readonly mark: Mark;

  constructor(mark: Mark, message: string) {
    super(message);
    this.name = 'YamlSyntaxError';
    this.mark = mark;
  }
}

/** A place in the text that moves forward only, and knows its line and column. */
export class Cursor {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #column = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** UTF-16 code units from the start. */
  get at(): number {
    return this.#at;
  }

  get line(): number {
    return this.#line;
  }

  /** Columns of indentation: 0 at the start of a line. */
  get indent(): number {
    return this.#column - 1;
  }

  peek(ahead: number = 0): string {
    return this.#text[this.#at + ahead] ?? END;
  }

  prefix(length: number): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  mark(): Mark {
    return { line: this.#line, column: this.#column };
  }

  /** Passes characters; a carriage return with its line feed is one line break. */
  forward(count: number = 1): void {
    for (let passed = 0; passed < count; passed += 1) {
      const point = this.peek();
      this.#at += 1;
      if (isBreak(point) && !(point === '\r' && this.peek() === '\n')) {
        this.#line += 1;
        this.#column = 1;
      } else if (point !== '\uFEFF') this.#column += 1;
    }
  }

  /** Takes characters and passes them. */
  take(length: number): string {
    const taken = this.prefix(length);
    this.forward(length);
    return taken;
  }

  /** How many characters lie ahead before one of `stops`. */
  lengthUntil(stops: string): number {
    let length = 0;
    while (!stops.includes(this.peek(length))) length += 1;
    return length;
  }

  skipSpaces(): void {
    while (this.peek() === ' ') this.forward();
  }

  /** Passes a comment up to the end of its line. */
  skipComment(): void {
    if (this.peek() === '#') this.forward(this.lengthUntil(BREAK_OR_END));
  }

  /** Passes a line break and says what it stands for in a value; empty when there is none. */
  lineBreak(): string {
    const point = this.peek();
    if (!isBreak(point)) return '';
    this.forward(point === '\r' && this.peek(1) === '\n' ? 2 : 1);
    return point === '\u2028' || point === '\u2029' ? point : '\n';
  }

  /** `---` or `...` at the start of a line. */
  atDocumentMarker(marker: '---' | '...'): boolean {
    return this.prefix(3) === marker && BLANK_BREAK_OR_END.includes(this.peek(3));
  }

  /** How messages show what stands here. */
  shown(ahead: number = 0): string {
    const point = this.peek(ahead);
    if (point === END) return 'the end of the file';
    return BREAKS.includes(point) ? 'the end of the line' : JSON.stringify(point);
  }

  fail(message: string): YamlSyntaxError {
    return new YamlSyntaxError(this.mark(), message);
  }
}

function isBreak(point: string): boolean {
  return point === '\n' || (point !== ' ' && BREAKS.includes(point));
}
