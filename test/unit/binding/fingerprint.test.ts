import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  bindingOf,
  changedPart,
  fingerprintOf,
  requestKeyOf,
  voidReasonOf,
  worldKeyOf,
  type BindingParts,
} from '../../../src/binding/fingerprint.ts';
import { boundHeaders } from '../../../src/binding/retry-headers.ts';
import type { Action } from '../../../src/model/action.ts';
import type { Digest, Host } from '../../../src/model/brand.ts';
import type { CanonicalRequest, HeaderField, RequestBody } from '../../../src/model/request.ts';

const sha256 = (text: string): Digest => createHash('sha256').update(text).digest('hex') as Digest;

const ACTION: Action = {
  type: 'refund',
  target: 'payments',
  params: new Map([['amount', 50n]]),
  description: '',
  agentId: 'shop',
  effect: 'irreversible',
  amountParam: 'amount',
  mappedBy: 'actions.yaml:12',
};

const REQUEST: CanonicalRequest = {
  entry: 'forward-proxy',
  route: null,
  method: 'POST',
  destination: { scheme: 'https', host: 'api.example' as Host, port: 443 },
  path: '/refunds',
  query: null,
  headers: [
    { name: 'content-type', value: 'application/json' },
    { name: 'accept', value: '*/*' },
  ],
  framing: { kind: 'length', bytes: 13 },
  contentType: 'application/json',
  contentCodings: [],
  upgrade: null,
  expectsContinue: false,
};

function bodyOf(text: string): RequestBody {
  return { kind: 'buffered', bytes: Buffer.from(text), digest: sha256(text), decoded: { kind: 'opaque' } };
}

const PARTS: BindingParts = {
  request: REQUEST,
  body: bodyOf('{"amount":50}'),
  actions: [ACTION],
  agentId: 'shop',
  policyDigest: sha256('policy 1'),
  actionMapDigest: sha256('map 1'),
  credentialGeneration: '',
};

const fingerprint = (parts: BindingParts): Digest => fingerprintOf(bindingOf(parts));

function withHeaders(...headers: HeaderField[]): BindingParts {
  return { ...PARTS, request: { ...REQUEST, headers: [...REQUEST.headers, ...headers] } };
}

describe('what an approval is bound to', () => {
  it('is the same for the same request, on whatever entry it came', () => {
    const again: BindingParts = { ...PARTS, request: { ...REQUEST, entry: 'captured' }, body: bodyOf('{"amount":50}') };
    expect(fingerprint(again)).toBe(fingerprint(PARTS));
  });

  it.each<[string, BindingParts]>([
    ['method', { ...PARTS, request: { ...REQUEST, method: 'PUT' } }],
    ['scheme', { ...PARTS, request: { ...REQUEST, destination: { ...REQUEST.destination, scheme: 'http' } } }],
    ['host', { ...PARTS, request: { ...REQUEST, destination: { ...REQUEST.destination, host: 'b.example' as Host } } }],
    ['port', { ...PARTS, request: { ...REQUEST, destination: { ...REQUEST.destination, port: 8443 } } }],
    ['path', { ...PARTS, request: { ...REQUEST, path: '/refunds/1' } }],
    ['empty query', { ...PARTS, request: { ...REQUEST, query: '' } }],
    ['query', { ...PARTS, request: { ...REQUEST, query: 'a=1' } }],
    ['upgrade', { ...PARTS, request: { ...REQUEST, upgrade: 'websocket' } }],
    ['header value', withHeaders({ name: 'authorization', value: 'Bearer b' })],
    ['header order', { ...PARTS, request: { ...REQUEST, headers: REQUEST.headers.toReversed() } }],
    ['user agent', withHeaders({ name: 'user-agent', value: 'curl/8' })],
    ['body', { ...PARTS, body: bodyOf('{"amount":51}') }],
    ['white space in the body', { ...PARTS, body: bodyOf('{"amount": 50}') }],
    ['absent body', { ...PARTS, body: { kind: 'none' } }],
    ['action type', { ...PARTS, actions: [{ ...ACTION, type: 'pay' }] }],
    ['action target', { ...PARTS, actions: [{ ...ACTION, target: 'x' }] }],
    ['parameter', { ...PARTS, actions: [{ ...ACTION, params: new Map([['amount', 51n]]) }] }],
    ['parameter as text', { ...PARTS, actions: [{ ...ACTION, params: new Map([['amount', '50']]) }] }],
    ['one more action', { ...PARTS, actions: [ACTION, ACTION] }],
    ['effect', { ...PARTS, actions: [{ ...ACTION, effect: 'reversible' }] }],
    ['agent', { ...PARTS, agentId: 'other' }],
    ['policy', { ...PARTS, policyDigest: sha256('policy 2') }],
    ['action map', { ...PARTS, actionMapDigest: sha256('map 2') }],
    ['credential', { ...PARTS, credentialGeneration: '1' }],
  ])('another %s is another fingerprint', (_part, parts) => {
    expect(fingerprint(parts)).not.toBe(fingerprint(PARTS));
  });

  it('does not depend on the line of the action map that an action came from', () => {
    expect(fingerprint({ ...PARTS, actions: [{ ...ACTION, mappedBy: 'actions.yaml:99' }] })).toBe(fingerprint(PARTS));
  });

  it('tells the credentials of two routes apart although both are of generation 1', () => {
    const a = { ...PARTS, request: { ...REQUEST, route: 'a' }, credentialGeneration: '1' };
    const b = { ...PARTS, request: { ...REQUEST, route: 'b' }, credentialGeneration: '1' };
    expect(fingerprint(a)).not.toBe(fingerprint(b));
  });

  it('cannot be made of a body that streams', () => {
    expect(() => bindingOf({ ...PARTS, body: { kind: 'streamed' } })).toThrow('cannot be bound');
  });

  it('is pinned, so that approvals survive an update of the gateway', () => {
    expect(fingerprint(PARTS)).toBe('a801ebaa2b8034deb7de163d21b55ba50538a406e5869153f32d1cc7f98ce0de');
  });
});

