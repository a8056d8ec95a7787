import type { ReadinessCheck } from './admin/admin-server.ts';
import type { WorldKeeper } from './world-keeper.ts';
import type { Reloader } from './reload.ts';

/** What readiness is asked of. */
export interface ReadinessParts {
  readonly journal: { problem(): string | null };
  readonly feed: { problem(): string | null };
  /** The sinks that the configuration names. */
  readonly sinks: readonly { readonly name: string; problem(): string | null; behind(): number }[];
  readonly anchors: { problem(): string | null };
  readonly keeper: WorldKeeper;
  readonly reloader: Reloader;
  readonly control: { readonly path: string; readonly approversBy: string };
}

/**
 * Whether requests can be governed now, and what is noteworthy although they can. A rejected file does not make the
 * gateway unready: the version before it is in force, and a pod that restarted would have none.
 */
export function readinessOf(parts: ReadinessParts): readonly ReadinessCheck[] {
  const { journal, feed, keeper, reloader, control } = parts;
  const world = keeper.current();
  const problem = journal.problem();
  return [
    { name: 'journal', ok: problem === null, detail: problem ?? 'is written' },
    { name: 'audit-database', ok: true, detail: feed.problem() ?? 'follows the journal' },
    ...parts.sinks.map((sink) => ({ name: `audit-sink-${sink.name}`, ok: true, detail: sinkDetail(sink) })),
    { name: 'audit-anchors', ok: true, detail: parts.anchors.problem() ?? 'the newest is written' },
    { name: 'approvals', ok: true, detail: `decided at ${control.path}; approvers named by ${control.approversBy}` },
    { name: 'config', ok: true, detail: reloader.status('config').detail },
    { name: 'policy', ok: true, detail: inForce(world.policy.digest, reloader.status('policy').detail) },
    { name: 'actions', ok: true, detail: inForce(world.actions.digest, reloader.status('actions').detail) },
    { name: 'enforcement', ok: true, detail: world.enforcement },
  ];
}

/** The digest in force, and what became of the newest file where that says more than the digest. */
function inForce(digest: string, status: string): string {
  const known = `digest ${digest}`;
  return status === known ? known : `${known}; ${status}`;
}

function sinkDetail(sink: { problem(): string | null; behind(): number }): string {
  const count = sink.behind();
  const lag = Number.isNaN(count) ? 'not known how far behind' : `${count} records behind`;
  const found = sink.problem();
  return found === null ? `follows the journal, ${lag}` : `${lag}, nothing is lost: ${found}`;
}
