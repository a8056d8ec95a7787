import { fingerprintOf } from '../binding/fingerprint.ts';
import type {
  ApprovalAsk,
  ApprovalPhase,
  ApprovalRecord,
  ApproverDecision,
  Binding,
  Predecessor,
} from '../model/approval.ts';
import type { Digest } from '../model/brand.ts';
import type { ActionView } from '../model/record.ts';
import type { Json } from '../model/value.ts';
import { baseNameOf, APPROVAL_NAME } from './approval-name.ts';
import type { ApprovalRequestObject, RequestPhase } from './kubernetes-object.ts';
import { fromAscii } from './kubernetes-text.ts';
import { ApprovalStoreError } from './store-error.ts';

const PHASES: { readonly [phase in RequestPhase]: ApprovalPhase } = {
  Pending: 'pending',
  Approved: 'approved',
  Denied: 'denied',
  Expired: 'expired',
  Consumed: 'consumed',
  Void: 'void',
};

/**
 * The phase that follows from the decisions while nothing has ended the request: a server without
 * MutatingAdmissionPolicy leaves it to the gateway to draw that conclusion.
 */
export function phaseOf({ spec, status }: ApprovalRequestObject): ApprovalPhase {
  if (status.phase !== 'Pending') return PHASES[status.phase];
  if (status.decisions.some(({ verdict }) => verdict === 'denied')) return 'denied';
  return status.decisions.length >= spec.approvers ? 'approved' : 'pending';
}

/**
 * Makes a record of an object that this gateway asked for. Throws where it did not: where the requester is somebody
 * else, name and fingerprint are not those of the binding, or the decisions do not make the phase.
 */
export function kubernetesRecord(object: ApprovalRequestObject, owner: string): ApprovalRecord {
  const { metadata } = object;
  const record = readRecord(object);
  const problem = foreignBecause(object, record.ask, owner);
  if (problem !== null) throw new ApprovalStoreError(`${metadata.namespace}/${metadata.name}: ${problem}`);
  return record;
}

/** Why the gateway that asked would never use a grant of this object; null when nothing is wrong with it. */
export function recordProblem(object: ApprovalRequestObject, { ask }: ApprovalRecord): string | null {
  return foreignBecause(object, ask, object.spec.requester);
}

/** What an object says, whoever made it. Throws when its texts are not as a gateway writes them. */
export function readRecord(object: ApprovalRequestObject): ApprovalRecord {
  const { metadata, spec, status } = object;
  const ask = askOf(spec);
  const phase = phaseOf(object);
  const grantMs = spec.grantSeconds * 1_000;
  const decidedAt =
    status.grantExpiresAt === undefined
      ? (status.endedAt ?? metadata.creationTimestamp)
      : status.grantExpiresAt - grantMs;
  return {
    name: metadata.name,
    ask,
    phase,
    decisions: status.decisions.map((said): ApproverDecision => ({ ...said, at: decidedAt })),
    createdAt: metadata.creationTimestamp,
    expiresAt: status.grantExpiresAt ?? spec.expiresAt,
    consumedAt: status.consumption?.at ?? null,
    voidReason: phase === 'void' ? (status.voidReason ?? 'unknown') : null,
    uses: status.uses,
    predecessor: predecessorIn(spec),
  };
}

/** What a later approval of the same request says of this one; null while it is live. */
export function endOf({ metadata, status }: ApprovalRequestObject, record: ApprovalRecord): Predecessor | null {
  const { phase } = record;
  if (phase === 'pending' || phase === 'approved') return null;
  const denial = record.decisions.find(({ verdict }) => verdict === 'denied')?.reason ?? '';
  const reason = phase === 'denied' ? denial : (record.voidReason ?? '');
  return { name: metadata.name, phase, endedAt: status.endedAt ?? record.expiresAt, reason };
}

