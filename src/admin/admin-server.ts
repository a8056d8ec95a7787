import { createServer, type Server } from 'node:http';
import express, { type Express, type Request, type Response } from 'express';

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
    adminApp(ports),
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

function adminApp(ports: AdminPorts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.get('/healthz', (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const checks = ports.readiness();
    const ready = checks.every(({ ok }) => ok);
    response.status(ready ? 200 : 503).json({ ready, checks });
  });
  app.get('/metrics', async (_request, response) => {
    const { contentType, text } = await ports.metrics();
    response.set('Content-Type', contentType).send(text);
  });
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('not found: this listener has /healthz, /readyz and /metrics\n');
  });
  app.use((_error: unknown, _request: Request, response: Response, _next: () => void) => {
    response.status(500).type('text/plain').send('the gateway could not answer this\n');
  });
  return app;
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
