import { keyOf, worldKeyOf } from '../binding/fingerprint.ts';
import type { ApprovalAsk, ApprovalRecord } from '../model/approval.ts';

/**
 * The key under which a grant covers more than its own request; null when it covers nothing else (scope `once`).
 * Beside what the scope says (the identical actions, or the types and targets of the actions) it holds the rule, risk
 * level and number of approvers, and where the request goes: a grant under the rule for small refunds must not cover a
 * refund that another rule judged, and a grant for one server must not be spent on another.
 */
export function scopeKeyOf(ask: ApprovalAsk): string | null {
  const { scope, approvers } = ask.terms;
  if (scope === 'once') return null;
  const origin = URL.parse(ask.request.url)?.origin ?? null;
  if (origin === null || origin === 'null') return null;
  const limits = [scope, ask.agentId, ask.rule, ask.riskLevel, String(approvers), origin];
  switch (scope) {
    case 'action':
      return keyOf([...limits, ask.binding.actionDigest]);
    case 'target': {
      const subjects = new Set(ask.actions.map(({ type, target }) => keyOf([type, target])));
      return keyOf([...limits, ...[...subjects].sort()]);
    }
    default:
      return scope satisfies never;
  }
}

/** Whether a grant lets this request pass: it was given for it, or its scope covers it, in the same world. */
export function covers(grant: ApprovalRecord, ask: ApprovalAsk): boolean {
  if (grant.phase !== 'approved') return false;
  if (grant.ask.fingerprint === ask.fingerprint) return true;
  if (worldKeyOf(grant.ask.binding) !== worldKeyOf(ask.binding)) return false;
  const key = scopeKeyOf(grant.ask);
  return key !== null && key === scopeKeyOf(ask);
}
