import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request as the upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A real HTTP server on loopback that keeps what it was sent. */
export interface HttpUpstream extends AsyncDisposable {
  readonly port: number;
  readonly origin: string;
  readonly server: Server;
  readonly seen: SeenRequest[];
  /** Connections so far, whatever came of them. */
  connections(): number;
}

/** A certificate with its key, both PEM. */
interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

type Answer = (request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => void;

/** Starts an upstream, over TLS with a certificate; without `answer` it answers 200 with `{"ok":true}`. */
export async function startHttpUpstream(
  answer: Answer = answerOk,
  tls: KeyPair | null = null,
  where: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
): Promise<HttpUpstream> {
  const seen: SeenRequest[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => response.destroy());
    request.on('end', () => {
      const { method = '', url = '', rawHeaders, headers } = request;
      const one = { method, url, rawHeaders, headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      answer(request, response, one);
    });
  };
  const server = tls === null ? createServer(listener) : createTlsServer({ ...tls }, listener);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((done) => server.listen(where, done));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`,
    server,
    seen,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function answerOk(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
}
