import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startCluster } from '../../scripts/cluster-bed.ts';
import { USERS } from '../../scripts/cluster-tenants.ts';
import { AUTHENTICATED, programsOf, VARIANTS } from '../support/cluster.ts';
import { describeWith } from '../support/counterparts.ts';

describeWith(['etcd', 'kube-apiserver', 'kubectl'], 'the test bed', () => {
  const [variant] = VARIANTS;
  if (variant === undefined) throw new Error('expected a variant');

  it('knows its users as the API server does, and the pods that tokens are bound to', async () => {
    await using cluster = await startCluster(programsOf(variant));
    for (const user of USERS) {
      const who = await cluster.kubectl(user, ['auth', 'whoami', '-o', 'json']);
      expect(who.stderr).toBe('');
      const { userInfo } = (JSON.parse(who.stdout) as { status: { userInfo: UserInfo } }).status;
      expect(userInfo.username).toBe(AUTHENTICATED[user]);
      const pod = userInfo.extra?.['authentication.kubernetes.io/pod-name']?.[0];
      const bound = user === 'gateway-replica' ? 'gateway-1' : `${user.replace('foreign-', '')}-0`;
      expect(pod).toBe(BOUND.includes(user) ? bound : undefined);
    }
  });

  it('ends its processes and removes its files', async () => {
    const cluster = await startCluster(programsOf(variant));
    const { folder } = cluster;
    expect(processesIn(folder).length).toBe(2);
    await cluster.stop();
    expect(processesIn(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('says why it did not start, and leaves nothing behind', async () => {
    const programs = { ...programsOf(variant), apiServer: '/bin/false' };
    await expect(startCluster(programs)).rejects.toThrow(/the cluster did not start/u);
  });
});

interface UserInfo {
  readonly username: string;
  readonly extra?: { readonly [name: string]: readonly string[] };
}

const BOUND: readonly string[] = ['gateway', 'gateway-replica', 'neighbour', 'foreign-gateway', 'agent'];

/** The processes whose command line names a folder. */
function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc').filter((id) => {
    if (!/^\d+$/u.test(id)) return false;
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
}
