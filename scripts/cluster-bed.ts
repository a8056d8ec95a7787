/** A Kubernetes API server with everything that approvals need and no node: for `npm run cluster` and for tests. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PEOPLE, SERVICE_ACCOUNTS, tenants, type UserName } from './cluster-tenants.ts';

/** The programs that a cluster is made of, as paths. */
export interface ClusterPrograms {
  readonly etcd: string;
  readonly apiServer: string;
  readonly kubectl: string;
}

/** An answer of the API server. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A call to the API server. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
}

/** What a command printed, and its exit code. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running cluster. */
export interface Cluster extends AsyncDisposable {
  readonly url: string;
  /** Everything that it keeps; gone when it stops. */
  readonly folder: string;
  /** Called with what each part did, once it is done. */
  kubeconfig(user: UserName): string;
  /** The bearer token of a user. */
  token(user: UserName): string;
  /** Calls the API server as a user. */
  call(user: UserName, call: Call): Promise<Answer>;
  /** Runs kubectl as a user. Never rejects for an exit code. */
  kubectl(user: UserName, args: readonly string[], input?: string): Promise<Printed>;
  /** Where etcd listens, without TLS: for what the API server does not do. */
  readonly etcdUrl: string;
  /** The process of a part. */
  pid(part: 'etcd' | 'kube-apiserver'): number;
  /** Stops the API server in its tracks, with its connections open; `SIGCONT` lets it go on. */
  signalApiServer(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends the API server as a crash does; etcd keeps everything. */
  killApiServer(): Promise<void>;
  /** Starts it again at the same address. Resolves when it is ready. */
  restartApiServer(): Promise<void>;
  /** Ends both programs, by their own ids, and removes the folder. */
  stop(): Promise<void>;
}

/** What a cluster may be started with. */
export interface ClusterOptions {
  readonly flags?: readonly string[];
  readonly durable?: boolean;
}

/** Three seconds on an idle machine; this is for one that is busy with everything else. */
const START_TIMEOUT_MS = 90_000;
const POLL_MS = 100;
/** A port that was free a moment ago may be taken by the time it is used. */
const MAX_TRIES = 3;

/**
 * Starts etcd and the API server, with further flags of the API server, and makes namespaces, users and roles. `durable`
 * lets etcd wait for the disk, as it does where times are measured. Rejects with the end of their logs.
 */
export async function startCluster(programs: ClusterPrograms, options: ClusterOptions = {}): Promise<Cluster> {
  for (let tries = 1; ; tries += 1) {
    const cluster = new RunningCluster(await mkdtemp(join(tmpdir(), 'aegis-cluster-')), programs, options);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (tries === MAX_TRIES || !String(error).includes('address already in use')) throw error;
    }
  }
}

class RunningCluster implements Cluster {
  url = '';
  readonly folder: string;
  readonly #programs: ClusterPrograms;
  readonly #flags: readonly string[];
  readonly #durable: boolean;
  readonly #children = new Map<string, ChildProcess>();
  readonly #tokens = new Map<UserName, string>();
  #ca = '';
  etcdUrl = '';

  constructor(folder: string, programs: ClusterPrograms, { durable = false, flags = [] }: ClusterOptions) {
    this.folder = folder;
    this.#durable = durable;
    this.#programs = programs;
    this.#flags = flags;
  }

  kubeconfig(user: UserName): string {
    return join(this.folder, `${user}.kubeconfig`);
  }

  token(user: UserName): string {
    const token = this.#tokens.get(user);
    if (token === undefined) throw new Error(`expected a token of ${user}`);
    return token;
  }

  async start(): Promise<void> {
    const [client, peer, api] = await freePorts(3);
    this.url = `https://127.0.0.1:${api}`;
    await this.#writeIdentity();
    this.etcdUrl = `http://127.0.0.1:${client}`;
    this.#run('etcd', this.#programs.etcd, [
      `--data-dir=${join(this.folder, 'etcd')}`,
      `--listen-client-urls=${this.etcdUrl}`,
      `--advertise-client-urls=${this.etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      // Nothing here has to survive the machine.
      ...(this.#durable ? [] : ['--unsafe-no-fsync']),
    ]);
    this.#runApiServer();
    await this.#ready();
    await this.#makeTenants();
  }

  async call(user: UserName, { method, path, body, contentType = 'application/json' }: Call): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.token(user)}`, 'content-type': contentType };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const outgoing = request(`${this.url}${path}`, { method, headers, ca: this.#ca }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body ?? '');
    return await promise;
  }

  async kubectl(user: UserName, args: readonly string[], input = ''): Promise<Printed> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.folder, KUBECONFIG: this.kubeconfig(user) };
    const { promise, resolve } = Promise.withResolvers<Printed>();
    const child = execFile(this.#programs.kubectl, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
    // A command that ends without reading what it is given is no failure.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    return await promise;
  }

