import type { ApproverDecision } from '../model/approval.ts';
import type { ApprovalStore, Clock, DecideOutcome } from '../model/ports.ts';
import { eventOf, type OnApprovalEvent } from './approval-event.ts';

/** What a person says, before it has its time. The name is the authenticated one. */
type PersonsDecision = Omit<ApproverDecision, 'at'>;

/**
 * Takes decisions of people. Rejects when the decision cannot be recorded or stored: it has no effect then.
 */
export type Decide = (name: string, decision: PersonsDecision) => Promise<DecideOutcome>;

/**
 * Makes the one way to a decision: it is in the audit trail before it is in the store, so no grant takes effect that
 * nobody can trace. Decisions on one approval are taken one after the other, so that the trail holds none that the
 * store then refuses for an earlier one.
 */
export function createDecider(store: ApprovalStore, clock: Clock, onEvent: OnApprovalEvent): Decide {
  const running = new Map<string, Promise<unknown>>();
  const decide: Decide = async (name, person) => {
    const approval = await store.get(name);
    if (approval === null) return { kind: 'unknown-approval' };
    const { approver, verdict, reason } = person;
    const at = clock.now();
    if (approval.phase !== 'pending' || approval.expiresAt <= at) return { kind: 'not-pending', approval };
    if (approval.decisions.some((earlier) => earlier.approver === approver))
      return { kind: 'already-decided', approval };
    const event = { ...eventOf('decided', approval, approval.ask.exchangeId, reason), approver, verdict };
    await onEvent(event, approval);
    return await store.decide(name, { ...person, at });
  };
  return async (name, person) => {
    const before = running.get(name) ?? Promise.resolve();
    const mine = before.then(() => decide(name, person));
    const ended = mine.catch(() => null);
    running.set(name, ended);
    try {
      return await mine;
    } finally {
      if (running.get(name) === ended) running.delete(name);
    }
  };
}
