import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTls, sendConnect } from '../support/tunnel.ts';
import type { Ending, Target } from './messages.ts';

/** Longer than any deadline of the gateway under soak, on the busiest of machines. */
const PATIENCE_MS = 60_000;

/** What is sent besides the path. */
export interface Sent {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | Buffer;
  /** Milliseconds after which the caller leaves, whatever has happened by then. */
  readonly leaveAfterMs?: number;
  /** Milliseconds between two reads of the answer. */
  readonly readEveryMs?: number;
  /** Milliseconds between two pieces of the body. */
  readonly writeEveryMs?: number;
}

/** One agent of the load, with one connection to the gateway that it uses again. */
export class Caller {
  readonly target: Target;
  readonly upstreams: { readonly http: number; readonly https: number; readonly tunnel: number };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(target: Target, upstreams: Caller['upstreams']) {
    this.target = target;
    this.upstreams = upstreams;
  }

  /** A request through the forward proxy. */
  async proxied(path: string, sent: Sent = {}): Promise<Ending> {
    const host = `127.0.0.1:${this.upstreams.http}`;
    return await this.#send({ path: `http://${host}${path}`, agent: this.#agent }, host, sent);
  }

  /** A request to the route `soak`. */
  async routed(path: string, sent: Sent = {}): Promise<Ending> {
    const host = `127.0.0.1:${this.target.port}`;
    return await this.#send({ path: `/routes/soak${path}`, agent: this.#agent }, host, sent);
  }

  /** A request over TLS inside a CONNECT of its own; `ca` is whom the caller trusts. */
  async connected(port: number, path: string, ca: string): Promise<Ending> {
    const host = `localhost:${port}`;
    const { socket, answer } = await sendConnect(this.target.port, host, [`Host: ${host}`], PATIENCE_MS);
    if (answer.status !== 200) return { kind: 'answered', status: answer.status };
    try {
      const tls = await openTls({ socket }, { servername: 'localhost', ca });
      return await this.#send({ path, createConnection: () => tls }, host, { headers: { connection: 'close' } });
    } finally {
      socket.destroy();
    }
  }

  /** Bytes as they are, with a pause between the pieces. Answered when a status line came. */
  async raw(pieces: readonly (string | Buffer)[], everyMs = 0): Promise<Ending> {
    const socket = connect({ host: '127.0.0.1', port: this.target.port });
    const end = textOf(socket);
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.write(piece);
      if (everyMs > 0) await sleep(everyMs);
    }
    const text = await end;
    const status = /^HTTP\/1\.1 (\d{3}) /u.exec(text)?.[1];
    if (status !== undefined) return { kind: 'answered', status: Number(status) };
    return {
      kind: 'unanswered',
      detail: `${JSON.stringify(text)} to ${JSON.stringify(String(pieces[0]).slice(0, 80))}`,
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(to: RequestOptions, host: string, sent: Sent): Promise<Ending> {
    const { body, method = body === undefined ? 'GET' : 'POST', headers = {} } = sent;
    const framing =
      body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = httpRequest({
      host: '127.0.0.1',
      port: this.target.port,
      ...to,
      method,
      headers: { host, ...framing, ...headers },
    });
    return await new Promise<Ending>((done) => {
      const settle = (ending: Ending): void => {
        for (const timer of timers) clearTimeout(timer);
        done(ending);
      };
      const timers = [
        setTimeout(() => {
          settle({ kind: 'unanswered', detail: `nothing within ${PATIENCE_MS / 1_000} s` });
          request.destroy();
        }, PATIENCE_MS),
      ];
      if (sent.leaveAfterMs !== undefined) {
        timers.push(
          setTimeout(() => {
            settle({ kind: 'aborted' });
            request.destroy();
          }, sent.leaveAfterMs),
        );
      }
      request.on('error', (error) => settle({ kind: 'unanswered', detail: String(error) }));
      request.on('response', (response) => void readAnswer(response, sent.readEveryMs ?? 0).then(settle));
      void writeBody(request, body, sent.writeEveryMs ?? 0);
    });
  }
}

async function readAnswer(response: IncomingMessage, everyMs: number): Promise<Ending> {
  try {
    for await (const _chunk of response) if (everyMs > 0) await sleep(everyMs);
    return { kind: 'answered', status: response.statusCode ?? 0 };
  } catch {
    return { kind: 'cut' };
  }
}

const PIECES = 10;

async function writeBody(
  request: ReturnType<typeof httpRequest>,
  body: string | Buffer | undefined,
  everyMs: number,
): Promise<void> {
  if (body === undefined || everyMs === 0) return void request.end(body);
  const bytes = Buffer.from(body);
  const size = Math.ceil(bytes.byteLength / PIECES);
  for (let from = 0; from < bytes.byteLength && !request.destroyed; from += size) {
    request.write(bytes.subarray(from, from + size));
    await sleep(everyMs);
  }
  request.end();
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  await new Promise<void>((done) => socket.once('close', () => done()));
  clearTimeout(timer);
  return text;
}
