import { randomBytes } from 'node:crypto';
import { fingerprintOf } from '../binding/fingerprint.ts';
import { ApiStatusError } from '../kubernetes/api-error.ts';
import type { ApprovalAsk, Binding } from '../model/approval.ts';
import type { Digest } from '../model/brand.ts';
import { baseNameOf } from './approval-name.ts';
import { approvalRequestOf, triedRequestOf, type OwnIdentity } from './kubernetes-object.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import { newApprovalRequest } from './kubernetes-spec.ts';
import { ApprovalStoreError } from './store-error.ts';

/** A user that nobody is: the server has to put the gateway's own name in its place, or refuse. */
const SPOOFED = 'system:aegis:spoofed';

/**
 * Tries, without storing anything, whether the API server writes or checks who asks. Returns what is wrong; null when
 * the policies are in force. Rejects with `ApprovalStoreError` when that cannot be told.
 */
export async function requestsProblem(requests: ApprovalRequests, identity: OwnIdentity): Promise<string | null> {
  const made = await probe(requests, { ...identity, user: SPOOFED });
  try {
    const { requester, status } = triedRequestOf(await requests.tryCreate(made));
    if (requester !== identity.user)
      return `the API server let the gateway ask in the name of ${requester}: the admission policy aegis-approval-requests is not in force`;
    if (status.phase !== 'Pending' || status.decisions.length > 0)
      return 'the API server let a new ApprovalRequest be made with decisions: its CustomResourceDefinition is not the one of this gateway';
    return null;
  } catch (error) {
    if (!(error instanceof ApiStatusError)) throw error;
    return refusedByPolicy(error) ? null : cannotAsk(error);
  }
}

/** A server without MutatingAdmissionPolicy refuses a false name; then the true one has to do. */
function refusedByPolicy({ message, status }: ApiStatusError): boolean {
  return status === 403 && message.includes('spec.requester');
}

function cannotAsk(error: ApiStatusError): never {
  throw new ApprovalStoreError(`an ApprovalRequest cannot be made: ${error.message}`, { cause: error });
}

/** What a try came to: the policies refused, they did not, or something else refused before they were asked. */
export type Tried =
  | { readonly kind: 'refused' }
  | { readonly kind: 'let-through'; readonly problem: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/**
 * Tries, on a pending request of the gateway's own, whether it may decide itself. Rejects with `ApprovalStoreError` when
 * the server cannot be asked.
 */
export async function tryDeciding(requests: ApprovalRequests, name: string, { user }: OwnIdentity): Promise<Tried> {
  const decision = { approver: user, verdict: 'approved' };
  try {
    await requests.tryStatus(name, [{ op: 'add', path: '/status/decisions/-', value: decision }]);
    const problem = `the API server would let the gateway approve its own request ${name}: the admission policy aegis-approval-decisions is not in force`;
    return { kind: 'let-through', problem };
  } catch (error) {
    if (!(error instanceof ApiStatusError)) throw error;
    if (error.status === 403 && error.message.includes('may not decide')) return { kind: 'refused' };
    // It was deleted or decided meanwhile, which says nothing of the policies.
    if (error.status === 404 || error.status === 422 || error.status === 409)
      return { kind: 'unknown', problem: error.message };
    const problem = `the API server refused a decision of the gateway for another reason than its policies have: ${error.message}`;
    return { kind: 'let-through', problem };
  }
}

/**
 * The same on a request that is made for it and deleted at once; its time is over before anybody could decide. Nothing
 * but the policies should refuse there, so whatever else does hides whether they would.
 */
export async function tryDecidingAnew(requests: ApprovalRequests, identity: OwnIdentity): Promise<Told> {
  for (let tries = 0; tries < MAX_PROBES; tries += 1) {
    const told = await tryOnProbe(requests, identity);
    if (told !== null) return told;
  }
  return hidden(`${MAX_PROBES} requests that were made to try it were ended by others at once`);
}

type Told = Exclude<Tried, { kind: 'unknown' }>;

/** Replicas look every ten seconds, and end what is overdue: to meet them again and again takes somebody who wants to. */
const MAX_PROBES = 5;

/** Null where the request was ended or deleted before it could be tried, as a replica does, whose sweep finds it overdue. */
async function tryOnProbe(requests: ApprovalRequests, identity: OwnIdentity): Promise<Told | null> {
  const made = await requests.create(await probe(requests, identity));
  if (made === null) return hidden('the name of a new request was taken');
  const { metadata } = approvalRequestOf(made);
  const { name, resourceVersion, uid } = metadata;
  try {
    const tried = await tryDeciding(requests, name, identity);
    if (tried.kind !== 'unknown') return tried;
    const now = await requests.get(name);
    const isAsMade = now !== null && approvalRequestOf(now).metadata.resourceVersion === resourceVersion;
    return isAsMade ? hidden(tried.problem) : null;
  } finally {
    await requests.remove(name, { uid, resourceVersion });
  }
}

function hidden(problem: string): { readonly kind: 'let-through'; readonly problem: string } {
  return {
    kind: 'let-through',
    problem: `it cannot be told whether the admission policy aegis-approval-decisions is in force: ${problem}`,
  };
}

async function probe(requests: ApprovalRequests, identity: OwnIdentity): Promise<object> {
  const ask = probeAsk();
  return newApprovalRequest({
    name: baseNameOf(ask.fingerprint),
    namespace: await requests.namespace(),
    ask,
    expiresAt: 0,
    grantMs: 1_000,
    predecessor: null,
    identity,
    workload: { namespace: '', pod: '', serviceAccount: '', labels: {} },
  });
}

/** Random, so that nobody can have taken its name. */
function probeAsk(): ApprovalAsk {
  const digest = randomDigest();
  const binding: Binding = {
    method: 'GET',
    urlDigest: digest,
    bodyDigest: digest,
    headersDigest: digest,
    actionDigest: digest,
    agentId: '',
    policyDigest: digest,
    actionMapDigest: digest,
    credentialGeneration: '',
  };
  return {
    fingerprint: fingerprintOf(binding),
    binding,
    agentId: '',
    request: {
      entry: 'unknown',
      route: null,
      method: 'GET',
      url: 'http://probe.invalid/',
      bodyDigest: null,
      bodyBytes: null,
    },
    actions: [
      { type: 'probe', target: '', params: {}, description: '', effect: null, amountParam: null, mappedBy: null },
    ],
    rule: 'probe',
    why: 'probe',
    riskLevel: 'low',
    terms: { approvers: 1, scope: 'once', ttlMs: null, waitMs: null, forMs: null },
    exchangeId: 'probe',
  };
}

function randomDigest(): Digest {
  const text = randomBytes(32).toString('hex');
  if (!isDigest(text)) throw new TypeError('expected 64 hexadecimal digits');
  return text;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}
