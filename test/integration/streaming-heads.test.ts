import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { WireClient } from '../support/wire-client.ts';

const POLICY = `version: "1"
rules:
  - {name: blocked-path, match: {type: upload}, conditions: {param_eq: {name: blocked}}, risk_level: critical, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;

/** The default mapping looks at the first bytes of a body to see what it is; only an entry can say that it need not. */
const ACTIONS = `version: 1
host: "*"
actions:
  - {match: {method: PUT, path: "/files/{name}"}, action: {type: upload}, params: {name: {path: name}}, body: stream}
`;

/** An upstream that says exactly the bytes that a test gives it, when it has the head of a request. */
let answer: (socket: Socket, received: () => string) => void;
let received = '';
let port = 0;
let gateway: GatewayProcess;
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  let text = '';
  let answered = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    received = text;
    if (answered || !text.includes('\r\n\r\n')) return;
    answered = true;
    answer(socket, () => text);
  });
});

beforeAll(async () => {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  gateway = await startGatewayProcess({
    policy: POLICY,
    actions: ACTIONS,
    config: `upstream: {allow: ["127.0.0.1:${port}"]}\nlimits: {body: 1KiB}`,
  });
});
beforeEach(() => {
  received = '';
  answer = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  server.close();
});

function head(method: string, path: string, ...fields: readonly string[]): string {
  const host = `127.0.0.1:${port}`;
  return [`${method} http://${host}${path} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n');
}

/** Sends and returns everything that came back until the end of the connection. */
async function whole(bytes: string): Promise<string> {
  using client = await WireClient.open(gateway.port);
  client.send(bytes);
  return await client.closed();
}

describe('an answer without a body', () => {
  it('to HEAD keeps its length, and no byte of a body follows', async () => {
    answer = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "a"\r\n\r\n');
    const text = await whole(head('HEAD', '/', 'Connection: close'));
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/u);
    expect(text).toMatch(/content-length: 1234\r\n/iu);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
  });

  it.each([
    ['204 No Content', 'X-Kept: yes'],
    ['304 Not Modified', 'ETag: "a"'],
  ])('of status %s leaves the connection usable for the next', async (status, field) => {
    answer = (socket) => socket.end(`HTTP/1.1 ${status}\r\n${field}\r\n\r\n`);
    using client = await WireClient.open(gateway.port);
    client.send(head('GET', '/first'));
    const first = await client.until('\r\n\r\n');
    expect(first).toContain(`HTTP/1.1 ${status}\r\n`);
    expect(first.toLowerCase()).toContain(field.toLowerCase());
    expect(first).not.toMatch(/transfer-encoding|content-length/iu);
    answer = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
    client.send(head('GET', '/second'));
    await client.until('second');
  });
});

describe('interim answers', () => {
  it('103 Early Hints reach the client before the answer is there', async () => {
    const { promise: hinted, resolve } = Promise.withResolvers<Socket>();
    answer = (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n');
      resolve(socket);
    };
    using client = await WireClient.open(gateway.port);
    client.send(head('GET', '/page'));
    const socket = await hinted;
    expect(await client.until('\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/style\.css>; rel=preload\r\n\r\n$/iu,
    );
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage');
    expect(await client.until('page')).toContain('HTTP/1.1 200 OK');
  });

  it('100 Continue comes after the verdict on a body that is not judged', async () => {
    answer = (socket, all) => {
      const answerWhole = (): unknown =>
        all().endsWith('body') && socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
      socket.on('data', answerWhole);
      answerWhole();
    };
    using client = await WireClient.open(gateway.port);
    client.send(head('PUT', '/files/a', 'Content-Type: text/csv', 'Content-Length: 4', 'Expect: 100-continue'));
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('body');
    expect(await client.until('done')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/u);
  });

  it('100 Continue is said by the gateway where it has to judge the body, which then goes out without an Expect', async () => {
    using client = await WireClient.open(gateway.port);
    client.send(head('POST', '/x', 'Content-Type: application/json', 'Content-Length: 2', 'Expect: 100-continue'));
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    expect(received).toBe('');
    client.send('{}');
    await client.until('HTTP/1.1 200 OK');
    expect(received).not.toMatch(/expect/iu);
  });

  it.each([
    ['that policy blocks from its head', 'PUT', '/files/blocked', 'text/csv', 4, 'policy-block'],
    ['whose length is over the limit', 'POST', '/x', 'application/json', 2_000, 'body-too-large'],
  ])('100 Continue never comes for a request %s', async (...[, method, path, type, length, code]) => {
    const text = await whole(
      head(
        method,
        path,
        `Content-Type: ${type}`,
        `Content-Length: ${length}`,
        'Expect: 100-continue',
        'Connection: close',
      ),
    );
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /u);
    expect(text).not.toContain('100 Continue');
    expect(text).toContain(`"code":"${code}"`);
    expect(received).toBe('');
  });

  it('another expectation is refused (fault:unsupported-expectation)', async () => {
    const text = await whole(head('POST', '/x', 'Content-Length: 0', 'Expect: a-miracle', 'Connection: close'));
    expect(text).toContain('"code":"unsupported-expectation"');
  });
});

describe('trailers', () => {
  it('of an answer reach a client that asked for them', async () => {
    answer = (socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\nSet-Cookie: evil=1\r\n\r\n',
      );
    const text = await whole(head('GET', '/x', 'TE: trailers', 'Connection: TE, close'));
    expect(text).toMatch(/\r\n0\r\nx-sum: 42\r\n\r\n$/iu);
    expect(received).toMatch(/^te: trailers\r$/imu);
  });

  it('of an upload do not go up: they come after the verdict', async () => {
    answer = (socket, all) => {
      const answerWhole = (): unknown =>
        /\r\n0\r\n(?:.+\r\n)*\r\n$/u.test(all()) && socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.on('data', answerWhole);
      answerWhole();
    };
    const fields = [
      'Content-Type: application/octet-stream',
      'Transfer-Encoding: chunked',
      'Trailer: X-Sum',
      'Connection: close',
    ];
    const text = await whole(
      `${head('POST', '/x', ...fields)}2\r\nhi\r\n0\r\nX-Sum: 42\r\nAuthorization: Bearer other\r\nX-Forwarded-For: me\r\n\r\n`,
    );
    expect(text).toContain('HTTP/1.1 200 OK');
    expect(received).toMatch(/\r\n0\r\n\r\n$/u);
    expect(received).not.toMatch(/x-sum|other|x-forwarded-for/iu);
  });
});

describe('fields of one connection', () => {
  it('are taken out of the request, those that Connection names too', async () => {
    await whole(
      head(
        'GET',
        '/x',
        'Connection: close, X-Mine',
        'X-Mine: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic c2VjcmV0',
        'X-Kept: 1',
      ),
    );
    expect(received).toMatch(/^GET \/x HTTP\/1\.1\r\n/u);
    expect(received).toMatch(/^x-kept: 1\r$/imu);
    expect(received).not.toMatch(/x-mine|proxy-|keep-alive: timeout|c2VjcmV0|x-forwarded|via/iu);
  });

  it('are taken out of the answer', async () => {
    answer = (socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=99\r\nProxy-Authenticate: Basic realm="x"\r\nUpgrade: h2c\r\nX-Kept: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok',
      );
    const text = await whole(head('GET', '/x', 'Connection: close'));
    expect(text).toMatch(/x-kept: 1\r\n/iu);
    expect(text.match(/set-cookie: [ab]=/giu)).toHaveLength(2);
    expect(text).not.toMatch(/x-theirs|timeout=99|proxy-authenticate|h2c/iu);
  });
});
