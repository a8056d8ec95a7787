import type { ReadinessCheck } from './admin/admin-server.ts';
import type { WorldKeeper } from './world-keeper.ts';
import type { Reloader } from './reload.ts';

/** What readiness is asked of. */
export interface ReadinessParts {
  readonly journal: { problem(): string | null };
  readonly feed: { problem(): string | null };
  readonly keeper: WorldKeeper;
  readonly reloader: Reloader;
  readonly control: { readonly path: string; readonly approversBy: string };
}

/**
 * Whether requests can be governed now, and what is noteworthy although they can. A rejected file does not make the
 * gateway unready: the version before it is in force, and a pod that restarted would have none.
 */
export function readinessOf({ journal, feed, keeper, reloader, control }: ReadinessParts): readonly ReadinessCheck[] {
  const world = keeper.current();
  const problem = journal.problem();
  return [
    { name: 'journal', ok: problem === null, detail: problem ?? 'is written' },
    { name: 'audit-database', ok: true, detail: feed.problem() ?? 'follows the journal' },
    { name: 'approvals', ok: true, detail: `decided at ${control.path}; approvers named by ${control.approversBy}` },
    { name: 'config', ok: true, detail: reloader.status('config').detail },
    { name: 'policy', ok: true, detail: `digest ${world.policy.digest}; ${reloader.status('policy').detail}` },
    { name: 'actions', ok: true, detail: `digest ${world.actions.digest}; ${reloader.status('actions').detail}` },
    { name: 'enforcement', ok: true, detail: world.enforcement },
  ];
}
