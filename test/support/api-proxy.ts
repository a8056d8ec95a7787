import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { Cluster } from '../../scripts/cluster-bed.ts';

/** What the network, or an API server in trouble, does to a call. */
export type ApiFault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: { readonly [name: string]: string };
      readonly body?: object;
    }
  /** The call arrives and is executed; its answer is lost. */
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'delay'; readonly milliseconds: number };

/** A call that came by. */
export interface SeenCall {
  readonly method: string;
  readonly url: string;
  readonly token: string;
}

/** A network between a gateway and the API server, in which tests make trouble. */
export interface ApiProxy extends AsyncDisposable {
  readonly port: number;
  readonly seen: SeenCall[];
  /** Asked for each call. */
  fault: (call: SeenCall) => ApiFault | null;
  /** What the server's clock says in its Date header; null for what it really says. */
  date: (() => string) | null;
  /** How many watches are open now. */
  watches(): number;
  /** Cuts every connection and takes no new one, as when the server is stopped. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts one, with the certificate of the API server itself. */
export async function startApiProxy(cluster: Cluster): Promise<ApiProxy> {
  const [cert, key] = await Promise.all(
    ['apiserver.crt', 'apiserver.key'].map(async (name) => await readFile(join(cluster.folder, 'pki', name), 'utf8')),
  );
  const upstream = { url: cluster.url, ca: cert ?? '', agent: new Agent({ keepAlive: true }) };
  const seen: SeenCall[] = [];
  const watching = new Set<ServerResponse>();
  const sockets = new Set<Socket>();
  let server: Server;
  let port = 0;
  const proxy: ApiProxy = {
    get port() {
      return port;
    },
    seen,
    fault: () => null,
    date: null,
    watches: () => watching.size,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    start: async () => {
      server = createServer({ cert, key }, (incoming, answer) => {
        const call = {
          method: incoming.method ?? '',
          url: incoming.url ?? '',
          token: incoming.headers.authorization ?? '',
        };
        seen.push(call);
        if (call.url.includes('watch=true')) {
          watching.add(answer);
          answer.on('close', () => watching.delete(answer));
        }
        void pass({ incoming, answer, fault: proxy.fault(call), date: proxy.date }, upstream);
      });
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      port = typeof address === 'object' && address !== null ? address.port : 0;
    },
    [Symbol.asyncDispose]: async () => {
      upstream.agent.destroy();
      if (server.listening) await proxy.stop();
    },
  };
  await proxy.start();
  return proxy;
}

interface Passing {
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  readonly fault: ApiFault | null;
  readonly date: (() => string) | null;
}

async function pass(
  { answer, date, fault, incoming }: Passing,
  { agent, ca, url }: { readonly url: string; readonly ca: string; readonly agent: Agent },
): Promise<void> {
  if (fault?.kind === 'answer') {
    answer.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
    answer.end(JSON.stringify(fault.body ?? { kind: 'Status', code: fault.status, message: `fault ${fault.status}` }));
    return;
  }
  if (fault?.kind === 'delay') await new Promise((done) => setTimeout(done, fault.milliseconds));
  const { method, headers } = incoming;
  const outgoing = request(`${url}${incoming.url ?? ''}`, { method, headers, ca, agent }, (found) => {
    if (fault?.kind === 'lose-answer') {
      found.resume();
      found.on('end', () => answer.destroy());
      return;
    }
    answer.writeHead(found.statusCode ?? 502, { ...found.headers, ...(date === null ? {} : { date: date() }) });
    found.pipe(answer);
    found.on('error', () => answer.destroy());
  });
  outgoing.on('error', () => answer.destroy());
  answer.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}
