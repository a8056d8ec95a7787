import type { ApprovalRequestObject, RequestPhase } from './kubernetes-object.ts';

/** A merge patch of the status, for exactly the version of the object that it was made from. */
export interface StatusPatch {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly status: { readonly [member: string]: unknown };
}

/** What the gateway adds to every change that it makes. */
export interface Stamp {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The newest record of the gateway's journal, as `number:hash`; null while there is none. */
  readonly auditHead: string | null;
}

type Ended = Exclude<RequestPhase, 'Pending'>;

/** Completes a decision with what the API server, having no clock, cannot know: when, and until when a grant holds. */
export function settledPatch(object: ApprovalRequestObject, phase: 'Approved' | 'Denied', stamp: Stamp): StatusPatch {
  const { decisions } = object.status;
  const { now } = stamp;
  const agreed = decisions.filter(({ verdict }) => verdict === 'approved');
  const denial = decisions.find(({ verdict }) => verdict === 'denied');
  const names = agreed.map(({ approver }) => approver).join(', ');
  const message =
    phase === 'Approved' ? `approved by ${names}` : `denied by ${denial?.approver ?? ''}: ${denial?.reason ?? ''}`;
  const times =
    phase === 'Approved'
      ? { grantExpiresAt: rfc3339(now + object.spec.grantSeconds * 1_000) }
      : { endedAt: rfc3339(now) };
  return patchOf(object, stamp, {
    phase,
    approvals: agreed.length,
    ...times,
    conditions: conditionsWith(object, { type: phase, reason: 'Decided', message }, now),
  });
}

/** Uses up a grant of scope `once`. */
export function consumedPatch(
  object: ApprovalRequestObject,
  use: { readonly exchangeId: string; readonly pod: string },
  stamp: Stamp,
): StatusPatch {
  const { exchangeId, pod } = use;
  const at = rfc3339(stamp.now);
  const message = `used by exchange ${exchangeId}`;
  return patchOf(object, stamp, {
    phase: 'Consumed',
    consumption: { exchangeId, ...(pod === '' ? {} : { pod }), at },
    endedAt: at,
    conditions: conditionsWith(object, { type: 'Consumed', reason: 'Used', message }, stamp.now),
  });
}

/** Counts a use of a grant of scope `action` or `target`. */
export function usedPatch(object: ApprovalRequestObject, stamp: Stamp): StatusPatch {
  return patchOf(object, stamp, { uses: object.status.uses + 1 });
}

/** Ends a request in which nobody decided, or a grant that nobody used, in time. `told`: the agent knows. */
export function expiredPatch(object: ApprovalRequestObject, told: boolean, stamp: Stamp): StatusPatch {
  const { spec, status } = object;
  const endedAt = status.grantExpiresAt ?? spec.expiresAt;
  const message = status.phase === 'Approved' ? 'the grant was not used in time' : 'nobody decided in time';
  return patchOf(object, stamp, {
    phase: 'Expired',
    endedAt: rfc3339(endedAt),
    told,
    conditions: conditionsWith(object, { type: 'Expired', reason: 'TimeIsUp', message }, stamp.now),
  });
}

/** Notes that the agent was told of the end. */
export function toldPatch(object: ApprovalRequestObject, stamp: Stamp): StatusPatch {
  return patchOf(object, stamp, { told: true });
}

/** Ends a request or grant that no longer fits what would be sent, or the world that it would be sent in. */
export function voidPatch(object: ApprovalRequestObject, reason: string, stamp: Stamp): StatusPatch {
  return patchOf(object, stamp, {
    phase: 'Void',
    voidReason: reason,
    endedAt: rfc3339(stamp.now),
    conditions: conditionsWith(object, { type: 'Void', reason: 'NoLongerFits', message: reason }, stamp.now),
  });
}

function patchOf(
  { metadata }: ApprovalRequestObject,
  { auditHead }: Stamp,
  status: { readonly [member: string]: unknown },
): StatusPatch {
  const { resourceVersion, uid } = metadata;
  return { metadata: { uid, resourceVersion }, status: { ...status, ...(auditHead === null ? {} : { auditHead }) } };
}

interface Condition {
  readonly type: Ended;
  readonly reason: string;
  readonly message: string;
}

/** A merge patch replaces a list as a whole. */
function conditionsWith(
  { metadata, status }: ApprovalRequestObject,
  { message, reason, type }: Condition,
  now: number,
): readonly object[] {
  const mine = {
    type,
    status: 'True',
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    lastTransitionTime: rfc3339(now),
    reason,
    message: lineOf(message),
  };
  return [...status.conditions.filter((condition) => condition.type !== type), mine];
}

/** What the schema takes: one line of at most 1024 characters. Names and reasons of people have been checked by it. */
function lineOf(message: string): string {
  return message.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 1_000);
}

function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
