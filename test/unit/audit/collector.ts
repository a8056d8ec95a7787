import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KeyPair } from '../forward/certificates.ts';

/** A request that the collector got. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
}

/** What the collector does with a request; without one, it answers 204. */
export type Behaviour = (response: ServerResponse, request: IncomingMessage) => void;

/** A web service that takes audit records, and does as it is told with the next requests first. */
export interface Collector extends AsyncDisposable {
  readonly url: URL;
  readonly next: Behaviour[];
  /** What was answered with 2xx. */
  readonly taken: Received[];
  /** Everything that came in whole. */
  readonly seen: Received[];
}

export async function startCollector(port = 0, certificate: KeyPair | null = null): Promise<Collector> {
  const next: Behaviour[] = [];
  const taken: Received[] = [];
  const seen: Received[] = [];
  const take: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const received = { headers: request.headers, body: Buffer.concat(chunks).toString(), at: performance.now() };
      seen.push(received);
      response.on('finish', () => {
        if (response.statusCode < 300) taken.push(received);
      });
      const behave = next.shift();
      if (behave === undefined) response.writeHead(204).end();
      else behave(response, request);
    });
    request.on('error', () => undefined);
  };
  const server = certificate === null ? createServer(take) : createTlsServer(certificate, take);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: new URL(`${certificate === null ? 'http' : 'https'}://127.0.0.1:${bound}/ingest`),
    next,
    taken,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The ids of the records that were taken, in order, repetitions included. */
export function takenIds({ taken }: Pick<Collector, 'taken'>): readonly string[] {
  return taken.flatMap(({ body }) =>
    body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { id: string }).id),
  );
}

/** The same, each id once, at its first place. */
export function distinct(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)];
}
