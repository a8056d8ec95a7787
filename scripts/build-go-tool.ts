/**
 * Builds one program of etcd or Kubernetes from its Go module, since neither npm nor PyPI nor Debian has a version that
 * does: `node scripts/build-go-tool.ts NAME VERSION TARGET`. Takes minutes, and about 3 GB beside TARGET meanwhile.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [name, version, target] = process.argv.slice(2);
if (name === undefined || version === undefined || target === undefined) {
  throw new Error('expected NAME VERSION TARGET, such as: kube-apiserver 1.36.3 /tmp/kube-apiserver');
}

const work = `${target}.build-${process.pid}`;
const source = join(work, 'source');
// Caches of its own, so that they can go afterwards and nothing of somebody else's goes with them.
const env = {
  ...process.env,
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=mod -modcacherw',
  GOCACHE: join(work, 'cache'),
  GOMODCACHE: join(work, 'modules'),
};

try {
  mkdirSync(source, { recursive: true });
  go('mod', 'init', `example.test/${name}`);
  if (name === 'etcd') build('go.etcd.io/etcd/server/v3', '');
  else if (name === 'kube-apiserver') buildKubernetes();
  else throw new Error(`expected etcd or kube-apiserver, found ${name}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Kubernetes' own module points at folders beside it for its parts; they are published under versions of their own. */
function buildKubernetes(): void {
  const module = JSON.parse(go('mod', 'download', '-json', `k8s.io/kubernetes@v${version}`)) as { Dir: string };
  const { Replace } = JSON.parse(go('mod', 'edit', '-json', join(module.Dir, 'go.mod'))) as GoMod;
  const published = String(version).replace(/^1\./u, '0.');
  const parts = (Replace ?? []).filter(({ New }) => New.Path.startsWith('./staging')).map(({ Old }) => Old.Path);
  go('mod', 'edit', ...parts.map((part) => `-replace=${part}=${part}@v${published}`));
  const [major, minor] = String(version).split('.');
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  // Without these the server says that it is v0.0.0, and clients warn.
  const flags = Object.entries(values).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`);
  build('k8s.io/kubernetes/cmd/kube-apiserver', flags.join(' '));
}

function build(path: string, flags: string): void {
  go('get', '-tool', `${path}@v${version}`);
  const built = join(work, 'built');
  go('build', '-trimpath', '-ldflags', `-s -w ${flags}`, '-o', built, path);
  mkdirSync(dirname(String(target)), { recursive: true });
  renameSync(built, String(target));
}

function go(...args: readonly string[]): string {
  const { error, status, stderr, stdout } = spawnSync('go', args, {
    cwd: source,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) {
    throw new Error(
      `go is needed to build ${name}: install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS`,
    );
  }
  if (status === 0) return stdout;
  writeFileSync(`${target}.log`, stderr);
  throw new Error(`go ${args[0]} failed; ${target}.log says: ${stderr.trim().split('\n').at(-1) ?? ''}`);
}

interface GoMod {
  readonly Replace:
    | readonly { readonly Old: { readonly Path: string }; readonly New: { readonly Path: string } }[]
    | null;
}
