import type { ReadinessCheck } from './admin/admin-server.ts';
import type { KubernetesStoreHealth } from './approval/kubernetes-store.ts';
import type { Notifier } from './notify/notifier.ts';
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
  /** How a store in a cluster is; null for the local one. */
  readonly health: (() => KubernetesStoreHealth) | null;
  readonly notifier: Pick<Notifier, 'states'>;
}

/**
 * Whether requests can be governed now, and what is noteworthy although they can. A rejected file does not make the
 * gateway unready: the version before it is in force, and a pod that restarted would have none.
 */
export function readinessOf(parts: ReadinessParts): readonly ReadinessCheck[] {
  const { journal, feed, keeper, reloader } = parts;
  const world = keeper.current();
  const problem = journal.problem();
  return [
    { name: 'journal', ok: problem === null, detail: problem ?? 'is written' },
    { name: 'audit-database', ok: true, detail: feed.problem() ?? 'follows the journal' },
    ...parts.sinks.map((sink) => ({ name: `audit-sink-${sink.name}`, ok: true, detail: sinkDetail(sink) })),
    { name: 'audit-anchors', ok: true, detail: parts.anchors.problem() ?? 'the newest is written' },
    ...approvalChecks(parts),
    ...parts.notifier
      .states()
      .map((state) => ({ name: `notify-${state.name}`, ok: true, detail: noticeDetail(state) })),
    { name: 'config', ok: true, detail: reloader.status('config').detail },
    { name: 'policy', ok: true, detail: inForce(world.policy.digest, reloader.status('policy').detail) },
    { name: 'actions', ok: true, detail: inForce(world.actions.digest, reloader.status('actions').detail) },
    { name: 'enforcement', ok: true, detail: world.enforcement },
  ];
}

function approvalChecks({ control, health }: ReadinessParts): readonly ReadinessCheck[] {
  if (health !== null) return clusterChecks(health());
  const detail = `decided at ${control.path}; approvers named by ${control.approversBy}`;
  return [{ name: 'approvals', ok: true, detail }];
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

function noticeDetail({ problem, waiting }: ReturnType<Notifier['states']>[number]): string {
  return `${problem === null ? 'is told' : `not told: ${problem}`}, ${waiting} notices wait`;
}

/** More than this lets a request or a grant end noticeably early or late, as others see it. */
const NOTICED_SKEW_MS = 5_000;

/**
 * An API server that is away does not make the gateway unready: what needs no approval still passes. Policies that are
 * not in force do, since somebody has to act.
 */
function clusterChecks({ policies, problem, skewMs, watchAgeMs }: KubernetesStoreHealth): readonly ReadinessCheck[] {
  const watch = watchAgeMs === null ? 'nothing is watched' : `heard of ${Math.round(watchAgeMs / 1_000)} s ago`;
  const skew =
    Math.abs(skewMs) < NOTICED_SKEW_MS
      ? ''
      : `; its clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? 'ahead' : 'behind'}`;
  const reached = problem ?? `the API server is reached; ${watch}`;
  return [
    { name: 'approvals', ok: true, detail: `decided in the cluster; ${reached}${skew}` },
    { name: 'approval-policies', ok: policies.kind !== 'not-in-force', detail: policyDetail(policies) },
  ];
}

function policyDetail(policies: KubernetesStoreHealth['policies']): string {
  switch (policies.kind) {
    case 'in-force':
      return `in force as of ${new Date(policies.at).toISOString()}`;
    case 'not-in-force':
      return policies.problem;
    case 'not-checked':
      return 'not checked yet: the API server has not answered';
    default:
      return policies satisfies never;
  }
}
