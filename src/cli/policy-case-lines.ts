/** A policy of 8 MiB, each of its characters escaped as JSON may, and an action: more is no case. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

const LINE_FEED = 0x0a;

/** One line, or why it cannot be read as text. */
export type Line = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/**
 * Splits bytes into lines at line feeds and at nothing else, without holding more than one line. What follows the last
 * line feed is a line unless it is empty. Each line has to be UTF-8 of its own.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<Line> {
  const line = new LineBuffer(maxLineBytes);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      line.add(chunk.subarray(start, end));
      yield line.take();
      start = end + 1;
    }
    line.add(chunk.subarray(start));
  }
  if (!line.empty) yield line.take();
}

/** The pieces of one line; nothing is kept of a line that is too long. */
class LineBuffer {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get empty(): boolean {
    return this.#bytes === 0;
  }

  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  take(): Line {
    const [pieces, bytes] = [this.#pieces, this.#bytes];
    this.#pieces = [];
    this.#bytes = 0;
    if (bytes > this.#maxBytes) return { ok: false, problem: `the line is longer than ${this.#maxBytes} bytes` };
    try {
      return { ok: true, text: this.#decoder.decode(Buffer.concat(pieces)) };
    } catch {
      return { ok: false, problem: 'the line is not UTF-8' };
    }
  }
}
