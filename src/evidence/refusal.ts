import type { ApprovalRecord, HoldOutcome } from '../model/approval.ts';
import { describeDecision, type Verdict } from '../model/decision.ts';
import { FAULTS, type Fault } from '../model/fault.ts';
import type { Json } from '../model/value.ts';

/** The same as at the data port: long enough for a disk or an upstream to come back, short enough to wait for. */
const RETRY_AFTER_SECONDS = 5;

/** The members that a problem document (RFC 9457) carries beyond its code: what an agent needs to act on it. */
export function problemMembers(
  verdict: Verdict | null,
  approval: ApprovalRecord | null,
): { readonly [member: string]: Json } {
  const members: Record<string, Json> = {};
  if (verdict !== null) {
    const { decision } = verdict;
    members['decision'] = {
      approval: decision.approval,
      risk_level: decision.riskLevel,
      rule: decision.rule,
      why: describeDecision(decision),
    };
  }
  if (approval !== null) {
    members['approval'] = {
      name: approval.name,
      phase: approval.phase,
      expires_at: new Date(approval.expiresAt).toISOString(),
    };
  }
  return members;
}

/** What passes by itself does so in seconds; what the upstream may have done already is not to be sent again unasked. */
export function retryAfterSeconds({ code }: Fault, knownMs: number | undefined): number | null {
  if (knownMs !== undefined) return Math.max(1, Math.ceil(knownMs / 1_000));
  return FAULTS[code].retry && code !== 'upstream-timeout' ? RETRY_AFTER_SECONDS : null;
}

/** The fault that a hold ends in when it is not granted. */
export function holdFault(outcome: Exclude<HoldOutcome, { kind: 'granted' }>): Fault {
  switch (outcome.kind) {
    case 'pending':
      return { code: 'approval-pending', detail: `approval ${outcome.approval.name} waits for a human` };
    case 'denied':
      return { code: 'approval-denied', detail: deniedDetail(outcome.approval) };
    case 'expired':
      return { code: 'approval-expired', detail: `nobody decided on approval ${outcome.approval.name} in time` };
    case 'consumed':
      return {
        code: 'approval-consumed',
        detail: `approval ${outcome.approval.name} was used by an identical request`,
      };
    case 'void':
      return {
        code: 'approval-void',
        detail: `approval ${outcome.approval.name} is void: ${outcome.approval.voidReason ?? 'the world it was given in changed'}`,
      };
    case 'client-gone':
      return { code: 'client-gone', detail: 'the client went away while it waited for a human' };
    case 'full':
      return { code: 'approvals-full', detail: `${outcome.limit} approvals are pending or held, as many as may be` };
    case 'unavailable':
      return { code: 'approvals-unavailable', detail: outcome.problem };
    default:
      return outcome satisfies never;
  }
}

function deniedDetail(approval: ApprovalRecord): string {
  const denial = approval.decisions.find(({ verdict }) => verdict === 'denied');
  if (denial === undefined) return `approval ${approval.name} was denied`;
  return `approval ${approval.name} was denied by ${denial.approver}: ${denial.reason}`;
}
