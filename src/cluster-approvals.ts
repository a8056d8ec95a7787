import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { OnApprovalEvent } from './approval/approval-event.ts';
import { createKubernetesStore, type KubernetesStore } from './approval/kubernetes-store.ts';
import { podLabelsOf, type PodLabels } from './approval/pod-labels.ts';
import { ApprovalStoreError } from './approval/store-error.ts';
import type { OpenedJournal } from './audit/journal.ts';
import type { ApprovalsConfig } from './config/approvals-schema.ts';
import type { Environment } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { createKubernetesClient, type KubernetesClient } from './kubernetes/client.ts';
import type { AccessSource } from './kubernetes/cluster-access.ts';
import type { Clock, Log } from './model/ports.ts';
import type { DecidingPlace } from './notify/commands.ts';

/** What a store in a cluster is opened with. */
export interface ClusterStoreOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Pick<OpenedJournal, 'head'>;
  /** Records what happens to approvals, before it has an effect. */
  readonly onEvent: OnApprovalEvent;
}

/** A store in a cluster. */
export interface ClusterStore {
  readonly store: KubernetesStore;
  /** Where people decide. Rejects while the credentials for the API server cannot be read. */
  readonly place: () => Promise<DecidingPlace>;
}

/**
 * One try, and a call with its repetitions. An API server that is well answers within milliseconds, one under load within
 * seconds; an agent waits behind each call.
 */
const PATIENCE = { hold: { tryMs: 5_000, callMs: 10_000 }, refuse: { tryMs: 2_000, callMs: 3_000 } };

/** From 0 to 1, in steps that are fine enough to spread waits. */
const random = (): number => randomInt(1_000_000) / 1_000_000;

/** Opens the store in the cluster that the configuration names. Throws `ApprovalStoreError` when it cannot be used. */
export function openClusterStore(options: ClusterStoreOptions): ClusterStore {
  const { clock, config, environment, journal, log, onEvent } = options;
  const { agent, approvals } = config;
  const client = kubernetesClient(approvals, environment, clock);
  const store = createKubernetesStore({
    client,
    namespace: approvals.namespace ?? null,
    clock,
    log,
    random,
    workload: {
      namespace: agent.namespace,
      pod: agent.pod,
      serviceAccount: agent.service_account,
      labels: labelsOf(agent),
    },
    requirePolicies: approvals.require_policies,
    policyCheckMs: approvals.policy_check,
    holdThroughOutage: approvals.on_outage === 'hold',
    onEvent,
    auditHead: () => {
      const { hash, seq } = journal.head();
      return seq === 0 ? null : `${seq}:${hash}`;
    },
  });
  const place = async (): Promise<DecidingPlace> => ({
    kind: 'kubernetes',
    namespace: approvals.namespace ?? (await client.namespace()) ?? '',
  });
  return { store, place };
}

function labelsOf({ labels_file: file }: Config['agent']): PodLabels {
  if (file === undefined) return {};
  try {
    return podLabelsOf(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof ApprovalStoreError) throw error;
    throw new ApprovalStoreError(`agent.labels_file cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Makes the client that a configuration describes. Throws `ApprovalStoreError` outside of a cluster without kubeconfig. */
export function kubernetesClient(
  approvals: Pick<ApprovalsConfig, 'context' | 'kubeconfig' | 'service_account_dir' | 'on_outage'>,
  environment: Environment,
  clock: Clock,
): KubernetesClient {
  return createKubernetesClient({
    source: sourceOf(approvals, environment),
    clock,
    random,
    ...PATIENCE[approvals.on_outage],
  });
}

function sourceOf(
  { context, kubeconfig, service_account_dir: folder }: Parameters<typeof kubernetesClient>[0],
  environment: Environment,
): AccessSource {
  if (kubeconfig !== undefined) return { kind: 'kubeconfig', file: kubeconfig, context: context ?? null };
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host !== '' && port !== '') return { kind: 'in-cluster', folder, host, port };
  throw new ApprovalStoreError(
    'expected approvals.kubeconfig, or to run in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT), found neither',
  );
}
