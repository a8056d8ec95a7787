import errors from 'undici/lib/core/errors.js';
import { FaultError, type Fault, type FaultCode } from '../model/fault.ts';

// Node's and undici's own names for what went wrong; https://nodejs.org/api/errors.html, OpenSSL's X509_V_ERR_*.
const TLS_REASONS: { readonly [code: string]: string } = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
  CERT_UNTRUSTED: 'its certificate is not trusted for this purpose',
  INVALID_PURPOSE: 'its certificate is not meant for a server',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  HOSTNAME_MISMATCH: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed by an unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an unknown authority',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it offers no TLS version from 1.2 on',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it offers no TLS version from 1.2 on',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS on this port',
};

const TIMEOUTS: { readonly [code: string]: string } = {
  UND_ERR_HEADERS_TIMEOUT: 'it sent no answer in time',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of its answer',
  UND_ERR_CONNECT_TIMEOUT: 'it could not be connected to in time',
  ETIMEDOUT: 'it could not be connected to in time',
};

const PROTOCOL_CODES = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'ERR_HTTP_INVALID_STATUS_CODE',
]);

const CONNECTION_REASONS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'it refused the connection',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  EHOSTUNREACH: 'there is no way to its address',
  ENETUNREACH: 'there is no way to its network',
  UND_ERR_SOCKET: 'it closed the connection',
};

/** The fault that an error of an upstream connection stands for. The detail holds nothing of the request. */
export function upstreamFault(error: unknown, upstream: string): Fault {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof AggregateError && error.errors.length > 0) return upstreamFault(error.errors[0], upstream);
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  const [kind, reason] = reasonOf(code, message);
  return { code: kind, detail: `${upstream}: ${reason}` };
}

function codeOf(error: unknown): string {
  // undici leaves some of its parser's errors without a code.
  if (error instanceof errors.HTTPParserError) return error.code ?? 'HPE_INVALID';
  if (!(error instanceof Error) || !('code' in error)) return '';
  // With bytes waiting to be written, OpenSSL's reason stands in the message only.
  if (error.code !== 'EPROTO') return String(error.code);
  if (/protocol version|unsupported protocol/iu.test(error.message)) return 'ERR_SSL_UNSUPPORTED_PROTOCOL';
  return /wrong version number|packet length/iu.test(error.message) ? 'ERR_SSL_WRONG_VERSION_NUMBER' : 'EPROTO';
}

function reasonOf(code: string, message: string): readonly [FaultCode, string] {
  const tls = tlsReason(code);
  if (tls !== null) return ['upstream-tls', tls];
  const late = TIMEOUTS[code];
  if (late !== undefined) return ['upstream-timeout', late];
  if (isProtocolError(code, message)) return ['upstream-protocol', `it did not answer in valid HTTP (${code})`];
  const lost = CONNECTION_REASONS[code];
  if (lost !== undefined) return ['upstream-unreachable', lost];
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return ['draining', 'the gateway shuts down'];
  // Codes of Node's and undici's own argument checks: the request was made up wrongly here.
  if (code.startsWith('UND_ERR_') || code.startsWith('ERR_')) return ['internal', `the request failed (${code})`];
  return ['upstream-unreachable', `the connection failed (${code === '' ? 'no code' : code})`];
}

function tlsReason(code: string): string | null {
  const known = TLS_REASONS[code];
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO')
    return `the TLS handshake failed (${code})`;
  return null;
}

function isProtocolError(code: string, message: string): boolean {
  if (code.startsWith('HPE_') || PROTOCOL_CODES.has(code)) return true;
  return code === 'UND_ERR_SOCKET' && /^bad (?:upgrade|response)/u.test(message);
}
