import type { HeaderField } from '../model/request.ts';

const TOKEN = /^[\w.:;,=/+*@|-]{1,128}$/u;
const COUNT = /^\d{1,6}$/u;

/**
 * The header fields that clients vary from one attempt to the next of the same request, and the only form in which each
 * may vary. They name the attempt, not what is asked for, so a retry that differs in them alone finds the same
 * approval. A value in another form (a field put to another use, or to carry data out) is bound like any field.
 */
const ATTEMPT_FIELDS: ReadonlyMap<string, RegExp> = new Map([
  // Trace contexts: W3C Trace Context, Zipkin B3, Jaeger, AWS X-Ray, Google, Datadog, Sentry.
  ['traceparent', /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/u],
  ['tracestate', /^[\w.:;,=/+*@|\- ]{0,512}$/u],
  ['b3', TOKEN],
  ['x-b3-traceid', TOKEN],
  ['x-b3-spanid', TOKEN],
  ['x-b3-parentspanid', TOKEN],
  ['x-b3-sampled', COUNT],
  ['uber-trace-id', TOKEN],
  ['x-amzn-trace-id', TOKEN],
  ['x-cloud-trace-context', TOKEN],
  ['x-datadog-trace-id', /^\d{1,20}$/u],
  ['x-datadog-parent-id', /^\d{1,20}$/u],
  ['sentry-trace', TOKEN],
  // Names of one attempt.
  ['x-request-id', TOKEN],
  ['x-correlation-id', TOKEN],
  ['x-client-request-id', TOKEN],
  ['request-id', TOKEN],
  // Many SDKs make a new key for each call of theirs. At most one execution is the approval's promise, not the key's.
  ['idempotency-key', /^[\w.:"-]{1,255}$/u],
  // RFC 9110 section 6.6.1.
  ['date', /^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/u],
  // Counters of retries: the SDKs made by Stainless (OpenAI, Anthropic and others), AWS.
  ['x-stainless-retry-count', COUNT],
  ['x-stainless-read-timeout', /^[\d.]{1,16}$/u],
  ['x-stainless-timeout', /^[\d.]{1,16}$/u],
  ['amz-sdk-invocation-id', TOKEN],
  ['amz-sdk-request', /^[\w=;. :-]{1,128}$/u],
  // The nonce of a WebSocket handshake (RFC 6455 section 4.1): 16 bytes in base64.
  ['sec-websocket-key', /^[A-Za-z0-9+/]{22}==$/u],
]);

/** The fields that an approval is bound to: all but those that only name the attempt. */
export function boundHeaders(headers: readonly HeaderField[]): readonly HeaderField[] {
  const seen = new Set<string>();
  return headers.filter(({ name, value }) => {
    const form = ATTEMPT_FIELDS.get(name);
    if (form === undefined || seen.has(name)) return true;
    seen.add(name);
    return !form.test(value);
  });
}
