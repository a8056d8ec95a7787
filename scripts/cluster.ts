/** `npm run cluster`: a Kubernetes API server with the project's manifests and users to try them with, until Ctrl-C. */
import { once } from 'node:events';
import { COUNTERPARTS, findCounterpart, provide } from './counterparts.ts';
import { startCluster } from './cluster-bed.ts';
import { USERS } from './cluster-tenants.ts';

const older = process.argv.includes('--older');
const needed = ['etcd', older ? 'kube-apiserver-older' : 'kube-apiserver', 'kubectl'] as const;
const missing = provide((line) => console.error(line), needed);
if (missing.length > 0) {
  for (const name of missing) {
    console.error(
      `${name} is missing: ${COUNTERPARTS.find((one) => one.name === name)?.hint ?? 'npm test installs it'}`,
    );
  }
  process.exit(1);
}

const [etcd, apiServer, kubectl] = needed.map((name) => findCounterpart(name) ?? '');
const started = performance.now();
const cluster = await startCluster({ etcd: etcd ?? '', apiServer: apiServer ?? '', kubectl: kubectl ?? '' });
try {
  const applied = await cluster.kubectl('admin', ['apply', '-k', older ? 'manifests/without-mutation' : 'manifests']);
  if (applied.code !== 0) throw new Error(applied.stderr);
  console.log(`the cluster is ready after ${((performance.now() - started) / 1_000).toFixed(1)} s: ${cluster.url}`);
  console.log(`alias kubectl=${kubectl}`);
  for (const user of USERS) console.log(`export KUBECONFIG=${cluster.kubeconfig(user)}`);
  console.log('Ctrl-C ends it and removes its files');
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
} finally {
  await cluster.stop();
}
