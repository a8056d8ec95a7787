import { join } from 'node:path';
import type { OnApprovalEvent } from './approval/approval-event.ts';
import { createDecider, type Decide } from './approval/decider.ts';
import type { KubernetesStoreHealth } from './approval/kubernetes-store.ts';
import { openLocalStore } from './approval/local-store.ts';
import type { OpenedJournal } from './audit/journal.ts';
import type { Environment } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ApprovalStore, Clock, Log } from './model/ports.ts';
import type { DecidingPlace } from './notify/commands.ts';

/** What a store is opened with. */
export interface ApprovalStoreOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: OpenedJournal;
  /** Records what happens to approvals, before it has an effect. */
  readonly onEvent: OnApprovalEvent;
}

/** The store of a running gateway. */
export interface OpenedApprovals {
  readonly store: ApprovalStore;
  /** Takes a decision at the control socket; null where people decide elsewhere. */
  readonly decide: Decide | null;
  /** How a store in a cluster is; null for the local one. */
  readonly health: (() => KubernetesStoreHealth) | null;
  /** Where people decide. Rejects while the credentials for the API server cannot be read. */
  readonly place: () => Promise<DecidingPlace>;
}

const LOCAL: DecidingPlace = { kind: 'local' };

/** Opens the store that the configuration names. Rejects with `ApprovalStoreError` when it cannot be used. */
export async function openApprovalStore(
  options: ApprovalStoreOptions,
  parts: AsyncDisposableStack,
): Promise<OpenedApprovals> {
  const { clock, config, onEvent } = options;
  if (config.approvals.store === 'kubernetes') {
    // Loaded where it is used: with the shapes of a cluster's objects, it is much of what a start would load.
    const { openClusterStore } = await import('./cluster-approvals.ts');
    const { store, place } = openClusterStore(options);
    parts.use(store);
    return { store, decide: null, health: () => store.health(), place };
  }
  const file = join(config.data_dir, 'approvals.db');
  const store = parts.use(openLocalStore({ file, clock, retentionMs: config.approvals.retention }));
  return { store, decide: createDecider(store, clock, onEvent), health: null, place: async () => LOCAL };
}
