/** From a decision in the cluster to the request at the upstream, through a gateway as it is built. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../scripts/cluster-bed.ts';
import { throughProxy } from '../test/support/agent.ts';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import { startHttpUpstream } from '../test/support/upstream.ts';
import { approve } from './cluster-fleet.ts';
import { sharedMs } from './cluster-server.ts';

/** Milliseconds of each approval. */
export interface Latencies {
  /** From the answer to the approver until the upstream has the request. */
  readonly approvedToForwarded: readonly number[];
  /** From the agent's request until it is pending in the cluster. */
  readonly askedToPending: readonly number[];
}

/** Held at once; further ones follow as they are decided. */
const AT_ONCE = 10;
const PENDING_TIMEOUT_MS = 20_000;
const POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, risk_level: high, approval: approve}
`;

/** Holds requests of one gateway and approves them one by one, with a pause between them. */
export async function measureLatencies(cluster: Cluster, count: number, pauseMs: number): Promise<Latencies> {
  const account = await mkdtemp(join(tmpdir(), 'aegis-sa-'));
  const arrived = new Map<string, number>();
  const upstream = await startHttpUpstream((_request, response, { body }) => {
    arrived.set(orderIn(body), sharedMs());
    response.writeHead(200).end('ok');
  });
  try {
    await copyFile(join(cluster.folder, 'pki', 'apiserver.crt'), join(account, 'ca.crt'));
    await writeFile(join(account, 'token'), cluster.token('gateway'));
    await writeFile(join(account, 'namespace'), 'agents');
    await using gateway = await startGatewayProcess({
      policy: POLICY,
      config: [
        'agent: {id: shop-agent, namespace: agents, pod: gateway-0, service_account: agent}',
        `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
        `approvals: {store: kubernetes, service_account_dir: ${account}}`,
        'limits: {approval_wait: 60s}',
      ].join('\n'),
      env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: new URL(cluster.url).port },
    });
    const held: Held[] = [];
    const approvedToForwarded: number[] = [];
    const askedToPending: number[] = [];
    for (let order = 0; order < count + AT_ONCE; order += 1) {
      if (order < count) held.push(await hold(cluster, gateway.port, `${upstream.origin}/refunds`, order));
      if (order < AT_ONCE) continue;
      const { answered, name, order: decided, pendingMs } = held.shift() ?? missing();
      askedToPending.push(pendingMs);
      const at = await approve(cluster, { namespace: 'agents', name });
      const { status } = await answered;
      if (status !== 200) throw new Error(`expected the request to be forwarded, found ${status}`);
      approvedToForwarded.push((arrived.get(String(decided)) ?? Number.NaN) - at);
      await sleep(pauseMs);
    }
    return { approvedToForwarded, askedToPending };
  } finally {
    await upstream[Symbol.asyncDispose]();
    await rm(account, { recursive: true, force: true });
  }
}

/** A request that a gateway holds. */
interface Held {
  readonly order: number;
  readonly name: string;
  readonly pendingMs: number;
  readonly answered: Promise<{ readonly status: number }>;
}

async function hold(cluster: Cluster, port: number, url: string, order: number): Promise<Held> {
  const asked = sharedMs();
  const answered = throughProxy(port, url, { body: { order: String(order), amount: 50 } });
  answered.catch(() => null);
  const path = '/apis/aegis.dev/v1alpha1/namespaces/agents/approvalrequests?fieldSelector=status.phase%3DPending';
  while (sharedMs() - asked < PENDING_TIMEOUT_MS) {
    const { body } = await cluster.call('admin', { method: 'GET', path });
    const pendingMs = sharedMs() - asked;
    const { items } = JSON.parse(body) as { readonly items: readonly Listed[] };
    const found = items.find(({ spec }) => spec.actions.some(({ params }) => orderIn(params) === String(order)));
    if (found !== undefined) return { order, name: found.metadata.name, pendingMs, answered };
    await sleep(5);
  }
  throw new Error('expected the request to be pending in the cluster');
}

interface Listed {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly actions: readonly { readonly params: string }[] };
}

function orderIn(json: string): string {
  return /"order":"(\d+)"/u.exec(json)?.[1] ?? '';
}

function missing(): never {
  throw new Error('expected a request that is held');
}
