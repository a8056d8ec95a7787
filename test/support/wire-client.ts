import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Longer than anything a test waits for on purpose. */
const PATIENCE_MS = 15_000;

/** A client that says exactly what it is told and shows exactly what came back, byte for character. */
export class WireClient implements Disposable {
  readonly socket: Socket;
  /** Everything that was received so far. */
  text = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.#wake();
    });
    // Whatever ends the connection, `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<WireClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new WireClient(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves with everything received, once it holds `wanted`. */
  async until(wanted: string): Promise<string> {
    return await this.#waitFor(() => this.text.includes(wanted), `no ${JSON.stringify(wanted)}`);
  }

  /** Resolves with everything received, once the other side has closed. */
  async closed(): Promise<string> {
    return await this.#waitFor(() => this.#closed, 'no end');
  }

  async #waitFor(done: () => boolean, missing: string): Promise<string> {
    const timer = setTimeout(() => this.socket.destroy(), PATIENCE_MS);
    while (!done()) {
      if (this.#closed) throw new Error(`${missing}; received: ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(timer);
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
