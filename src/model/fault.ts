/**
 * Every way in which a request can fail at the gateway, in one table. Clients, documentation and tests match on the
 * code; the sentences are for people and agents.
 */
export interface FaultDefinition {
  /** The HTTP status (RFC 9110 section 15). */
  readonly status: number;
  /** A short summary that does not change from one occurrence to the next (RFC 9457 section 3.1.3). */
  readonly title: string;
  /** What whoever sent the request should do next. */
  readonly advice: string;
  /** Whether sending the same request again may succeed. */
  readonly retry: boolean;
}

const fixTheRequest = 'Send the request in one unambiguous form; repeating it as it is will be refused again.';
const askOperator = 'Tell the operator of this gateway; the agent cannot mend this.';
const later = 'Wait for the time in Retry-After, then send the same request again.';

export const FAULTS = {
  // request: what cannot be read in exactly one way
  'malformed-request': { status: 400, title: 'The request is not valid HTTP', advice: fixTheRequest, retry: false },
  'not-a-proxy-request': {
    status: 421,
    title: 'The request names no destination',
    advice: 'Use the gateway as a forward proxy (HTTP_PROXY) or call /routes/NAME/... for a configured route.',
    retry: false,
  },
  'unknown-route': {
    status: 404,
    title: 'No route of this name is configured',
    advice: 'Use one of the configured route names.',
    retry: false,
  },
  'unsupported-method': {
    status: 405,
    title: 'This method is not forwarded',
    advice: 'Use another method.',
    retry: false,
  },
  'connect-unsupported': {
    status: 501,
    title: 'This tunnel is not served by this gateway',
    advice: 'Use CONNECT for HTTP or TLS, directly on the data port and not inside another tunnel.',
    retry: false,
  },
  'client-tls': {
    status: 400,
    title: 'The TLS handshake with the client failed',
    advice: 'Let the client trust the certificates that the gateway wrote: aegis-gateway env shows the variables.',
    retry: false,
  },
  'unsupported-scheme': {
    status: 400,
    title: 'Only http and https can be governed',
    advice: 'Use an http or https URL.',
    retry: false,
  },
  'conflicting-host': {
    status: 400,
    title: 'The request names more than one destination',
    advice: fixTheRequest,
    retry: false,
  },
  'bad-host': { status: 400, title: 'The host is not valid', advice: fixTheRequest, retry: false },
  'conflicting-framing': {
    status: 400,
    title: 'The length of the body is ambiguous',
    advice: fixTheRequest,
    retry: false,
  },
  'bad-percent-encoding': {
    status: 400,
    title: 'The URL has invalid percent-encoding',
    advice: fixTheRequest,
    retry: false,
  },
  'dot-segments': {
    status: 400,
    title: 'The path has dot segments',
    advice: 'Send the path already resolved.',
    retry: false,
  },
  'control-characters': {
    status: 400,
    title: 'The request has control characters',
    advice: fixTheRequest,
    retry: false,
  },
  'bad-header': { status: 400, title: 'A header field is invalid or repeated', advice: fixTheRequest, retry: false },
  'unsupported-upgrade': {
    status: 400,
    title: 'Only upgrades to websocket are governed',
    advice: 'Do not ask for this protocol.',
    retry: false,
  },
  'unsupported-expectation': {
    status: 417,
    title: 'This expectation is not supported',
    advice: 'Leave out Expect.',
    retry: false,
  },
  'headers-too-large': {
    status: 431,
    title: 'The header section is too large',
    advice: 'Send fewer or smaller header fields.',
    retry: false,
  },
  'unsupported-encoding': {
    status: 415,
    title: 'The body has an encoding that cannot be judged',
    advice: 'Send the body uncompressed, or with gzip, deflate, br or zstd.',
    retry: false,
  },
  'malformed-body': {
    status: 400,
    title: 'The body is not what its content type says',
    advice: fixTheRequest,
    retry: false,
  },
  'duplicate-key': {
    status: 400,
    title: 'A JSON object in the body names a key twice',
    advice: fixTheRequest,
    retry: false,
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large to be judged',
    advice: 'Send less at once.',
    retry: false,
  },
  'body-too-complex': {
    status: 413,
    title: 'The body expands, nests or splits beyond what is judged',
    advice: 'Send a simpler body.',
    retry: false,
  },
  'body-mismatch': {
    status: 400,
    title: 'The action map needs a body that it can read',
    advice: 'Send a JSON or form body with the matching content type.',
    retry: false,
  },
  'ambiguous-action': {
    status: 400,
    title: 'The request can be taken for more than one action',
    advice: fixTheRequest,
    retry: false,
  },
  'request-timeout': { status: 408, title: 'The request took too long to arrive', advice: later, retry: true },
  'too-many-requests-held': { status: 503, title: 'The gateway buffers as much as it may', advice: later, retry: true },
  'too-many-connections': {
    status: 503,
    title: 'The gateway has as many connections as it may',
    advice: later,
    retry: true,
  },
  'too-many-certificates': {
    status: 503,
    title: 'The gateway makes certificates as fast as it may',
    advice: later,
    retry: true,
  },
  'client-gone': {
    status: 499,
    title: 'The client went away before the answer',
    advice: 'Nothing was forwarded.',
    retry: true,
  },
  draining: { status: 503, title: 'The gateway is shutting down', advice: later, retry: true },
  // policy
  'policy-block': {
    status: 403,
    title: 'The policy blocks this action',
    advice: 'Do not retry or look for another way; tell the user what was blocked and why.',
    retry: false,
  },
  // approval
  'approval-pending': {
    status: 403,
    title: 'A human has to approve this action',
    advice: 'Wait for the time in Retry-After, then send exactly the same request again.',
    retry: true,
  },
  'approval-denied': {
    status: 403,
    title: 'A human denied this action',
    advice: 'Do not retry; tell the user that it was denied and why.',
    retry: false,
  },
  'approval-expired': {
    status: 403,
    title: 'Nobody decided in time',
    advice: 'Send the same request again to ask anew, if it is still wanted.',
    retry: true,
  },
  'approval-void': {
    status: 403,
    title: 'The approval no longer covers this request',
    advice: 'Send the same request again to ask anew.',
    retry: true,
  },
  'approval-consumed': {
    status: 409,
    title: 'The approved action was already executed',
    advice: 'Do not retry; the action ran once, as approved.',
    retry: false,
  },
  'approvals-unavailable': { status: 503, title: 'Approvals cannot be asked for now', advice: later, retry: true },
  'approvals-full': { status: 503, title: 'Too many approvals are pending', advice: later, retry: true },
  // audit
  'audit-unavailable': { status: 503, title: 'The audit journal cannot be written', advice: later, retry: true },
  // forward
  'upstream-address-refused': {
    status: 403,
    title: 'The upstream address may not be reached',
    advice: askOperator,
    retry: false,
  },
  'upstream-unresolved': {
    status: 502,
    title: 'The upstream name does not resolve',
    advice: 'Check the host name.',
    retry: true,
  },
  'upstream-unreachable': { status: 502, title: 'The upstream cannot be reached', advice: later, retry: true },
  'upstream-tls': {
    status: 502,
    title: 'The certificate of the upstream cannot be verified',
    advice: askOperator,
    retry: false,
  },
  'upstream-protocol': {
    status: 502,
    title: 'The upstream did not speak valid HTTP',
    advice: askOperator,
    retry: true,
  },
  'upstream-timeout': {
    status: 504,
    title: 'The upstream did not answer in time',
    advice: 'The action may or may not have happened; find out before you send it again.',
    retry: true,
  },
  'credential-unavailable': {
    status: 502,
    title: 'The credential of the route cannot be read',
    advice: askOperator,
    retry: true,
  },
  // the gateway itself
  internal: { status: 500, title: 'The gateway failed', advice: askOperator, retry: false },
} as const satisfies Record<string, FaultDefinition>;

export type FaultCode = keyof typeof FAULTS;

/** One occurrence of a fault. `detail` says what was expected and what was found, and holds nothing secret. */
export interface Fault {
  readonly code: FaultCode;
  readonly detail: string;
}

/** A fault as an exception, for the places that cannot return one. */
export class FaultError extends Error {
  readonly fault: Fault;

  constructor(code: FaultCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options);
    this.name = 'FaultError';
    this.fault = { code, detail };
  }
}

/** What a pure stage returns: a value, or the fault that ends the exchange. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export function passed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function failed(code: FaultCode, detail: string): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: { code, detail } };
}
