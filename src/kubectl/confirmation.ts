import { pageText, row, type DetailPlace } from '../cli/approvals-detail.ts';
import { durationText, scopeText } from '../cli/approvals-words.ts';
import { makeVisible } from '../visible/text.ts';
import { decisionValue, type Decision } from './cluster-requests.ts';
import { requestDetail } from './request-detail.ts';
import type { SeenRequest } from './seen-request.ts';

/** What somebody is about to say, and who that is to the API server; null where it cannot tell. */
export interface Intended {
  readonly decision: Decision;
  readonly who: string | null;
}

/** Everything about a request, then what is sent, and what happens when it is. */
export function confirmationText(seen: SeenRequest, intended: Intended, place: DetailPlace): string {
  const { decision, who } = intended;
  const lines = [
    '',
    row('You are', who === null ? '(the API server does not say)' : makeVisible(who, { rightToLeft: 'escape' })),
    row('You send', makeVisible(JSON.stringify(decisionValue(decision)), { rightToLeft: 'escape' })),
    row('Bound to', 'the UID and the fingerprint above: it decides on this request and on no other'),
    row('Then', consequenceText(seen, intended)),
  ];
  return requestDetail(seen, place) + pageText(lines, place.columns);
}

/** What happens once the decision is stored. */
export function consequenceText({ object, record }: SeenRequest, { decision, who }: Intended): string {
  if (record.decisions.some(({ approver }) => approver === who)) return 'it is refused: you have decided already';
  if (decision.verdict === 'denied') return 'the request ends as denied; the agent is told the reason';
  const agreed = record.decisions.filter(({ verdict }) => verdict === 'approved').length + 1;
  const missing = object.spec.approvers - agreed;
  if (missing > 0) {
    return `${agreed} of ${object.spec.approvers} approvals; ${missing} more ${missing === 1 ? 'is' : 'are'} needed before anything passes`;
  }
  const lasts = durationText(object.spec.grantSeconds * 1_000);
  return `${agreed} of ${object.spec.approvers} approvals: the grant begins, for ${lasts} at most. It covers ${scopeText(record)}.`;
}
