import { FAULTS, type Fault } from './fault.ts';
import type { Json } from './value.ts';

/** The media type of a problem document (RFC 9457 section 3). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * The problem document (RFC 9457 section 3.1) of a fault, the same from whichever stage answers. `type` is a `tag:` URI
 * (RFC 4151): it names the kind of problem without promising a page. `extensions` cannot replace what the fault says.
 */
export function problemDocument(
  fault: Fault,
  extensions: { readonly [member: string]: Json } = {},
): { readonly [member: string]: Json } {
  const { status, title, advice, retry } = FAULTS[fault.code];
  const own = {
    type: `tag:aegis.dev,2026:fault:${fault.code}`,
    title,
    status,
    detail: fault.detail,
    code: fault.code,
    advice,
    retry,
  };
  // The first mention gives the order in which people read it, the last one the value.
  return { ...own, ...extensions, ...own };
}
