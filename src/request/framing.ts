import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Framing } from '../model/request.ts';
import type { Fields } from './fields.ts';

/** Plain decimal without sign, list or leading zeros, exact as a double. */
const LENGTH = /^(?:0|[1-9]\d{0,14})$/u;

/**
 * How the length of the body is known (RFC 9112 section 6), where there is only one way to read it: request smuggling
 * (CWE-444) lives on servers that differ here. Fault: conflicting-framing.
 */
export function readFraming(fields: Fields, httpVersion: string): Outcome<Framing> {
  const length = fields.get('content-length');
  const coding = fields.get('transfer-encoding');
  if (coding === null) return length === null ? passed({ kind: 'none' }) : readLength(length);
  if (length !== null) return conflict('expected Content-Length or Transfer-Encoding, found both');
  if (httpVersion === '1.0') return conflict('expected no Transfer-Encoding in HTTP/1.0');
  if (coding !== 'chunked') return conflict('expected Transfer-Encoding to be exactly "chunked"');
  return passed({ kind: 'chunked' });
}

function readLength(length: string): Outcome<Framing> {
  if (!LENGTH.test(length)) return conflict('expected Content-Length to be one plain decimal number');
  return passed({ kind: 'length', bytes: Number(length) });
}

function conflict(detail: string): Outcome<never> {
  return failed('conflicting-framing', detail);
}
