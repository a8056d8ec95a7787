import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

/** One request, in exactly this spelling. */
export interface Asked {
  /** Where it is sent: a port of this machine, or a connection that stands. */
  readonly on: number | Socket;
  readonly path: string;
  readonly host: string;
  readonly fields?: { readonly [name: string]: string };
}

/** The fields of a WebSocket handshake (RFC 6455 section 4.1). */
export const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};

/** What became of a request: `200`, or the code of the problem. Texts beyond ASCII go out as the bytes of UTF-8. */
export async function ask({ on, path, host, fields = { connection: 'close' } }: Asked): Promise<string> {
  const socket = typeof on === 'number' ? connect({ host: '127.0.0.1', port: on }) : on;
  const request = httpRequest({
    createConnection: () => socket,
    path: Buffer.from(path).toString('latin1'),
    headers: { host: Buffer.from(host).toString('latin1'), ...fields },
  });
  // A CONNECT left it paused.
  request.once('socket', (used: Socket) => used.resume());
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return response.statusCode === 200 ? '200' : codeOf(text);
}

/** The code of a problem document. */
export function codeOf(text: string): string {
  return String((JSON.parse(text) as { readonly code?: unknown }).code);
}
