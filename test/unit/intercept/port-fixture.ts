import { createDataListener } from '../../../src/intercept/data-listener.ts';
import type {
  DataListener,
  ExchangeHandler,
  InterceptSettings,
  PortRefusal,
  TlsHooks,
} from '../../../src/intercept/settings.ts';
import type { ConnectionCut } from '../../../src/model/connection-cut.ts';
import { failed } from '../../../src/model/fault.ts';
import type { LogFields, RawExchange } from '../../../src/model/ports.ts';
import { RawClient, type RawAnswer } from './raw-client.ts';

export const KIB = 1024;

/** How long a test waits for what must happen; a busy machine is slow. */
export const PATIENCE = { timeout: 10_000 } as const;

export const SETTINGS: InterceptSettings = {
  host: '127.0.0.1',
  port: 0,
  headerBytes: 8 * KIB,
  headerCount: 64,
  headersTimeoutMs: 20_000,
  bodyTimeoutMs: 20_000,
  bodyGraceMs: 20_000,
  bodyBytesPerSecond: KIB,
  bufferedBytes: 8 * KIB * KIB,
  keepAliveTimeoutMs: 20_000,
  readerTimeoutMs: 20_000,
  upgradeIdleMs: 20_000,
  connections: 64,
  pipelined: 4,
  requestsPerConnection: 1_000,
};

/** What a data port is given that is not to open any TLS. */
export const NO_TLS: TlsHooks = {
  plan: () => failed('connect-unsupported', 'the test opens no tunnels'),
  contextFor: async () => failed('internal', 'the test has no certificates'),
  failed: () => {
    throw new Error('expected no handshake');
  },
};

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** A data port on loopback, with everything that it said. */
export class TestPort implements AsyncDisposable {
  readonly listener: DataListener;
  readonly refusals: PortRefusal[] = [];
  readonly lines: LogLine[] = [];
  readonly seen: RawExchange[] = [];
  readonly cuts: ConnectionCut[] = [];
  port = 0;

  constructor(handler: ExchangeHandler, settings: Partial<InterceptSettings>) {
    const note =
      (level: LogLine['level']) =>
      (event: string, fields: LogFields = {}): void => {
        this.lines.push({ level, event, fields });
      };
    this.listener = createDataListener(
      { ...SETTINGS, ...settings },
      async (raw) => {
        this.seen.push(raw);
        await handler(raw);
      },
      {
        tls: NO_TLS,
        clock: { now: () => Date.now(), monotonic: () => performance.now() },
        log: { info: note('info'), warn: note('warn'), error: note('error') },
        cut: (why) => this.cuts.push(why),
        refused: async (refusal) => {
          this.refusals.push(refusal);
        },
      },
    );
  }

  async connect(options: { readonly allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    return await RawClient.open(this.port, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
  }
}

export async function startPort(
  handler: ExchangeHandler = echo,
  settings: Partial<InterceptSettings> = {},
): Promise<TestPort> {
  const started = new TestPort(handler, settings);
  started.port = (await started.listener.listen()).port;
  return started;
}

/** Reads the whole body and says what it was. */
export const echo: ExchangeHandler = async (raw) => {
  const body = await raw.body.read(64 * KIB);
  if (!body.ok) {
    answer(raw, 400, `fault ${body.fault.code}`);
    return;
  }
  answer(raw, 200, `${raw.head.method} ${raw.head.target} [${Buffer.from(body.value).toString('latin1')}]`);
};

/** Answers an exchange as the forwarder would. */
export function answer(raw: RawExchange, status: number, text: string): void {
  const { client } = raw;
  if (client.kind === 'http') {
    client.response.writeHead(status, { 'Content-Length': Buffer.byteLength(text) }).end(text);
    return;
  }
  client.socket.end(`HTTP/1.1 ${status} Upgrade refused\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

/** A promise that a test settles when it likes. */
export function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}

/** The members of a problem document, from an answer that must be one. */
export function problemOf(found: RawAnswer): {
  readonly code: unknown;
  readonly status: unknown;
  readonly detail: unknown;
} {
  if (found.headers.get('content-type') !== 'application/problem+json') {
    throw new Error(`expected a problem document, found ${JSON.stringify(found)}`);
  }
  const document: unknown = JSON.parse(found.body);
  if (typeof document !== 'object' || document === null) throw new Error(`expected an object, found ${found.body}`);
  return {
    code: Reflect.get(document, 'code'),
    status: Reflect.get(document, 'status'),
    detail: Reflect.get(document, 'detail'),
  };
}
