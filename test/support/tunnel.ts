import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { parseAnswer, type WireAnswer } from './wire.ts';

/** Longer than anything a test waits for on purpose. */
const TIMEOUT_MS = 15_000;

/** Sends a CONNECT; the answer, and the socket on which the rest goes on. */
export async function sendConnect(
  proxyPort: number,
  authority: string,
  fields: readonly string[] = [`Host: ${authority}`],
  timeoutMs: number = TIMEOUT_MS,
): Promise<{ readonly socket: Socket; readonly answer: WireAnswer }> {
  const socket = connect({ host: '127.0.0.1', port: proxyPort, timeout: timeoutMs });
  socket.on('timeout', () => socket.destroy(new Error('nothing came in time')));
  socket.on('error', () => undefined);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`);
  let text = '';
  while (!isWhole(text)) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])) as [Buffer];
    if (chunk.length === 0) break;
    text += chunk.toString('latin1');
  }
  socket.pause();
  return { socket, answer: parseAnswer(text) };
}

function isWhole(text: string): boolean {
  const { status, headers, body } = parseAnswer(text);
  if (!text.includes('\r\n\r\n')) return false;
  return status === 200 || body.length >= Number(headers['content-length'] ?? 0);
}

/** Speaks TLS on a socket, or on a new connection to the port. Rejects when the handshake fails. */
export async function openTls(
  on: { readonly socket: Socket } | { readonly port: number },
  options: ConnectionOptions,
): Promise<TLSSocket> {
  const tls = connectTls({ host: '127.0.0.1', ...on, ...options });
  await Promise.race([
    once(tls, 'secureConnect'),
    once(tls, 'close').then(() => {
      throw new Error('the connection was closed during the handshake');
    }),
  ]);
  return tls;
}

/** A CONNECT with TLS inside it. */
export async function tlsThrough(proxyPort: number, authority: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { socket, answer } = await sendConnect(proxyPort, authority);
  if (answer.status !== 200) throw new Error(`expected 200 to CONNECT, found ${answer.raw}`);
  return await openTls({ socket }, options);
}
