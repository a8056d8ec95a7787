import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** What the tool API of the demo has done, so that the story can count. */
export interface ToolApi extends AsyncDisposable {
  /** Where it speaks plain HTTP. */
  readonly port: number;
  /** Where it speaks HTTPS. */
  readonly tlsPort: number;
  readonly done: { reads: number; refunds: number; deployments: number; deletions: number };
}

/** The demo sends small bodies; whatever is larger is none of its own. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Starts a small shop API on loopback, over HTTP and over HTTPS: it does whatever it is asked, which is why something has
 * to stand before it.
 */
export async function startToolApi(certificate: { readonly cert: string; readonly key: string }): Promise<ToolApi> {
  const done = { reads: 0, refunds: 0, deployments: 0, deletions: 0 };
  const listener = (request: IncomingMessage, response: ServerResponse): void => void answer(request, response, done);
  const { cert, key } = certificate;
  const servers = [createServer(listener), createTlsServer({ cert, key }, listener)];
  const [port = 0, tlsPort = 0] = await Promise.all(servers.map(listening));
  return {
    port,
    tlsPort,
    done,
    [Symbol.asyncDispose]: async () => void (await Promise.all(servers.map(closed))),
  };
}

/** The port that a server got. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((ready, fail) => {
    server.once('error', fail);
    server.listen({ host: '127.0.0.1', port: 0 }, ready);
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('expected a TCP address to listen on');
  return bound.port;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((done) => server.close(() => done()));
}

async function answer(request: IncomingMessage, response: ServerResponse, done: ToolApi['done']): Promise<void> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) return void response.writeHead(413).end();
  }
  const [status, body] = act(`${request.method} ${request.url}`, text, done);
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function act(call: string, text: string, done: ToolApi['done']): readonly [number, unknown] {
  if (call.startsWith('GET /orders/')) {
    done.reads += 1;
    return [200, { order: Number(call.slice('GET /orders/'.length)), state: 'shipped', total: 49.9 }];
  }
  if (call === 'POST /refunds') {
    done.refunds += 1;
    return [201, { refund: `re_${done.refunds}`, of: JSON.parse(text) }];
  }
  if (call === 'POST /deployments') {
    done.deployments += 1;
    return [201, { deployment: done.deployments }];
  }
  if (call === 'POST /orders/bulk-delete') {
    done.deletions += 1;
    return [200, { deleted: true }];
  }
  return [404, { error: 'no such thing' }];
}
