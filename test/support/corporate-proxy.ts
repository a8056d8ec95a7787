import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A request as the proxy got it. */
export interface ProxiedRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

/** An HTTP proxy as companies have them, which resolves names its own way. */
export interface CorporateProxy extends AsyncDisposable {
  readonly port: number;
  readonly seen: ProxiedRequest[];
}

/** Starts a proxy that takes every name for this machine. With `credential`, it lets in only who has it (Basic). */
export async function startCorporateProxy(credential: string | null = null): Promise<CorporateProxy> {
  const seen: ProxiedRequest[] = [];
  const expected = credential === null ? null : `Basic ${Buffer.from(credential).toString('base64')}`;
  const sockets = new Set<Socket>();
  const admits = (request: IncomingMessage): boolean => {
    const { method = '', url: target = '', headers } = request;
    const authorization = headers['proxy-authorization'];
    seen.push({ method, target, host: headers.host, authorization });
    return expected === null || authorization === expected;
  };
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '');
    if (!admits(request) || url === null) {
      response.writeHead(407).end();
      return;
    }
    const { 'proxy-authorization': _kept, ...headers } = request.headers;
    const options = { host: '127.0.0.1', port: url.port, path: `${url.pathname}${url.search}`, headers };
    const onward = httpRequest({ ...options, method: request.method ?? 'GET' }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, client: Socket) => {
    if (!admits(request)) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const upstream = connect({ host: '127.0.0.1', port: Number(request.url?.split(':').at(-1)) }, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((done) => server.listen({ host: '127.0.0.1', port: 0 }, done));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
