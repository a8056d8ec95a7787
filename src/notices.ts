import { randomInt } from 'node:crypto';
import type { Config } from './config/schema.ts';
import type { Clock, Log } from './model/ports.ts';
import { createNotifier, type Notifier } from './notify/notifier.ts';
import type { Telemetry } from './telemetry/metrics.ts';

export interface NotifierOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
}

/** From 0 to 1, in steps that are fine enough to spread waits. */
const random = (): number => randomInt(1_000_000) / 1_000_000;

/** Makes what tells people of approvals, with the targets of the configuration. Throws when a file of theirs cannot be read. */
export function openNotifier(
  { clock, config, log, telemetry }: NotifierOptions,
  parts: AsyncDisposableStack,
): Notifier {
  const notifier = createNotifier({
    clock,
    log,
    random,
    source: sourceOf(config.agent),
    counted: (target, result, count) => telemetry.notices(target, result, count),
    failed: (target) => telemetry.noticeFailed(target),
  });
  notifier.prepare(config.approvals.notify)();
  parts.defer(async () => await notifier.stop());
  return notifier;
}

/** The workload, without the pod: replicas tell the same of the same approval. */
function sourceOf({ id, namespace, service_account: account }: Config['agent']): string {
  const named = { namespaces: namespace, serviceaccounts: account, agents: id };
  const steps = Object.entries(named).flatMap(([kind, name]) => (name === '' ? [] : [kind, name]));
  return ['', 'aegis-gateway', ...steps.map(encodeURIComponent)].join('/');
}
