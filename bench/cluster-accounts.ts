/** Namespaces, ServiceAccounts, pods and tokens of many sidecars, as a cluster would have them. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../scripts/cluster-bed.ts';

/** One sidecar: whose token it has, and where that is. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
  /** As Kubernetes mounts it: token, ca.crt and namespace. */
  readonly folder: string;
}

const PER_NAMESPACE = 50;
/** Calls that are under way at once while everything is made. */
const AT_ONCE = 24;

/** Makes them, each with a pod of its own that its token is bound to. */
export async function makeAccounts(cluster: Cluster, folder: string, count: number): Promise<readonly Account[]> {
  const accounts = Array.from({ length: count }, (_, index): Account => {
    const name = `agent-${index}`;
    return { namespace: `team-${Math.floor(index / PER_NAMESPACE)}`, name, folder: join(folder, name) };
  });
  await make(cluster, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'aegis-approvers-everywhere' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'aegis-approver' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'approvers' }],
  });
  const namespaces = [...new Set(accounts.map(({ namespace }) => namespace))];
  await inParallel(namespaces, async (name) => await make(cluster, '/api/v1/namespaces', { metadata: { name } }));
  await inParallel(accounts, async (account) => await makeAccount(cluster, account));
  return accounts;
}

async function makeAccount(cluster: Cluster, { folder, name, namespace }: Account): Promise<void> {
  const core = `/api/v1/namespaces/${namespace}`;
  await make(cluster, `${core}/serviceaccounts`, { metadata: { name } });
  await make(cluster, `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
    metadata: { name: `aegis-gateway-${name}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'aegis-gateway' },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  await make(cluster, `${core}/pods`, {
    metadata: { name },
    spec: {
      serviceAccountName: name,
      automountServiceAccountToken: false,
      containers: [{ name: 'agent', image: 'none' }],
    },
  });
  const made = await make(cluster, `${core}/serviceaccounts/${name}/token`, {
    spec: { expirationSeconds: 86_400, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name } },
  });
  const { status } = JSON.parse(made) as { readonly status: { readonly token: string } };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'token'), status.token);
  await writeFile(join(folder, 'namespace'), namespace);
  await copyFile(join(cluster.folder, 'pki', 'apiserver.crt'), join(folder, 'ca.crt'));
}

async function make(cluster: Cluster, path: string, body: object): Promise<string> {
  const answer = await cluster.call('admin', { method: 'POST', path, body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`expected ${path} to make something: ${answer.body}`);
  return answer.body;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
