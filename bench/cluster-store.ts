/** The product's store as a sidecar with an account of its own has it. */
import { kubernetesClient } from '../src/cluster-approvals.ts';
import type { OnApprovalEvent } from '../src/approval/approval-event.ts';
import { createKubernetesStore, type KubernetesStore } from '../src/approval/kubernetes-store.ts';
import type { Clock, Log } from '../src/model/ports.ts';
import { sha256 } from '../test/support/approval-asks.ts';
import type { Account } from './cluster-accounts.ts';

/** The product's default (`approvals.policy_check`). */
const POLICY_CHECK_MS = 60_000;

export function openStore(
  account: Account,
  apiServer: string,
  ports: { readonly clock: Clock; readonly log: Log; readonly onEvent: OnApprovalEvent },
): KubernetesStore {
  const { hostname, port } = new URL(apiServer);
  const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const approvals = { service_account_dir: account.folder, on_outage: 'hold' } as const;
  return createKubernetesStore({
    ...ports,
    client: kubernetesClient(approvals, environment, ports.clock),
    namespace: null,
    random: Math.random,
    workload: { namespace: account.namespace, pod: account.name, serviceAccount: account.name, labels: {} },
    requirePolicies: true,
    policyCheckMs: POLICY_CHECK_MS,
    holdThroughOutage: true,
    auditHead: () => `1:${sha256(account.name)}`,
  });
}
