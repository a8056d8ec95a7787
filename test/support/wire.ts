import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** An answer as it stands on the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly raw: string;
}

/** Longer than anything a test waits for on purpose. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Sends bytes to a port as they are, and returns what came back until the other side closed. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<WireAnswer> {
  const raw = await new Promise<string>((done, fail) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    const timer = setTimeout(
      () => socket.destroy(new Error(`no end of the answer; so far: ${text}`)),
      ANSWER_TIMEOUT_MS,
    );
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (isComplete(text)) socket.end();
    });
    socket.on('error', (error) => (text === '' ? fail(error) : done(text)));
    socket.on('close', () => {
      clearTimeout(timer);
      done(text);
    });
    socket.write(bytes);
  });
  return parseAnswer(raw);
}

/** Splits an answer into status, fields and body. */
export function parseAnswer(raw: string): WireAnswer {
  const end = raw.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = raw.slice(0, end === -1 ? raw.length : end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: end === -1 ? '' : raw.slice(end + 4), raw };
}

function isComplete(text: string): boolean {
  const { headers, body, status } = parseAnswer(text);
  if (status === 100) return false;
  const length = headers['content-length'];
  return text.includes('\r\n\r\n') && length !== undefined && body.length >= Number(length);
}

/** An upstream that takes whatever bytes come, as the most lenient of servers would, and keeps them. */
export interface LenientUpstream extends AsyncDisposable {
  readonly port: number;
  /** Everything that was received, over all connections. */
  received(): string;
  readonly connections: number;
}

/** Starts a lenient upstream that answers 200 to every head it sees. */
export async function startLenientUpstream(): Promise<LenientUpstream> {
  let received = '';
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received.includes('\r\n\r\n'))
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    });
  });
  await new Promise<void>((done) => server.listen({ host: '127.0.0.1', port: 0 }, done));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received,
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
