import { requestKeyOf, worldKeyOf } from '../binding/fingerprint.ts';
import type { ApprovalAsk, ApprovalRecord, Predecessor } from '../model/approval.ts';
import { numberOf } from './approval-name.ts';
import type { Seen } from './kubernetes-observer.ts';
import { endOf } from './kubernetes-record.ts';
import { scopeKeyOf } from './scope.ts';

/** Pending, or a grant that nothing has ended. */
export function isLive({ phase }: ApprovalRecord): boolean {
  return phase === 'pending' || phase === 'approved';
}

/** Orders requests: the API server's times have whole seconds; the number in the name orders those of one fingerprint. */
export function newestFirst(left: Seen, right: Seen): number {
  return right.record.createdAt - left.record.createdAt || numberOf(right.record.name) - numberOf(left.record.name);
}

/** The grant whose scope covers an ask in the world that it was judged in; of several, the one that holds longest. */
export function coveringOf(grants: readonly Seen[], ask: ApprovalAsk, now: number): ApprovalRecord | null {
  const world = worldKeyOf(ask.binding);
  const scopeKey = scopeKeyOf(ask);
  const covering = grants
    .map(({ record }) => record)
    .filter(
      ({ ask: { binding }, expiresAt, phase }) =>
        phase === 'approved' && expiresAt > now && worldKeyOf(binding) === world,
    )
    .filter((record) => scopeKeyOf(record.ask) === scopeKey);
  return covering.toSorted((left, right) => right.expiresAt - left.expiresAt)[0] ?? null;
}

/** A live one of the same request, or a grant of the same scope, from another world: it has to be annulled. */
export function outdatedOf(seen: readonly Seen[], ask: ApprovalAsk, now: number): ApprovalRecord | null {
  const key = requestKeyOf(ask.binding);
  const world = worldKeyOf(ask.binding);
  const scopeKey = scopeKeyOf(ask);
  const isOutdated = ({ record }: Seen): boolean => {
    if (!isLive(record) || record.expiresAt <= now || record.ask.fingerprint === ask.fingerprint) return false;
    if (requestKeyOf(record.ask.binding) === key) return true;
    const sameScope = scopeKey !== null && scopeKeyOf(record.ask) === scopeKey;
    return record.phase === 'approved' && sameScope && worldKeyOf(record.ask.binding) !== world;
  };
  return seen.find(isOutdated)?.record ?? null;
}

/** The denial or expiry of the same fingerprint that the agent has not been told to its end. */
export function endedOf(mine: readonly Seen[], now: number): ApprovalRecord | null {
  const [newest] = mine;
  if (newest === undefined) return null;
  const { object, record } = newest;
  const denied = record.phase === 'denied' && record.expiresAt > now;
  const expired = record.phase === 'expired' && !object.status.told;
  return denied || expired ? record : null;
}

/** The one that ended last. */
export function newestEnd(same: readonly Seen[]): Predecessor | null {
  const ends = same.map(({ object, record }) => endOf(object, record)).filter((end) => end !== null);
  return ends.toSorted((left, right) => right.endedAt - left.endedAt)[0] ?? null;
}
