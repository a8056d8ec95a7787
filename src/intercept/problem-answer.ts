import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { FAULTS, type Fault } from '../model/fault.ts';
import { PROBLEM_MEDIA_TYPE, problemDocument } from '../model/problem.ts';
import { LINGER_MS, RETRY_AFTER_SECONDS } from './limits.ts';

/** Answers an ordinary request with a problem document and lets the connection end with it. */
export function answerProblem(response: ServerResponse, fault: Fault): void {
  const body = bodyOf(fault);
  response.shouldKeepAlive = false;
  response.writeHead(FAULTS[fault.code].status, fieldsOf(fault, body));
  response.end(body);
}

/** Answers on a socket that has no request that Node could answer, and closes it. */
export function answerProblemRaw(socket: Duplex, fault: Fault): void {
  const { status } = FAULTS[fault.code];
  const body = bodyOf(fault);
  const fields = Object.entries({ ...fieldsOf(fault, body), Connection: 'close' });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ];
  if (socket.writable) socket.write(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body]));
  closeLingering(socket);
}

/**
 * Ends a connection without resetting it: what was written is flushed and followed by the end of the stream, and input
 * is read and thrown away until the client ends its side or `LINGER_MS` have passed (RFC 9112 section 9.6).
 */
export function closeLingering(socket: Duplex): void {
  if (socket.destroyed) return;
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
  socket.end();
  socket.resume();
}

function bodyOf(fault: Fault): Buffer {
  return Buffer.from(`${JSON.stringify(problemDocument(fault))}\n`);
}

function fieldsOf({ code }: Fault, body: Buffer): Record<string, string> {
  return {
    'Content-Type': PROBLEM_MEDIA_TYPE,
    'Content-Length': String(body.length),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(FAULTS[code].retry ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {}),
  };
}
