import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApprovalRequest } from './approval-request.ts';
import { throughProxy, type AgentAnswer } from './agent.ts';
import { startApiProxy, type ApiProxy } from './api-proxy.ts';
import type { Bed, UserName } from './cluster.ts';
import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from './upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, risk_level: high, approval: approve}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

/** A record of the journal. */
export type TrailRecord = { readonly kind: string; readonly [member: string]: unknown };

/** What a test wants otherwise. */
export interface ClusterGatewayOptions {
  readonly user?: UserName;
  readonly policy?: string;
  readonly actions?: string;
  /** Lines of `approvals` beside the store. */
  readonly approvals?: string;
  readonly limits?: string;
  readonly config?: string;
  readonly files?: { readonly [name: string]: string };
  readonly env?: { readonly [name: string]: string };
  /** The folder of a ServiceAccount that was made before; otherwise one is made for the user. */
  readonly account?: string;
  /** To speak to the API server itself, and not through the proxy. */
  readonly direct?: boolean;
  /** The program, where it is another than the built product. */
  readonly entry?: string;
}

/** Gateways, what they call, and the network to the API server, all ended together. */
export class ClusterWorld implements AsyncDisposable {
  readonly bed: Bed;
  readonly proxy: ApiProxy;
  readonly upstream: HttpUpstream;
  readonly #gateways: GatewayProcess[] = [];
  readonly #folders: string[] = [];

  constructor(bed: Bed, proxy: ApiProxy, upstream: HttpUpstream) {
    this.bed = bed;
    this.proxy = proxy;
    this.upstream = upstream;
  }

  static async start(bed: Bed): Promise<ClusterWorld> {
    return new ClusterWorld(bed, await startApiProxy(bed.cluster), await startHttpUpstream());
  }

  /** A folder as Kubernetes mounts it for a ServiceAccount. */
  async serviceAccount(user: UserName): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'aegis-sa-'));
    this.#folders.push(folder);
    await mkdir(folder, { recursive: true });
    await copyFile(join(this.bed.cluster.folder, 'pki', 'apiserver.crt'), join(folder, 'ca.crt'));
    await writeFile(join(folder, 'token'), `${this.bed.cluster.token(user)}\n`);
    await writeFile(join(folder, 'namespace'), 'agents');
    await writeFile(join(folder, 'labels'), 'app="shop"\napp.kubernetes.io/part-of="orders"');
    return folder;
  }

  async gateway(options: ClusterGatewayOptions = {}): Promise<GatewayProcess & { readonly account: string }> {
    const { user = 'gateway', approvals = '', config = '', limits = 'approval_wait: 0s' } = options;
    const account = options.account ?? (await this.serviceAccount(user));
    const port = options.direct === true ? new URL(this.bed.cluster.url).port : String(this.proxy.port);
    const gateway = await startGatewayProcess({
      policy: options.policy ?? POLICY,
      ...(options.actions === undefined ? {} : { actions: options.actions }),
      ...(options.files === undefined ? {} : { files: options.files }),
      ...(options.entry === undefined ? {} : { entry: options.entry }),
      config: [
        `agent: {id: shop-agent, namespace: agents, pod: gateway-0, service_account: agent, labels_file: ${join(account, 'labels')}}`,
        `upstream: {allow: ["127.0.0.1:${this.upstream.port}"]}`,
        `approvals: {store: kubernetes, service_account_dir: ${account}${approvals === '' ? '' : `, ${approvals}`}}`,
        `limits: {${limits}}`,
        config,
      ].join('\n'),
      env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port, ...options.env },
    });
    return Object.assign(this.track(gateway), { account });
  }

  track(gateway: GatewayProcess): GatewayProcess {
    this.#gateways.push(gateway);
    return gateway;
  }

  /** Starts a gateway again on its folder. */
  async restart(gateway: GatewayProcess): Promise<GatewayProcess> {
    return this.track(await gateway.restart());
  }

  /** Asks for a refund; each number is a request of its own. Waits for as long as any gateway of a test holds. */
  async refund({ port }: { readonly port: number }, order: number, signal?: AbortSignal): Promise<AgentAnswer> {
    return await throughProxy(port, `${this.upstream.origin}/refunds`, {
      body: { order, amount: 50 },
      timeoutMs: 150_000,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** How often the upstream was asked for this order. */
  ran(order: number): number {
    return this.upstream.seen.filter(({ body }) => body.includes(`"order":${order},`)).length;
  }

  /** The pending request for an order, as soon as there is one. */
  async pending(order: number): Promise<ApprovalRequest> {
    return await until(async () => {
      const { stdout } = await this.bed.kubectl('admin', 'get', 'apr', '-n', 'agents', '-o', 'json');
      const { items } = JSON.parse(stdout) as { items: ApprovalRequest[] };
      return items.find(
        ({ spec, status }) =>
          status.phase === 'Pending' && JSON.stringify(spec['actions']).includes(`order\\":${order}`),
      );
    });
  }

  /** Decides as people do, with kubectl. */
  async kubectlDecides(user: UserName, name: string, decision: object): Promise<void> {
    const value = this.bed.variant.stamps ? decision : { approver: user, ...decision };
    const patch = JSON.stringify([{ op: 'add', path: '/status/decisions/-', value }]);
    const { code, stderr } = await this.bed.kubectl(
      user,
      'patch',
      'apr',
      name,
      '-n',
      'agents',
      '--subresource=status',
      '--type=json',
      '-p',
      patch,
    );
    if (code !== 0) throw new Error(stderr);
  }

  async approve(user: UserName, name: string): Promise<void> {
    await this.kubectlDecides(user, name, { verdict: 'approved' });
  }

  /** The records of a gateway's journal. */
  async trail({ dataDir }: GatewayProcess): Promise<readonly TrailRecord[]> {
    const folder = join(dataDir, 'journal');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
    const texts = await Promise.all(files.map(async (name) => await readFile(join(folder, name), 'utf8')));
    // What stands behind the last line feed is being written.
    return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => JSON.parse(line) as TrailRecord);
  }

  /** What a gateway says of one of its parts. */
  async readiness(
    { adminPort }: GatewayProcess,
    name: string,
  ): Promise<{ readonly ok: boolean; readonly detail: string }> {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    const { checks } = (await answer.json()) as { checks: { name: string; ok: boolean; detail: string }[] };
    const found = checks.find((check) => check.name === name);
    if (found === undefined) throw new Error(`expected a check ${name}`);
    return found;
  }

  /** The value of a metric without labels. */
  async metric({ adminPort }: GatewayProcess, name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#gateways.map(async (gateway) => await gateway[Symbol.asyncDispose]()));
    await this.proxy[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}

/** Long for a busy machine, short enough that a test says what it waited for. */
const UNTIL_MS = 25_000;

/** Waits until something is found. */
export async function until<T>(look: () => Promise<T | undefined | null | false>): Promise<T> {
  const deadline = performance.now() + UNTIL_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`expected something within ${UNTIL_MS} ms: ${String(look)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
