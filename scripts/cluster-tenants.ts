/** Who there is in the test cluster. */

/** People, with static tokens. Their rights come from the project's own roles. */
export const PEOPLE = [
  { name: 'admin', user: 'admin', groups: 'system:masters' },
  { name: 'alice', user: 'alice', groups: 'approvers' },
  { name: 'bob', user: 'bob', groups: 'approvers' },
  { name: 'viewer', user: 'viewer', groups: 'viewers' },
  { name: 'stranger', user: 'stranger', groups: 'strangers' },
] as const;

/** ServiceAccounts, with tokens of the TokenRequest API; `pod` is the pod that the token is bound to. */
export const SERVICE_ACCOUNTS = [
  { name: 'gateway', namespace: 'agents', account: 'gateway', pod: 'gateway-0' },
  // Another replica of the same gateway.
  { name: 'gateway-replica', namespace: 'agents', account: 'gateway', pod: 'gateway-1' },
  // The same account with a token that no pod stands behind.
  { name: 'gateway-unbound', namespace: 'agents', account: 'gateway', pod: null },
  // Another gateway of the same namespace, and one of another.
  { name: 'neighbour', namespace: 'agents', account: 'neighbour', pod: 'neighbour-0' },
  { name: 'foreign-gateway', namespace: 'others', account: 'gateway', pod: 'gateway-0' },
  // The agent's own account, and the agent's pod under another account's token (a second token in the gateway's pod).
  { name: 'agent', namespace: 'agents', account: 'agent', pod: 'agent-0' },
] as const;

/** Whoever there is a kubeconfig for. */
export type UserName = (typeof PEOPLE)[number]['name'] | (typeof SERVICE_ACCOUNTS)[number]['name'];

/** The names of all of them. */
export const USERS: readonly UserName[] = [...PEOPLE, ...SERVICE_ACCOUNTS].map(({ name }) => name);

const NAMESPACES = ['agents', 'others'];

/** Namespaces, accounts, pods and role bindings as manifests, one JSON document a line. The roles come with the project's. */
export function tenants(): string {
  const accounts = new Map(
    SERVICE_ACCOUNTS.map(({ namespace, account }) => [`${namespace}/${account}`, { namespace, account }]),
  );
  const documents = [
    ...NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...[...accounts.values()].map(({ namespace, account }) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: account, namespace },
    })),
    ...SERVICE_ACCOUNTS.flatMap(({ namespace, account, pod }) =>
      pod === null ? [] : [podOf(pod, namespace, account)],
    ),
    ...NAMESPACES.flatMap((namespace) => [
      binding(namespace, 'aegis-approver', { kind: 'Group', name: 'approvers' }),
      binding(namespace, 'aegis-viewer', { kind: 'Group', name: 'viewers' }),
    ]),
    ...[...accounts.values()]
      .filter(({ account }) => account !== 'agent')
      .map(({ namespace, account }) => binding(namespace, 'aegis-gateway', { kind: 'ServiceAccount', name: account })),
  ];
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

/** A pod without a node: enough for a token to be bound to. */
function podOf(name: string, namespace: string, serviceAccountName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { serviceAccountName, automountServiceAccountToken: false, containers: [{ name: 'main', image: 'none' }] },
  };
}

function binding(namespace: string, role: string, subject: { readonly kind: string; readonly name: string }): object {
  const whose = subject.kind === 'Group' ? { apiGroup: 'rbac.authorization.k8s.io' } : { namespace };
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `${role}-${subject.name}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ ...subject, ...whose }],
  };
}
