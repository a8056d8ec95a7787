import { connect, type Socket } from 'node:net';

/** How long a test waits for what must happen, before it fails and says what it has seen. */
const PATIENCE_MS = 10_000;

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A client that writes bytes, not requests. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = '';
  #changed: (() => void)[] = [];
  #closed = false;
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    const changed = (): void => {
      for (const wake of this.#changed.splice(0)) wake();
    };
    socket.on('data', (text: string) => {
      this.#received += text;
      changed();
    });
    socket.on('end', () => {
      this.#ended = true;
      changed();
    });
    // A reset is how some of these connections rightly end; `closed` tells.
    socket.on('error', changed);
    socket.on('close', () => {
      this.#closed = true;
      changed();
    });
  }

  static async open(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: options.allowHalfOpen ?? false });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  get received(): string {
    return this.#received;
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    return this;
  }

  /** Resolves when what was received satisfies `enough`. */
  async until(enough: (received: string) => boolean, what: string): Promise<string> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (!enough(this.#received)) {
      if (this.#closed || deadline.aborted) {
        throw new Error(`expected ${what}, found ${JSON.stringify(this.#received)}${this.#closed ? ' (closed)' : ''}`);
      }
      await this.#change(deadline);
    }
    return this.#received;
  }

  /** Resolves with everything when the other side has closed. */
  async untilClosed(): Promise<string> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (!this.#closed) {
      if (deadline.aborted)
        throw new Error(`expected the connection to close, found ${JSON.stringify(this.#received)}`);
      await this.#change(deadline);
    }
    return this.#received;
  }

  /** Resolves when the other side has ended its stream. */
  async untilEnded(): Promise<string> {
    return await this.until(() => this.#ended, 'the end of the stream');
  }

  /** Resolves with the first `count` answers; each must have a Content-Length. */
  async answers(count: number): Promise<readonly RawAnswer[]> {
    await this.until((received) => parseAnswers(received).length >= count, `${count} answers`);
    return parseAnswers(this.#received);
  }

  async answer(): Promise<RawAnswer> {
    const [first] = await this.answers(1);
    if (first === undefined) throw new Error('expected an answer');
    return first;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #change(deadline: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed.push(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** The complete answers in a text, interim ones (1xx) left out. */
export function parseAnswers(received: string): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return answers;
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(statusLine.split(' ')[1]);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = status < 200 ? 0 : Number(headers.get('content-length') ?? '0');
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length < length) return answers;
    if (status >= 200) answers.push({ status, headers, body });
    rest = rest.slice(end + 4 + length);
  }
}
