import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { AddressGuard } from '../../src/forward/address-guard.ts';
import { AnswerRelay } from '../../src/forward/answer-relay.ts';
import { BufferedDispatch } from '../../src/forward/buffered-dispatch.ts';
import { Trust } from '../../src/forward/trust.ts';
import { Connector } from '../../src/forward/connector.ts';
import { forwardLimits } from '../../src/forward/limits.ts';
import { limitsSchema } from '../../src/config/limits-schema.ts';
import { flatHeaders, framingHeaders, type OutgoingHead } from '../../src/forward/outgoing-head.ts';
import { StreamedExchange } from '../../src/forward/streamed-exchange.ts';
import { StreamedProxy } from '../../src/forward/streamed-proxy.ts';
import { parseHost } from '../../src/request/host.ts';

/**
 * One relay of the measurement: reads a request whole and forwards it with the engine named on the command line. The
 * parent gets its port, and its CPU time whenever it asks.
 */
type Forward = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

const [engine = '', portText = ''] = process.argv.slice(2);
const port = Number(portText);
const limits = { ...forwardLimits(limitsSchema.parse({})), upstreamKeepAliveMs: 60_000 };
const host = parseHost('127.0.0.1');
if (!host.ok) throw new Error(host.fault.detail);
const destination = { scheme: 'http', host: host.value, port } as const;
const guard = new AddressGuard(
  { allowAddresses: [`127.0.0.1:${port}`], clusterApi: [], ownListeners: [], routes: new Map() },
  { lookup: () => Promise.reject(new Error('expected no name')), localAddresses: () => [] },
);
const connector = new Connector({
  guard,
  limits,
  proxy: null,
  secureContext: new Trust().contextFor([]),
});

function headOf(request: IncomingMessage, body: Buffer): OutgoingHead {
  const headers = [];
  const { rawHeaders, method = '', url = '' } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!['host', 'connection', 'content-length'].includes(name))
      headers.push({ name, value: rawHeaders[index + 1] ?? '' });
  }
  const framing =
    body.byteLength === 0 ? ({ kind: 'none' } as const) : ({ kind: 'length', bytes: body.byteLength } as const);
  return { method, path: url, host: `127.0.0.1:${port}`, headers, framing };
}

function relayOf(request: IncomingMessage, response: ServerResponse): AnswerRelay {
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  return new AnswerRelay({ request, response, signal: abort.signal }, request.method ?? '', limits.idleTimeoutMs);
}

/** undici's dispatcher, as src/forward has it. */
function withUndici(): Forward {
  const engineOfIt = new BufferedDispatch(connector, limits);
  return (request, response, body) => {
    engineOfIt.send({ destination, head: headOf(request, body), body }, relayOf(request, response));
  };
}

/** http-proxy-middleware, as src/forward has it for streams. */
function withMiddleware(): Forward {
  const engineOfIt = new StreamedProxy(connector, limits);
  return (request, response, body) => {
    const head = headOf(request, body);
    const relay = relayOf(request, response);
    const source = Readable.from(body.byteLength === 0 ? [] : [body], { objectMode: false });
    const parts = {
      relay,
      source,
      trailers: () => [],
      headNames: new Set<string>(),
      limits,
      upstream: head.host,
      onUpgrade: null,
    };
    const rawHeaders = [...flatHeaders(head), ...framingHeaders(head.framing)];
    const listener = new StreamedExchange(parts);
    const done = engineOfIt.send({ destination, head, rawHeaders, source, clientSocket: request.socket, listener });
    void relay.outcome.finally(done);
  };
}

/** http-proxy-middleware as its own documentation has it, with the body given back to it. */
function withPlainMiddleware(): Forward {
  const bodies = new WeakMap<IncomingMessage, Buffer>();
  const handler = createProxyMiddleware({
    target: `http://127.0.0.1:${port}`,
    router: (request, _response, options) => {
      options.buffer = Readable.from([bodies.get(request) ?? Buffer.alloc(0)], { objectMode: false });
      return `http://127.0.0.1:${port}`;
    },
  });
  return (request, response, body) => {
    bodies.set(request, body);
    void handler(request, response);
  };
}

const engines: { readonly [name: string]: () => Forward } = {
  undici: withUndici,
  'http-proxy-middleware': withMiddleware,
  'http-proxy-middleware, plain': withPlainMiddleware,
};
const forward = engines[engine]?.();
if (forward === undefined) throw new Error(`expected one of ${Object.keys(engines).join(' | ')}, found ${engine}`);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () =>
    forward(request, response, chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)),
  );
});
server.keepAliveTimeout = 60_000;
process.on('message', () => process.send?.(process.cpuUsage()));
// Whatever ends the measurement ends its parts.
process.once('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
