import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface CallAnswer {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection that stands already. */
export async function callOn(
  socket: Socket,
  host: string,
  { method = 'GET', path = '/orders' }: { readonly method?: string; readonly path?: string } = {},
): Promise<CallAnswer> {
  const headers = { host, connection: 'close' };
  const request = httpRequest({ createConnection: () => socket, method, path, headers });
  // A CONNECT left it paused.
  request.once('socket', (used: Socket) => used.resume());
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode ?? 0, text };
}
