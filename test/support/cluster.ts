import { afterAll, beforeAll, describe } from 'vitest';
import { findCounterpart } from '../../scripts/counterparts.ts';
import { startCluster, type Answer, type Call, type Cluster, type Printed } from '../../scripts/cluster-bed.ts';
import type { UserName } from '../../scripts/cluster-tenants.ts';
import { approvalRequest, type ApprovalRequest, type Changes } from './approval-request.ts';
import { describeWith } from './counterparts.ts';

export type { UserName } from '../../scripts/cluster-tenants.ts';

/** An API server and the manifests that are made for it. */
export interface Variant {
  readonly title: string;
  readonly server: 'kube-apiserver' | 'kube-apiserver-older';
  readonly manifests: string;
  /** Whether the server writes requester and approver, or checks what clients wrote. */
  readonly stamps: boolean;
}

export const VARIANTS: readonly Variant[] = [
  { title: 'stamped', server: 'kube-apiserver', manifests: 'manifests', stamps: true },
  {
    title: 'checked (older server)',
    server: 'kube-apiserver-older',
    manifests: 'manifests/without-mutation',
    stamps: false,
  },
];

/** How a client can write a status. */
export const WAYS = ['merge patch', 'JSON patch', 'replace', 'server-side apply'] as const;
export type Way = (typeof WAYS)[number];

/** The authenticated names of the users of the test bed. */
export const AUTHENTICATED: { readonly [user in UserName]: string } = {
  admin: 'admin',
  alice: 'alice',
  bob: 'bob',
  viewer: 'viewer',
  stranger: 'stranger',
  gateway: 'system:serviceaccount:agents:gateway',
  'gateway-replica': 'system:serviceaccount:agents:gateway',
  'gateway-unbound': 'system:serviceaccount:agents:gateway',
  neighbour: 'system:serviceaccount:agents:neighbour',
  'foreign-gateway': 'system:serviceaccount:others:gateway',
  agent: 'system:serviceaccount:agents:agent',
};

const API = '/apis/aegis.dev/v1alpha1/namespaces/agents/approvalrequests';
/** Policies come into force within a second or two of being stored. */
const IN_FORCE_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
const CONTENT_TYPES: { readonly [way in Way]: string } = {
  'merge patch': 'application/merge-patch+json',
  'JSON patch': 'application/json-patch+json',
  replace: 'application/json',
  'server-side apply': 'application/apply-patch+yaml',
};

/** Describes tests that share one cluster, once for each variant. */
export function describeCluster(title: string, variants: readonly Variant[], body: (bed: Bed) => void): void {
  for (const variant of variants) {
    describeWith(
      ['etcd', variant.server, 'kubectl'],
      `${title}, ${variant.title}`,
      ([etcd = '', apiServer = '', kubectl = '']) => {
        const bed = new Bed(variant);
        beforeAll(async () => await bed.start({ etcd, apiServer, kubectl }), 180_000);
        afterAll(async () => await bed.stop(), 60_000);
        describe('in a cluster', () => body(bed));
      },
    );
  }
}

/** A cluster with the project's manifests in force, and what tests do with it. */
export class Bed {
  readonly variant: Variant;
  #cluster: Cluster | null = null;
  #names = 0;

  constructor(variant: Variant) {
    this.variant = variant;
  }

  async start(programs: Parameters<typeof startCluster>[0], flags: readonly string[] = []): Promise<void> {
    this.#cluster = await startCluster(programs, { flags });
    await this.install(this.variant.manifests);
    await this.#inForce();
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }

