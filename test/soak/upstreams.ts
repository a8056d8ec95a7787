import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { KeyPair } from '../unit/forward/certificates.ts';

const KIB = 1024;
const LARGE = Buffer.alloc(256 * KIB, 'aegis');

/** Servers that answer as the path of a request asks, `/WAY/ID`, and keep every id. */
export interface Upstreams {
  readonly http: number;
  readonly https: number;
  readonly tunnel: number;
  readonly seen: Set<string>;
  tunnels(): number;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const ANSWERS: { readonly [way: string]: Answer } = {
  fast: (_request, response) => void response.writeHead(200).end('{"ok":true}'),
  slow: async (_request, response) => {
    await sleep(1_000);
    response.end('late');
  },
  drip: async (_request, response) => {
    for (let part = 0; part < 10; part += 1) {
      response.write(`part ${part}\n`);
      await sleep(100);
    }
    response.end();
  },
  events: async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let event = 0; event < 8; event += 1) {
      response.write(`data: ${event}\n\n`);
      await sleep(200);
    }
    response.end();
  },
  large: (_request, response) => void response.end(LARGE),
  // Never answered: the gateway gives up.
  hang: () => undefined,
  cut: (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('the beginning');
    setTimeout(() => response.destroy(), 50);
  },
};

/** Starts the three servers: HTTP, HTTPS whose TLS the gateway opens, and HTTPS that it carries as it is. */
export async function startUpstreams(identity: KeyPair): Promise<Upstreams> {
  const seen = new Set<string>();
  let tunnels = 0;
  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    const [, way = '', id = ''] = (request.url ?? '').split('/');
    seen.add(id);
    request.on('error', () => response.destroy());
    response.on('error', () => undefined);
    request.resume().on('end', () => void ANSWERS[way]?.(request, response));
  };
  const plain = createServer(receive);
  const sockets = new WebSocketServer({ server: plain });
  sockets.on('connection', (socket, request) => {
    seen.add((request.url ?? '').split('/')[2] ?? '');
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const opened = createTlsServer({ ...identity }, receive);
  const carried = createTlsServer({ ...identity }, (_request, response) => void response.end('{"ok":true}'));
  carried.on('connection', () => (tunnels += 1));
  const [http, https, tunnel] = await Promise.all([plain, opened, carried].map(listening));
  return { http: http ?? 0, https: https ?? 0, tunnel: tunnel ?? 0, seen, tunnels: () => tunnels };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen({ host: '127.0.0.1', port: 0, backlog: 1_024 }, done));
  return (server.address() as AddressInfo).port;
}
