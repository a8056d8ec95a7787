import { wasGranted } from './request-columns.ts';
import type { SeenRequest } from './seen-request.ts';

/**
 * The newest other request of the same kind that people agreed to: the same gateway and agent, the same types of
 * action, and the same server. Null when there is none.
 */
export function lastApproved(seen: SeenRequest, all: readonly SeenRequest[]): SeenRequest | null {
  const kind = kindOf(seen);
  const found = all.filter(
    (other) =>
      other.object.metadata.uid !== seen.object.metadata.uid &&
      other.problem === null &&
      wasGranted(other.record) &&
      kindOf(other) === kind,
  );
  const newest = found.toSorted((left, right) => right.record.createdAt - left.record.createdAt);
  return newest[0] ?? null;
}

function kindOf({ namespace, object, record }: SeenRequest): string {
  const { actions, agentId, request } = record.ask;
  const types = [...new Set(actions.map(({ type }) => type))].sort();
  return JSON.stringify([
    namespace,
    object.spec.requester,
    agentId,
    types,
    URL.parse(request.url)?.host ?? request.url,
  ]);
}
