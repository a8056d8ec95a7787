import type { Fault, FaultCode } from '../model/fault.ts';
import { TLS_HANDSHAKE } from './client-hello.ts';

/** What Node's server hands to `clientError`. */
export interface ParserError extends Error {
  readonly code?: string;
  /** The bytes that were being parsed. They are looked at and never shown. */
  readonly rawPacket?: Uint8Array;
}

const FRAMING_CODES: ReadonlySet<string> = new Set([
  'HPE_UNEXPECTED_CONTENT_LENGTH',
  'HPE_INVALID_CONTENT_LENGTH',
  'HPE_INVALID_TRANSFER_ENCODING',
]);
const PARSER_CODE = /^HPE_[A-Z0-9_]{1,64}$/u;

/**
 * The fault that a parser error stands for, or null when it is no fault of the request but the end of the connection
 * (a reset, a broken pipe). The details hold the parser's code and nothing of what was sent.
 */
export function parserFault(error: ParserError): Fault | null {
  const code = error.code ?? '';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { code: 'request-timeout', detail: 'the header section did not arrive in time' };
  }
  if (!PARSER_CODE.test(code)) return null;
  return { code: faultCodeOf(code), detail: detailOf(code, error.rawPacket) };
}

/** Whether the client ended the connection in the middle of a message. */
export function endedEarly(error: ParserError): boolean {
  return error.code === 'HPE_INVALID_EOF_STATE';
}

function faultCodeOf(code: string): FaultCode {
  if (FRAMING_CODES.has(code)) return 'conflicting-framing';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-request';
}

function detailOf(code: string, packet: Uint8Array | undefined): string {
  switch (code) {
    case 'HPE_INVALID_METHOD':
      return packet?.[0] === TLS_HANDSHAKE
        ? 'expected HTTP, found a TLS handshake behind a request'
        : 'expected a method of HTTP/1.1 at the start of a request (HPE_INVALID_METHOD)';
    case 'HPE_PAUSED_H2_UPGRADE':
      return 'expected HTTP/1.1, found the preface of HTTP/2';
    case 'HPE_INVALID_EOF_STATE':
      return 'the connection ended in the middle of a request';
    case 'HPE_HEADER_OVERFLOW':
      return 'the header section, or the trailer section, is larger than this gateway takes';
    default:
      return `expected one unambiguous HTTP/1.1 message (RFC 9112), and the parser refused it (${code})`;
  }
}
