import type { ApprovalRecord } from '../model/approval.ts';
import type { RecordBody } from '../model/record.ts';

/** What happened to an approval, as the audit trail records it. */
export type ApprovalEvent = Extract<RecordBody, { kind: 'approval' }>;

/** Records an event in the audit trail; rejects when it cannot. `approval` is as it was when the event happened. */
export type OnApprovalEvent = (event: ApprovalEvent, approval: ApprovalRecord) => Promise<void>;

/** An event of an approval; `exchangeId` is the exchange that caused it. */
export function eventOf(
  event: ApprovalEvent['event'],
  approval: ApprovalRecord,
  exchangeId: string,
  reason = '',
): ApprovalEvent {
  return {
    kind: 'approval',
    event,
    exchangeId,
    approval: approval.name,
    fingerprint: approval.ask.fingerprint,
    approver: '',
    verdict: null,
    reason,
  };
}
