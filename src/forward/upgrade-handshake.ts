import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { CanonicalRequest } from '../model/request.ts';
import { responseHead, valuesOf } from './response-head.ts';

// 16 bytes in base64 (RFC 6455 section 4.1).
const KEY = /^[A-Za-z0-9+/]{22}==$/u;
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The key of a WebSocket handshake. Fault: bad-header, when there is not exactly one valid key or it is no GET. */
export function handshakeKey(request: CanonicalRequest): Outcome<string> {
  const keys = request.headers.filter(({ name }) => name === 'sec-websocket-key');
  const key = keys[0]?.value ?? '';
  if (request.method !== 'GET')
    return failed('bad-header', `expected GET with an upgrade to websocket, found ${request.method}`);
  if (keys.length !== 1 || !KEY.test(key)) {
    return failed('bad-header', 'expected one Sec-WebSocket-Key of 16 bytes in base64 with an upgrade to websocket');
  }
  return passed(key);
}

/**
 * The head of the 101 to send on, as text. Bytes of the client may follow it to the upstream, so it must come from a
 * WebSocket server that has read this very handshake: anything else could be an HTTP server that takes those bytes for
 * requests nobody judged. Fault: upstream-protocol.
 */
export function acceptedHandshake(response: IncomingMessage, key: string): Outcome<string> {
  const { rawHeaders } = response;
  const upgrade = valuesOf(rawHeaders, 'upgrade');
  const accept = valuesOf(rawHeaders, 'sec-websocket-accept');
  const tokens = valuesOf(rawHeaders, 'connection').flatMap((value) => value.toLowerCase().split(','));
  const proven =
    response.statusCode === 101 &&
    upgrade.length === 1 &&
    upgrade[0]?.toLowerCase() === 'websocket' &&
    tokens.some((token) => token.trim() === 'upgrade') &&
    accept.length === 1 &&
    accept[0] === webSocketAccept(key);
  if (!proven)
    return failed('upstream-protocol', 'the upstream switched protocols without a valid WebSocket handshake');
  const head = responseHead({ status: 101, reason: '', rawHeaders });
  if (!head.ok) return head;
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
  const { headers } = head.value;
  for (let index = 0; index + 1 < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return passed(`${lines.join('\r\n')}\r\n\r\n`);
}

/** The answer to a Sec-WebSocket-Key that proves a WebSocket server (RFC 6455 section 4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_GUID}`, 'latin1').digest('base64');
}