describe('headers that name the attempt', () => {
  it.each<HeaderField>([
    { name: 'traceparent', value: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    { name: 'tracestate', value: 'vendor=a1, other=2' },
    { name: 'date', value: 'Tue, 24 Nov 2026 08:00:00 GMT' },
    { name: 'x-request-id', value: '5c0f9c5e-3d5f-4e0f-8d4e-0f5f7f2f1a11' },
    { name: 'idempotency-key', value: '"8e03978e-40d5-43dd-bc93-6894a57f9324"' },
    { name: 'x-stainless-retry-count', value: '2' },
    { name: 'amz-sdk-request', value: 'attempt=2; max=3' },
    { name: 'sec-websocket-key', value: 'dGhlIHNhbXBsZSBub25jZQ==' },
  ])('$name may differ between retries', (header) => {
    expect(fingerprint(withHeaders(header))).toBe(fingerprint(PARTS));
  });

  it.each<HeaderField>([
    { name: 'traceparent', value: 'ghp_notATraceButSomethingToCarryOut' },
    { name: 'x-request-id', value: 'a'.repeat(129) },
    { name: 'tracestate', value: 'x'.repeat(513) },
    { name: 'idempotency-key', value: 'with space' },
    { name: 'date', value: 'tomorrow' },
    { name: 'x-stainless-retry-count', value: '1e9' },
  ])('$name is bound when it is not in its own form', (header) => {
    expect(fingerprint(withHeaders(header))).not.toBe(fingerprint(PARTS));
  });

  it('are bound from their second occurrence on', () => {
    const id = { name: 'x-request-id', value: 'a' };
    expect(boundHeaders([id, id, { name: 'accept', value: '*/*' }])).toEqual([id, { name: 'accept', value: '*/*' }]);
  });
});

describe('what changed between two bindings', () => {
  const before = bindingOf(PARTS);
  it.each<[ReturnType<typeof changedPart>, BindingParts]>([
    [null, PARTS],
    ['policy', { ...PARTS, policyDigest: sha256('2') }],
    ['action-map', { ...PARTS, actionMapDigest: sha256('2'), actions: [{ ...ACTION, type: 'pay' }] }],
    ['actions', { ...PARTS, actions: [{ ...ACTION, type: 'pay' }] }],
    ['request', { ...PARTS, body: bodyOf('') }],
    ['agent', { ...PARTS, agentId: 'other' }],
  ])('is %s', (part, parts) => {
    expect(changedPart(before, bindingOf(parts))).toBe(part);
  });

  it('is the credential when it was rotated', () => {
    const one = bindingOf({ ...PARTS, credentialGeneration: '1' });
    const two = bindingOf({ ...PARTS, credentialGeneration: '2' });
    expect(changedPart(one, two)).toBe('credential');
    expect(requestKeyOf(one)).toBe(requestKeyOf(two));
    expect(worldKeyOf(one)).not.toBe(worldKeyOf(two));
  });

  it('is said in words that operators can search for', () => {
    expect(['policy', 'action-map', 'actions', 'credential'].map((part) => voidReasonOf(part as 'policy'))).toEqual([
      'policy-changed',
      'actions-changed',
      'actions-changed',
      'credential-changed',
    ]);
  });

  it('leaves the key of the request alone when only the world changed', () => {
    const after = bindingOf({
      ...PARTS,
      policyDigest: sha256('2'),
      actionMapDigest: sha256('2'),
      actions: [ACTION, ACTION],
    });
    expect(requestKeyOf(after)).toBe(requestKeyOf(before));
  });
});
