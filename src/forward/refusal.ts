import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { FAULTS } from '../model/fault.ts';
import type { Client } from '../model/client.ts';
import type { Refusal, Refusals } from '../model/ports.ts';
import { PROBLEM_MEDIA_TYPE, problemDocument } from '../model/problem.ts';
import type { Json } from '../model/value.ts';
import { LINGER_BYTES, LINGER_MS, MAX_PROBLEM_TEXT_CHARS } from './limits.ts';
import { printable } from './printable.ts';
import { upgradeResponse } from './upgrade-client.ts';

// A client whose request could not be read as one may be out of step with the gateway about where the next begins.
const CLOSING_STATUSES = new Set([400, 408, 413, 431]);
const CLIENT_GONE_STATUS = 499;
/** A fatal alert `access_denied` (RFC 8446 section 6) in the clear: all that a TLS client without a proxy can be told. */
const TLS_ACCESS_DENIED = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x31]);

/** Answers refused requests with problem documents (RFC 9457). */
export function createRefusals(): Refusals {
  return { answer };
}

/** The problem document of a refusal, with the exchange as its instance. Every text in it is safe to show. */
export function refusalDocument({ exchangeId, fault, extensions }: Refusal): { readonly [member: string]: Json } {
  const shown = { code: fault.code, detail: printable(fault.detail, MAX_PROBLEM_TEXT_CHARS) };
  return problemDocument(shown, { ...printableMembers(extensions), instance: `urn:uuid:${exchangeId}` });
}

/** Never rejects. An answer that has begun already, or that nobody waits for, ends in a cut connection. */
async function answer(client: Client, refusal: Refusal): Promise<void> {
  if (client.kind === 'http') return await answerRequest(client.response, refusal, 'served');
  const { request, socket } = client;
  if (request === null) {
    socket.end(TLS_ACCESS_DENIED);
    return;
  }
  const response = responseOnSocket(request);
  if (response !== null) await answerRequest(response, refusal, 'bare');
}

/** `bare`: no HTTP server is behind the socket any more, so that no further request can follow. */
async function answerRequest(response: ServerResponse, refusal: Refusal, kind: 'served' | 'bare'): Promise<void> {
  const { req: request } = response;
  const { status } = FAULTS[refusal.fault.code];
  if (status === CLIENT_GONE_STATUS || response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const closing = kind === 'bare' || !request.complete || CLOSING_STATUSES.has(status);
  writeProblem(response, refusal, closing);
  if (closing && kind === 'served') await lingering(request);
  response.end();
  await finished(response, { signal: AbortSignal.timeout(LINGER_MS) }).catch(() => response.destroy());
}

function writeProblem(response: ServerResponse, refusal: Refusal, closing: boolean): void {
  const document = Buffer.from(`${JSON.stringify(refusalDocument(refusal))}\n`);
  response.writeHead(FAULTS[refusal.fault.code].status, headersOf(refusal, document.byteLength, closing));
  if (response.req.method === 'HEAD') response.flushHeaders();
  else response.write(document);
}

function headersOf({ fault, retryAfterSeconds }: Refusal, bytes: number, closing: boolean): string[] {
  const headers = ['Content-Type', PROBLEM_MEDIA_TYPE, 'Content-Length', String(bytes), 'Cache-Control', 'no-store'];
  headers.push('X-Content-Type-Options', 'nosniff');
  if (retryAfterSeconds !== null) headers.push('Retry-After', String(Math.max(0, Math.ceil(retryAfterSeconds))));
  if (FAULTS[fault.code].status === 405) headers.push('Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  if (closing) headers.push('Connection', 'close');
  return headers;
}

/**
 * Reads on for a while and throws it away: closing a connection with unread bytes resets it, and the client may lose
 * the answer before it has read it.
 */
async function lingering(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  const timer = setTimeout(resolve, LINGER_MS);
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.byteLength;
    if (bytes > LINGER_BYTES) resolve();
  });
  request
    .once('end', resolve)
    .once('close', resolve)
    .once('error', () => resolve());
  request.resume();
  await promise;
  clearTimeout(timer);
}

function responseOnSocket(request: IncomingMessage): ServerResponse | null {
  const { socket } = request;
  return socket.destroyed || !socket.writable ? null : upgradeResponse(request).response;
}

function printableMembers(members: { readonly [member: string]: Json }): { readonly [member: string]: Json } {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [printable(name, MAX_PROBLEM_TEXT_CHARS), printableJson(value)]),
  );
}

function printableJson(value: Json): Json {
  if (typeof value === 'string') return printable(value, MAX_PROBLEM_TEXT_CHARS);
  if (typeof value !== 'object' || value === null) return value;
  return isJsonList(value) ? value.map(printableJson) : printableMembers(value);
}

function isJsonList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