  pid(part: 'etcd' | 'kube-apiserver'): number {
    const pid = this.#children.get(part)?.pid;
    if (pid === undefined) throw new Error(`expected ${part} to run`);
    return pid;
  }

  signalApiServer(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#children.get('kube-apiserver')?.kill(signal);
  }

  async killApiServer(): Promise<void> {
    const child = this.#children.get('kube-apiserver');
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async restartApiServer(): Promise<void> {
    this.#runApiServer();
    await this.#ready();
  }

  async stop(): Promise<void> {
    // What is stopped in its tracks does not hear that it has to end.
    this.signalApiServer('SIGCONT');
    for (const child of [...this.#children.values()].toReversed()) await ended(child);
    await rm(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The key that ServiceAccount tokens are signed with, and the tokens of people. */
  async #writeIdentity(): Promise<void> {
    const keys = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    await mkdir(join(this.folder, 'pki'));
    await writeFile(join(this.folder, 'pki', 'sa.pub'), keys.publicKey);
    await writeFile(join(this.folder, 'pki', 'sa.key'), keys.privateKey, { mode: 0o600 });
    const lines = PEOPLE.map(({ name, user, groups }, index) => {
      const token = randomBytes(24).toString('hex');
      this.#tokens.set(name, token);
      return `${token},${user},${index},"${groups}"`;
    });
    await writeFile(join(this.folder, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  #runApiServer(): void {
    this.#run('kube-apiserver', this.#programs.apiServer, [
      `--etcd-servers=${this.etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${new URL(this.url).port}`,
      `--cert-dir=${join(this.folder, 'pki')}`,
      `--token-auth-file=${join(this.folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(this.folder, 'pki', 'sa.pub')}`,
      `--service-account-signing-key-file=${join(this.folder, 'pki', 'sa.key')}`,
      '--endpoint-reconciler-type=none',
      ...this.#flags,
    ]);
  }

  #run(name: string, program: string, args: readonly string[]): void {
    const log = createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' });
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.on('error', (error) => log.write(`${String(error)}\n`));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#children.set(name, child);
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await this.#isReady())) {
      const dead = [...this.#children.values()].some(
        ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null,
      );
      if (dead || performance.now() > deadline) throw new Error(`the cluster did not start:\n${await this.#logs()}`);
      await pause(POLL_MS);
    }
    for (const { name } of PEOPLE) await this.#writeKubeconfig(name);
  }

  async #isReady(): Promise<boolean> {
    try {
      this.#ca = await readFile(join(this.folder, 'pki', 'apiserver.crt'), 'utf8');
      return (await this.call('admin', { method: 'GET', path: '/readyz' })).status === 200;
    } catch {
      return false;
    }
  }

  async #logs(): Promise<string> {
    const parts = ['etcd', 'kube-apiserver'].map(async (name) => {
      const text = await readFile(join(this.folder, `${name}.log`), 'utf8').catch(() => '');
      return `${name}: ${text.trim().split('\n').slice(-8).join('\n')}`;
    });
    return (await Promise.all(parts)).join('\n');
  }

  async #makeTenants(): Promise<void> {
    const made = await this.kubectl('admin', ['apply', '-f', '-'], tenants());
    if (made.code !== 0) throw new Error(`expected namespaces, accounts and roles to be made: ${made.stderr}`);
    for (const { name, namespace, account, pod } of SERVICE_ACCOUNTS) {
      this.#tokens.set(name, await this.#serviceAccountToken(namespace, account, pod));
      await this.#writeKubeconfig(name, namespace);
    }
  }

  /** A token as the kubelet would ask for it: of the TokenRequest API, bound to a pod where there is one. */
  async #serviceAccountToken(namespace: string, account: string, pod: string | null): Promise<string> {
    const boundObjectRef = pod === null ? undefined : { apiVersion: 'v1', kind: 'Pod', name: pod };
    const { body, status } = await this.call('admin', {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 86_400, boundObjectRef },
      }),
    });
    if (status !== 201) throw new Error(`expected a token of ${namespace}/${account}: ${body}`);
    return (JSON.parse(body) as { status: { token: string } }).status.token;
  }

  async #writeKubeconfig(user: UserName, namespace = 'agents'): Promise<void> {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': user,
      contexts: [{ name: user, context: { cluster: 'test', user, namespace } }],
      clusters: [
        {
          name: 'test',
          cluster: { server: this.url, 'certificate-authority': join(this.folder, 'pki', 'apiserver.crt') },
        },
      ],
      users: [{ name: user, user: { token: this.token(user) } }],
    };
    await writeFile(this.kubeconfig(user), JSON.stringify(config), { mode: 0o600 });
  }
}

/** Ends a process and waits for it; one that does not go by itself is killed. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}

async function pause(milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, milliseconds);
  await promise;
}
