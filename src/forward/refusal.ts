import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { FAULTS } from '../model/fault.ts';
import type { Client } from '../model/client.ts';
import type { Refusal, Refusals } from '../model/ports.ts';
import type { Json } from '../model/value.ts';
import { LINGER_BYTES, LINGER_MS, MAX_PROBLEM_TEXT_CHARS } from './limits.ts';
import { printable } from './printable.ts';
import { upgradeResponse } from './upgrade-client.ts';

/**
 * The prefix of the problem type (RFC 9457 section 3.1.1). A name and not a place: agents compare it, nobody has to
 * keep a page alive behind it.
 */
export const PROBLEM_TYPE_PREFIX = 'urn:aegis:fault:';

// A client whose request could not be read as one may be out of step with the gateway about where the next begins.
const CLOSING_STATUSES = new Set([400, 408, 413, 431]);
const CLIENT_GONE_STATUS = 499;
const OWN_MEMBERS = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'advice', 'retry']);

/** Answers refused requests with problem documents (RFC 9457). */
export function createRefusals(): Refusals {
  return { answer };
}

/** The problem document of a refusal. Texts in it are safe to show; members of the gateway cannot be overridden. */
export function problemDocument({ exchangeId, fault, extensions }: Refusal): { readonly [member: string]: Json } {
  const { status, title, advice, retry } = FAULTS[fault.code];
  const further = Object.entries(extensions).filter(([member]) => !OWN_MEMBERS.has(member));
  return {
    type: `${PROBLEM_TYPE_PREFIX}${fault.code}`,
    title,
    status,
    detail: printable(fault.detail, MAX_PROBLEM_TEXT_CHARS),
    instance: `urn:uuid:${exchangeId}`,
    code: fault.code,
    advice,
    retry,
    ...Object.fromEntries(
      further.map(([member, value]) => [printable(member, MAX_PROBLEM_TEXT_CHARS), printableJson(value)]),
    ),
  };
}

/** Never rejects. An answer that has begun already, or that nobody waits for, ends in a cut connection. */
async function answer(client: Client, refusal: Refusal): Promise<void> {
  const { request } = client;
  const { status } = FAULTS[refusal.fault.code];
  const response = client.kind === 'http' ? client.response : responseOnSocket(request);
  if (response === null) return;
  if (status === CLIENT_GONE_STATUS || response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const closing = client.kind === 'upgrade' || !request.complete || CLOSING_STATUSES.has(status);
  writeProblem(response, refusal, closing);
  if (closing && client.kind === 'http') await lingering(request);
  response.end();
  await finished(response, { signal: AbortSignal.timeout(LINGER_MS) }).catch(() => response.destroy());
}

function writeProblem(response: ServerResponse, refusal: Refusal, closing: boolean): void {
  const document = Buffer.from(`${JSON.stringify(problemDocument(refusal))}\n`);
  response.writeHead(FAULTS[refusal.fault.code].status, headersOf(refusal, document.byteLength, closing));
  if (response.req.method === 'HEAD') response.flushHeaders();
  else response.write(document);
}

function headersOf({ fault, retryAfterSeconds }: Refusal, bytes: number, closing: boolean): string[] {
  const headers = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(bytes),
    'Cache-Control',
    'no-store',
  ];
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

function printableJson(value: Json): Json {
  if (typeof value === 'string') return printable(value, MAX_PROBLEM_TEXT_CHARS);
  if (typeof value !== 'object' || value === null) return value;
  if (isJsonList(value)) return value.map(printableJson);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [printable(key, MAX_PROBLEM_TEXT_CHARS), printableJson(inner)]),
  );
}

function isJsonList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
