import type { IncomingMessage } from 'node:http';
import * as http from 'node:http';
import * as https from 'node:https';
import type { ClusterAccess } from './cluster-access.ts';

/** A request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: object;
  /** `application/json` unless told otherwise. */
  readonly contentType?: string;
}

/** The head of an answer has come. */
export interface ApiHead {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly message: IncomingMessage;
}

/** Sends a request; resolves with the head of the answer. Rejects with the error of the connection or of the signal. */
export async function send(
  access: ClusterAccess,
  { body, contentType = 'application/json', method, path }: ApiRequest,
  signal: AbortSignal,
): Promise<ApiHead> {
  const options = await access.options();
  const text = body === undefined ? null : JSON.stringify(body);
  const headers = {
    ...trimmed(options.headers),
    Accept: 'application/json',
    ...(text === null ? {} : { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) }),
  };
  const url = new URL(`${access.server}${path}`);
  const { request } = url.protocol === 'http:' ? http : https;
  return await new Promise<ApiHead>((done, fail) => {
    const outgoing = request(url, { ...options, method, headers, signal }, (message) => {
      done({ status: message.statusCode ?? 0, headers: message.headers, message });
    });
    outgoing.once('error', fail);
    outgoing.end(text ?? undefined);
  });
}

/** Reads an answer whole. Rejects when it is longer than `most` bytes. */
export async function readWhole(message: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) {
      message.destroy();
      throw new Error(`expected an answer of at most ${most} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A token read from a file ends in the file's last line feed, which no header may hold. */
function trimmed(headers: https.RequestOptions['headers']): http.OutgoingHttpHeaders {
  if (headers === undefined || Array.isArray(headers)) return {};
  const pairs = Object.entries(headers).map(([name, value]): [string, http.OutgoingHttpHeader | undefined] => [
    name,
    typeof value === 'string' ? value.trim() : value,
  ]);
  return Object.fromEntries(pairs);
}
