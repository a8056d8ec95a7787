import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';

/** One thing that has to be in order for the gateway to be ready. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  /** A sentence for people; it holds nothing secret, since whoever reaches the port can read it. */
  readonly detail: string;
}

/** What the admin listener shows. */
export interface AdminPorts {
  readonly readiness: () => readonly ReadinessCheck[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** The listener for probes and scrapes: it shows, and changes nothing, since the agent can reach it on loopback. */
export interface AdminServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** A probe or a scrape is small and quick; whoever takes longer is cut off. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Prometheus and the kubelet need one connection each; the rest is room for people. */
const MAX_CONNECTIONS = 64;

/** Starts the admin listener. Rejects with the error of `listen` when the address cannot be had. */
export async function startAdmin(
  address: { readonly host: string; readonly port: number },
  ports: AdminPorts,
): Promise<AdminServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    adminPages(ports),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, address);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('expected a TCP address to listen on');
  const { address: host, port } = bound;
  return {
    host,
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What a request gets. */
interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

const TEXT = 'text/plain; charset=utf-8';
const NOT_FOUND: Answer = {
  status: 404,
  contentType: TEXT,
  text: 'not found: this listener has /healthz, /readyz and /metrics\n',
};
const UNANSWERABLE: Answer = { status: 500, contentType: TEXT, text: 'the gateway could not answer this\n' };

/** Three pages that take nothing: a framework for them would be the largest part of what a start loads. */
function adminPages(ports: AdminPorts): RequestListener {
  return (request, response) => void answer(ports, request, response);
}

async function answer(ports: AdminPorts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, contentType, text } = await answerOf(ports, request).catch(() => UNANSWERABLE);
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(text),
  });
  // Node sends no body in answer to HEAD.
  response.end(text);
}

async function answerOf(ports: AdminPorts, { method, url = '' }: IncomingMessage): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return NOT_FOUND;
  const [path] = url.split('?', 1);
  switch (path) {
    case '/healthz':
      return { status: 200, contentType: TEXT, text: 'ok\n' };
    case '/readyz': {
      const checks = ports.readiness();
      const ready = checks.every(({ ok }) => ok);
      const contentType = 'application/json; charset=utf-8';
      return { status: ready ? 200 : 503, contentType, text: JSON.stringify({ ready, checks }) };
    }
    case '/metrics':
      return { status: 200, ...(await ports.metrics()) };
    default:
      return NOT_FOUND;
  }
}

async function listen(server: Server, address: { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(address, () => {
      server.off('error', fail);
      done();
    });
  });
}