  get cluster(): Cluster {
    if (this.#cluster === null) throw new Error('expected a cluster that was started');
    return this.#cluster;
  }

  async install(manifests: string): Promise<void> {
    const { code, stderr } = await this.kubectl('admin', 'apply', '-k', manifests);
    if (code !== 0) throw new Error(stderr);
  }

  async kubectl(user: UserName, ...args: readonly string[]): Promise<Printed> {
    return await this.cluster.kubectl(user, args);
  }

  async call(user: UserName, call: Call): Promise<Answer> {
    return await this.cluster.call(user, call);
  }

  /** A name that no test has used yet. */
  freshName(): string {
    this.#names += 1;
    return `apr-${String(this.#names).padStart(10, '0')}`;
  }

  /** A request as its gateway would make it on this server. */
  manifest(changes: Changes = {}, as: UserName = 'gateway'): ApprovalRequest {
    const pod = POD_OF.get(as);
    const own = this.variant.stamps ? null : { name: pod ?? '', uid: this.uids.get(as) ?? '' };
    const stated = own === null || own.name === '' ? {} : { requestingPod: own };
    const spec = { requester: this.variant.stamps ? 'unknown' : AUTHENTICATED[as], ...stated, ...changes.spec };
    return approvalRequest(changes.name ?? this.freshName(), { ...changes, spec });
  }

  readonly uids = new Map<UserName, string>();

  /** Creates a request as its gateway and gives it as stored. */
  async create(changes: Changes = {}, as: UserName = 'gateway'): Promise<ApprovalRequest> {
    const answer = await this.post(as, this.manifest(changes, as));
    if (answer.status !== 201) throw new Error(`expected the request to be made: ${answer.body}`);
    return JSON.parse(answer.body) as ApprovalRequest;
  }

  async post(user: UserName, body: object, query = ''): Promise<Answer> {
    return await this.call(user, { method: 'POST', path: `${API}${query}`, body: JSON.stringify(body) });
  }

  async get(name: string): Promise<ApprovalRequest> {
    const { body } = await this.call('admin', { method: 'GET', path: `${API}/${name}` });
    return JSON.parse(body) as ApprovalRequest;
  }

  async delete(user: UserName, name: string): Promise<Answer> {
    return await this.call(user, { method: 'DELETE', path: `${API}/${name}` });
  }

  /** Adds a decision at the end, as a person does. */
  async decide(user: UserName, name: string, decision: object): Promise<Answer> {
    const stated = this.variant.stamps ? decision : { approver: AUTHENTICATED[user], ...decision };
    return await this.call(user, {
      method: 'PATCH',
      path: `${API}/${name}/status`,
      contentType: CONTENT_TYPES['JSON patch'],
      body: JSON.stringify([{ op: 'add', path: '/status/decisions/-', value: stated }]),
    });
  }

  /** What the gateway does after a decision on a server that draws no conclusions. */
  async settle(name: string, phase: 'Approved' | 'Denied'): Promise<void> {
    if (this.variant.stamps) return;
    const { status } = await this.get(name);
    const done = await this.write('gateway', 'merge patch', name, {
      ...status,
      phase,
      approvals: status.decisions.filter(({ verdict }) => verdict === 'approved').length,
      conditions: [{ type: phase, status: 'True', reason: 'Decided', message: '' }],
    });
    if (done.status !== 200) throw new Error(done.body);
  }

  /** Writes a whole status as a user. */
  async write(user: UserName, way: Way, name: string, status: object): Promise<Answer> {
    const before = await this.get(name);
    return await this.send(user, way, `${API}/${name}/status`, bodyFor(way, before, status));
  }

  /** Sends a body to a path of the API in one of the ways. */
  async send(user: UserName, way: Way, path: string, body: object): Promise<Answer> {
    const query = way === 'server-side apply' ? `?fieldManager=${user}&force=true` : '';
    return await this.call(user, {
      method: way === 'replace' ? 'PUT' : 'PATCH',
      path: `${path}${query}`,
      contentType: CONTENT_TYPES[way],
      body: JSON.stringify(body),
    });
  }

  pathOf(name: string): string {
    return `${API}/${name}`;
  }

  /** Waits until every policy refuses or stamps what it should. */
  async #inForce(): Promise<void> {
    for (const [user, pod] of POD_OF) {
      const namespace = user === 'foreign-gateway' ? 'others' : 'agents';
      const { body } = await this.call('admin', { method: 'GET', path: `/api/v1/namespaces/${namespace}/pods/${pod}` });
      this.uids.set(user, (JSON.parse(body) as ApprovalRequest).metadata.uid);
    }
    const deadline = performance.now() + IN_FORCE_TIMEOUT_MS;
    const parts = [
      async () => await this.#requestsInForce(),
      async () => await this.#decisionsInForce(),
      async () => await this.#deletionsInForce(),
    ];
    for (const isInForce of parts) {
      while (!(await isInForce())) {
        if (performance.now() > deadline) throw new Error('expected the policies to be in force by now');
        await pause(POLL_MS);
      }
    }
  }

