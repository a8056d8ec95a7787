import { createHash } from 'node:crypto';
import type { Action, Actions } from '../model/action.ts';
import type { Binding } from '../model/approval.ts';
import type { Digest } from '../model/brand.ts';
import { canonicalText } from '../model/canonical.ts';
import { urlOf, type CanonicalRequest, type RequestBody } from '../model/request.ts';
import type { Value } from '../model/value.ts';
import { boundHeaders } from './retry-headers.ts';

/** What an approval is bound to: a request as it will be sent, and the world that it was judged in. */
export interface BindingParts {
  readonly request: CanonicalRequest;
  /** Read whole: a streamed body has no digest yet. */
  readonly body: RequestBody;
  readonly actions: Actions;
  readonly agentId: string;
  readonly policyDigest: Digest;
  readonly actionMapDigest: Digest;
  /** '' when the gateway adds no credential. */
  readonly credentialGeneration: string;
}

/**
 * Makes the binding of an approval. The same parts give the same binding, on every entry and after every restart.
 * Throws a TypeError for a streamed body, since no human can agree to bytes that have not arrived.
 */
export function bindingOf(parts: BindingParts): Binding {
  const { request, body, actions, agentId, policyDigest, actionMapDigest, credentialGeneration } = parts;
  return {
    method: request.method,
    urlDigest: sha256(urlOf(request)),
    bodyDigest: bodyDigestOf(body),
    headersDigest: sha256(canonicalText(headerList(request, credentialGeneration !== ''))),
    actionDigest: sha256(canonicalText(actions.map(actionValue))),
    agentId,
    policyDigest,
    actionMapDigest,
    credentialGeneration,
  };
}

/** SHA-256 over the canonical form (RFC 8785) of the whole binding. */
export function fingerprintOf(binding: Binding): Digest {
  return digestOf({ ...requestPart(binding), ...worldPart(binding) });
}

/** The key of a request whatever the world: the same for a retry after policy, action map or credential changed. */
export function requestKeyOf(binding: Binding): Digest {
  return digestOf(requestPart(binding));
}

/** The key of the world that a request was judged in: policy, action map, credential. */
export function worldKeyOf(binding: Binding): Digest {
  const { policyDigest, actionMapDigest, credentialGeneration } = binding;
  return digestOf({ policyDigest, actionMapDigest, credentialGeneration });
}

/** Digests a list of texts so that no two lists give the same digest. */
export function keyOf(texts: readonly string[]): Digest {
  return sha256(canonicalText(texts));
}

/** What can differ between two bindings, from the widest to the narrowest. */
const BINDING_PARTS = ['agent', 'request', 'policy', 'action-map', 'actions', 'credential'] as const;
export type ChangedPart = (typeof BINDING_PARTS)[number];

/** The first part in which two bindings differ; null when they are the same. */
export function changedPart(before: Binding, after: Binding): ChangedPart | null {
  const same: Record<ChangedPart, boolean> = {
    agent: before.agentId === after.agentId,
    request: requestKeyOf({ ...before, agentId: '' }) === requestKeyOf({ ...after, agentId: '' }),
    policy: before.policyDigest === after.policyDigest,
    'action-map': before.actionMapDigest === after.actionMapDigest,
    actions: before.actionDigest === after.actionDigest,
    credential: before.credentialGeneration === after.credentialGeneration,
  };
  return BINDING_PARTS.find((part) => !same[part]) ?? null;
}

/** Why an approval is void, as it is stored and shown: `policy-changed`, `actions-changed`, `credential-changed`. */
export function voidReasonOf(part: ChangedPart): string {
  return part === 'action-map' ? 'actions-changed' : `${part}-changed`;
}

function bodyDigestOf(body: RequestBody): Digest {
  switch (body.kind) {
    case 'none':
      return sha256('');
    case 'buffered':
      return body.digest;
    case 'streamed':
      throw new TypeError('expected a body that was read whole, found one that streams: it cannot be bound');
    default:
      return body satisfies never;
  }
}

type Members = { readonly [member: string]: string };

/** What is sent and for whom. The actions are not in it: they follow from the request and the action map. */
function requestPart({ method, urlDigest, bodyDigest, headersDigest, agentId }: Binding): Members {
  return { method, urlDigest, bodyDigest, headersDigest, agentId };
}

function worldPart({ actionDigest, policyDigest, actionMapDigest, credentialGeneration }: Binding): Members {
  return { actionDigest, policyDigest, actionMapDigest, credentialGeneration };
}

/** Pseudo-fields start with a colon, which no field name can hold (RFC 9110 section 5.1). */
function headerList(request: CanonicalRequest, credentialAdded: boolean): Value {
  const fields: [string, string][] = boundHeaders(request.headers).map(({ name, value }) => [name, value]);
  if (request.upgrade !== null) fields.push([':upgrade', request.upgrade]);
  if (credentialAdded) fields.push([':credential-of', request.route ?? '']);
  return fields;
}

/** `mappedBy` is left out: a line number moves with every edit above it, and the action map has its own digest. */
function actionValue({ type, target, params, description, agentId, effect, amountParam }: Action): Value {
  return new Map<string, Value>([
    ['type', type],
    ['target', target],
    ['params', params],
    ['description', description],
    ['agentId', agentId],
    ['effect', effect],
    ['amountParam', amountParam],
  ]);
}

function digestOf(members: Members): Digest {
  return sha256(canonicalText(new Map(Object.entries(members))));
}

function sha256(data: string): Digest {
  const digest = createHash('sha256').update(data).digest('hex');
  if (!isDigest(digest)) throw new TypeError(`expected a SHA-256 digest, found ${digest}`);
  return digest;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}