function foreignBecause(
  { metadata, spec, status }: ApprovalRequestObject,
  ask: ApprovalAsk,
  owner: string,
): string | null {
  if (spec.requester !== owner) return `was asked for by ${JSON.stringify(spec.requester)} and not by this gateway`;
  if (fingerprintOf(ask.binding) !== spec.fingerprint) return 'its fingerprint is not that of its binding';
  if (!APPROVAL_NAME.test(metadata.name) || !metadata.name.startsWith(baseNameOf(ask.fingerprint)))
    return 'its name is not that of its fingerprint';
  if (ask.binding.agentId !== ask.agentId) return 'its agent is not that of its binding';
  return decisionsProblem({ spec, status });
}

/** What the schema and the policies see to; checked again, since a grant rests on it. */
function decisionsProblem({ spec, status }: Pick<ApprovalRequestObject, 'spec' | 'status'>): string | null {
  const approvers = status.decisions.map(({ approver }) => approver);
  if (approvers.includes('') || new Set(approvers).size !== approvers.length)
    return 'it holds a decision without approver, or two of one approver';
  if (approvers.includes(spec.requester)) return 'it holds a decision of the gateway itself';
  const agreed = status.decisions.filter(({ verdict }) => verdict === 'approved').length;
  const granted = status.phase === 'Approved' || status.phase === 'Consumed';
  if (granted && (agreed < spec.approvers || agreed !== approvers.length))
    return `it is ${status.phase} with ${agreed} of ${spec.approvers} approvals`;
  return null;
}

type Spec = ApprovalRequestObject['spec'];

function askOf(spec: Spec): ApprovalAsk {
  const { approvers, scope } = spec;
  return {
    fingerprint: digestOf(spec.fingerprint),
    binding: bindingOf(spec.binding),
    agentId: textOf(spec.agent.id),
    request: {
      entry: spec.request.entry,
      route: spec.request.route === undefined ? null : textOf(spec.request.route),
      method: spec.request.method,
      url: textOf(spec.request.url),
      bodyDigest: spec.request.bodyDigest === undefined ? null : digestOf(spec.request.bodyDigest),
      bodyBytes: spec.request.bodyBytes ?? null,
    },
    actions: spec.actions.map(actionOf),
    rule: textOf(spec.rule),
    why: textOf(spec.why),
    riskLevel: spec.riskLevel,
    terms: { approvers, scope, ttlMs: null, waitMs: null, forMs: null },
    exchangeId: spec.exchangeId,
  };
}

function bindingOf(binding: Spec['binding']): Binding {
  return {
    method: binding.method,
    urlDigest: digestOf(binding.urlDigest),
    bodyDigest: digestOf(binding.bodyDigest),
    headersDigest: digestOf(binding.headersDigest),
    actionDigest: digestOf(binding.actionDigest),
    agentId: textOf(binding.agentId),
    policyDigest: digestOf(binding.policyDigest),
    actionMapDigest: digestOf(binding.actionMapDigest),
    credentialGeneration: textOf(binding.credentialGeneration),
  };
}

function actionOf(action: Spec['actions'][number]): ActionView {
  return {
    type: textOf(action.type),
    target: textOf(action.target),
    params: jsonOf(action.params),
    description: textOf(action.description ?? ''),
    effect: action.effect ?? null,
    amountParam: action.amountParam === undefined ? null : textOf(action.amountParam),
    mappedBy: action.mappedBy === undefined ? null : textOf(action.mappedBy),
  };
}

function predecessorIn({ predecessor }: Spec): Predecessor | null {
  if (predecessor === undefined) return null;
  const { endedAt, name, reason = '' } = predecessor;
  const phase = ENDED[predecessor.phase];
  return { name, phase, endedAt, reason: textOf(reason) };
}

const ENDED = { Denied: 'denied', Expired: 'expired', Consumed: 'consumed', Void: 'void' } as const;

function textOf(text: string): string {
  const found = fromAscii(text);
  if (found === null)
    throw new ApprovalStoreError(`expected a text in printable ASCII, found ${JSON.stringify(text.slice(0, 100))}`);
  return found;
}

function digestOf(text: string): Digest {
  if (!isDigest(text)) throw new ApprovalStoreError('expected a SHA-256 digest');
  return text;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}

function jsonOf(text: string): Json {
  try {
    // The gateway wrote it from a value of this type, and the API server lets nobody change it.
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    throw new ApprovalStoreError('expected parameters in JSON');
  }
}