  async #requestsInForce(): Promise<boolean> {
    const spoofed = this.manifest({ name: 'apr-zzzzzzzzzz', spec: { requester: 'somebody' } });
    const { body, status } = await this.post('gateway', spoofed, '?dryRun=All');
    if (!this.variant.stamps) return status === 403 && body.includes('spec.requester');
    return status === 201 && (JSON.parse(body) as ApprovalRequest).spec['requester'] !== 'somebody';
  }

  async #decisionsInForce(): Promise<boolean> {
    const name = 'apr-zzzzzzzzzz';
    await this.post('gateway', this.manifest({ name }));
    const own = await this.send('gateway', 'JSON patch', `${API}/${name}/status?dryRun=All`, [
      { op: 'add', path: '/status/decisions/-', value: { approver: AUTHENTICATED.gateway, verdict: 'approved' } },
    ]);
    const other = await this.send('alice', 'JSON patch', `${API}/${name}/status?dryRun=All`, [
      { op: 'add', path: '/status/decisions/-', value: { approver: 'bob', verdict: 'approved' } },
    ]);
    return (
      own.status === 403 && (this.variant.stamps ? other.body.includes('"approver":"alice"') : other.status === 403)
    );
  }

  async #deletionsInForce(): Promise<boolean> {
    const refused = await this.call('neighbour', { method: 'DELETE', path: `${API}/apr-zzzzzzzzzz?dryRun=All` });
    if (refused.status !== 403) return false;
    return (await this.delete('gateway', 'apr-zzzzzzzzzz')).status === 200;
  }
}

const POD_OF: ReadonlyMap<UserName, string> = new Map<UserName, string>([
  ['gateway', 'gateway-0'],
  ['gateway-replica', 'gateway-1'],
  ['neighbour', 'neighbour-0'],
  ['foreign-gateway', 'gateway-0'],
  ['agent', 'agent-0'],
]);

/** The sentence of a refusal, without what the server says around it. */
export function refusalOf({ body }: Answer): string {
  const message = (JSON.parse(body) as { message?: string }).message ?? '';
  return message.replace(/^.* denied request: /u, '');
}

/** What each way sends to make the status be `status`. */
function bodyFor(way: Way, before: ApprovalRequest, status: object): object {
  const { apiVersion, kind, metadata } = before;
  switch (way) {
    case 'merge patch': {
      const gone = Object.keys(before.status).filter((key) => !Object.hasOwn(status, key));
      return { status: { ...status, ...Object.fromEntries(gone.map((key) => [key, null])) } };
    }
    case 'JSON patch':
      return [{ op: 'replace', path: '/status', value: status }];
    case 'replace':
      return { ...before, status };
    case 'server-side apply':
      return { apiVersion, kind, metadata: { name: metadata.name }, status };
    default:
      return way satisfies never;
  }
}

async function pause(milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, milliseconds);
  await promise;
}

/** The programs of a variant, for tests that need a cluster of their own. */
export function programsOf({ server }: Variant): Parameters<typeof startCluster>[0] {
  const [etcd, apiServer, kubectl] = ['etcd', server, 'kubectl'].map((name) => findCounterpart(name) ?? '');
  return { etcd: etcd ?? '', apiServer: apiServer ?? '', kubectl: kubectl ?? '' };
}
