import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throughProxy, type AgentAnswer } from './agent.ts';
import { startGatewayProcess, type GatewayFiles, type GatewayProcess } from './gateway-process.ts';
import { startNoticeReceiver, type NoticeReceiver } from './notice-receiver.ts';
import { startHttpUpstream, type HttpUpstream } from './upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, risk_level: high, approval: approve}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

/** What a test wants otherwise. */
export interface NoticeGiven extends GatewayFiles {
  readonly limits?: string;
}

/** Gateways that tell of approvals, what they call and whom they tell, all ended together. */
export class NoticeWorld implements AsyncDisposable {
  readonly upstream: HttpUpstream;
  readonly receiver: NoticeReceiver;
  readonly #gateways: GatewayProcess[] = [];

  constructor(upstream: HttpUpstream, receiver: NoticeReceiver) {
    this.upstream = upstream;
    this.receiver = receiver;
  }

  static async start(): Promise<NoticeWorld> {
    return new NoticeWorld(await startHttpUpstream(), await startNoticeReceiver());
  }

  /** Starts a gateway with these targets. */
  async gateway(targets: readonly string[], { limits, ...files }: NoticeGiven = {}): Promise<GatewayProcess> {
    return this.#track(await startGatewayProcess({ policy: POLICY, config: this.#config(targets, limits), ...files }));
  }

  /** Starts a gateway again on its folder. */
  async restart(gateway: GatewayProcess): Promise<GatewayProcess> {
    return this.#track(await gateway.restart());
  }

  /** Asks for a refund; each number is a request of its own. */
  async refund({ port }: GatewayProcess, order: number): Promise<AgentAnswer> {
    return await throughProxy(port, `${this.upstream.origin}/refunds`, { body: { order, amount: 50 } });
  }

  /** Gives a running gateway other targets, and waits until it says what it made of them. */
  async replaceTargets(gateway: GatewayProcess, targets: readonly string[], event = 'config.loaded'): Promise<void> {
    const before = gateway.log.filter((line) => line.event === event).length;
    const text = [
      'version: 1',
      'listeners: {data: "127.0.0.1:0", admin: "127.0.0.1:0"}',
      'data_dir: data',
      'policy: {files: [policy.yaml]}',
      this.#config(targets),
    ].join('\n');
    await writeFile(join(gateway.folder, 'next.yaml'), text);
    await rename(join(gateway.folder, 'next.yaml'), join(gateway.folder, 'gateway.yaml'));
    await logged(gateway, event, before + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#gateways.map(async (gateway) => await gateway[Symbol.asyncDispose]()));
    await this.receiver[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
  }

  #track(gateway: GatewayProcess): GatewayProcess {
    this.#gateways.push(gateway);
    return gateway;
  }

  #config(targets: readonly string[], limits = 'approval_wait: 0s'): string {
    return [
      'agent: {id: shop-agent}',
      `upstream: {allow: ["127.0.0.1:${this.upstream.port}"]}`,
      `limits: {${limits}}`,
      'approvals:',
      '  notify:',
      ...targets.map((target) => `    - ${target}`),
    ].join('\n');
  }
}

/** A target that gets CloudEvents; further keys in `more`. */
export function eventsTo(to: { readonly url: string }, more = ''): string {
  return `{kind: cloudevents, url: "${to.url}"${more === '' ? '' : `, ${more}`}}`;
}

/** What Prometheus is given. */
export async function metricsOf({ adminPort }: GatewayProcess): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
}

/** Waits until the metrics have this line. */
export async function counted(gateway: GatewayProcess, line: string): Promise<void> {
  while (!(await metricsOf(gateway)).split('\n').includes(line));
}

/** Waits until there are so many log lines of an event. */
export async function logged(gateway: GatewayProcess, event: string, count: number): Promise<void> {
  while (gateway.log.filter((line) => line.event === event).length < count) {
    await new Promise((done) => setTimeout(done, 20));
  }
}
