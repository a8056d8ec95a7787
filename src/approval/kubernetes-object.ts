import * as z from 'zod';
import { ApprovalStoreError } from './store-error.ts';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const digest = z.string().regex(/^[0-9a-f]{64}$/u);
const text = z.string();

const decision = z.object({
  approver: text.default(''),
  verdict: z.enum(['approved', 'denied']),
  reason: text.default(''),
});

const condition = z.object({
  type: z.enum(['Approved', 'Denied', 'Expired', 'Consumed', 'Void']),
  status: z.enum(['True', 'False', 'Unknown']),
  observedGeneration: z.number().optional(),
  lastTransitionTime: text.optional(),
  reason: text,
  message: text,
});

const status = z.object({
  phase: z.enum(['Pending', 'Approved', 'Denied', 'Expired', 'Consumed', 'Void']).default('Pending'),
  approvals: z.int().default(0),
  decisions: z.array(decision).max(17).default([]),
  conditions: z.array(condition).max(8).default([]),
  grantExpiresAt: time.optional(),
  consumption: z.object({ exchangeId: text, pod: text.optional(), at: time }).optional(),
  uses: z.int().min(0).default(0),
  endedAt: time.optional(),
  voidReason: text.optional(),
  told: z.boolean().default(false),
});

const spec = z.object({
  fingerprint: digest,
  binding: z.object({
    method: text,
    urlDigest: digest,
    bodyDigest: digest,
    headersDigest: digest,
    actionDigest: digest,
    agentId: text,
    policyDigest: digest,
    actionMapDigest: digest,
    credentialGeneration: text,
  }),
  agent: z.object({
    id: text,
    namespace: text.optional(),
    pod: text.optional(),
    serviceAccount: text.optional(),
    labels: z.record(text, text).optional(),
  }),
  request: z.object({
    entry: z.enum(['forward-proxy', 'route', 'connect', 'captured', 'unknown']),
    route: text.optional(),
    method: text,
    url: text,
    bodyDigest: digest.optional(),
    bodyBytes: z.int().min(0).optional(),
  }),
  actions: z
    .array(
      z.object({
        type: text,
        target: text,
        params: text,
        description: text.optional(),
        effect: z.enum(['read-only', 'reversible', 'irreversible']).optional(),
        amountParam: text.optional(),
        mappedBy: text.optional(),
      }),
    )
    .min(1)
    .max(64),
  rule: text,
  why: text,
  riskLevel: z.enum(['low', 'medium', 'high', 'critical']),
  approvers: z.int().min(1).max(16),
  scope: z.enum(['once', 'action', 'target']),
  expiresAt: time,
  grantSeconds: z.int().min(1),
  exchangeId: text,
  predecessor: z
    .object({
      name: text,
      phase: z.enum(['Denied', 'Expired', 'Consumed', 'Void']),
      endedAt: time,
      reason: text.optional(),
    })
    .optional(),
  requester: text,
  requestingPod: z.object({ name: text, uid: text }).optional(),
});

const approvalRequest = z.object({
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().min(1),
    uid: z.string().min(1),
    resourceVersion: z.string().min(1),
    generation: z.number().optional(),
    creationTimestamp: time,
  }),
  spec,
  status: status.prefault({}),
});

/** An ApprovalRequest as the API server gave it, in precise types: times in milliseconds since the epoch. */
export type ApprovalRequestObject = Readonly<z.output<typeof approvalRequest>>;
export type RequestStatus = ApprovalRequestObject['status'];
export type RequestPhase = RequestStatus['phase'];

/** Reads an object of the API. Throws when it is no ApprovalRequest as this gateway knows them. */
export function approvalRequestOf(value: unknown): ApprovalRequestObject {
  const read = approvalRequest.safeParse(value);
  if (read.success) return read.data;
  const [first] = read.error.issues;
  throw new ApprovalStoreError(
    `expected an ApprovalRequest, found another value at ${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`,
  );
}

const tried = z.object({ spec: z.object({ requester: text }), status: status.prefault({}) });

/** What the API server made of an object that it did not store, which has no version. */
export function triedRequestOf(value: unknown): { readonly requester: string; readonly status: RequestStatus } {
  const read = tried.safeParse(value);
  if (!read.success) throw new ApprovalStoreError('expected an ApprovalRequest, found another answer');
  return { requester: read.data.spec.requester, status: read.data.status };
}

const page = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

/** A page of a list; its items are read one by one, so that one that does not fit does not hide the others. */
export function pageOf(value: unknown): z.output<typeof page> {
  const read = page.safeParse(value);
  if (read.success) return read.data;
  throw new ApprovalStoreError('expected a list of ApprovalRequests, found another answer');
}

const review = z.object({
  status: z.object({
    userInfo: z.object({ username: z.string().min(1), extra: z.record(z.string(), z.array(z.string())).optional() }),
  }),
});

/** Who the API server takes this gateway for, and the pod that its token is bound to. */
export interface OwnIdentity {
  readonly user: string;
  readonly pod: { readonly name: string; readonly uid: string } | null;
}

/** Reads a SelfSubjectReview (authentication.k8s.io/v1). */
export function identityOf(value: unknown): OwnIdentity {
  const read = review.safeParse(value);
  if (!read.success) throw new ApprovalStoreError('expected a SelfSubjectReview, found another answer');
  const { extra = {}, username: user } = read.data.status.userInfo;
  const name = extra['authentication.kubernetes.io/pod-name']?.[0];
  const uid = extra['authentication.kubernetes.io/pod-uid']?.[0];
  return { user, pod: name === undefined || uid === undefined ? null : { name, uid } };
}
