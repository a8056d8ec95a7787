import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld } from '../support/cluster-gateway.ts';
import { Bed, programsOf, VARIANTS } from '../support/cluster.ts';
import { startCorporateProxy } from '../support/corporate-proxy.ts';
import { describeWith } from '../support/counterparts.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { InstalledPlugin } from '../support/kubectl-plugin.ts';

const TIMEOUT = { timeout: 60_000 };

describeWith(
  ['etcd', 'kube-apiserver', 'kubectl', 'openssl'],
  'kubectl aegis with the kubeconfigs that people have',
  () => {
    const [variant] = VARIANTS;
    if (variant === undefined) throw new Error('expected a variant');
    const bed = new Bed(variant);
    let folder: string;
    let world: ClusterWorld;
    let gateway: GatewayProcess;
    let plugin: InstalledPlugin;
    let orders = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'aegis-people-'));
      clientCertificate(folder);
      await bed.start(programsOf(variant), [`--client-ca-file=${join(folder, 'ca.crt')}`]);
      world = await ClusterWorld.start(bed);
      plugin = await InstalledPlugin.install();
      gateway = await world.gateway();
    }, 180_000);
    afterAll(async () => {
      await world[Symbol.asyncDispose]();
      await plugin[Symbol.asyncDispose]();
      await bed.stop();
      await rm(folder, { recursive: true, force: true });
    }, 60_000);

    const asked = async (): Promise<string> => {
      orders += 1;
      return approvalOf(await world.refund(gateway, 500 + orders));
    };
    /** A kubeconfig of one context for namespace agents. */
    const kubeconfig = async (user: object, cluster: object = {}): Promise<string> => {
      const path = join(folder, 'kubeconfig');
      const ca = join(bed.cluster.folder, 'pki', 'apiserver.crt');
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'work',
        contexts: [
          { name: 'work', context: { cluster: 'one', user: 'me', namespace: 'agents' } },
          { name: 'elsewhere', context: { cluster: 'one', user: 'me', namespace: 'others' } },
        ],
        clusters: [{ name: 'one', cluster: { server: bed.cluster.url, 'certificate-authority': ca, ...cluster } }],
        users: [{ name: 'me', user }],
      };
      await writeFile(path, JSON.stringify(config));
      return path;
    };
    /** Approves with a kubeconfig, and gives the approver that the API server recorded. */
    const approver = async (config: string, ...flags: readonly string[]): Promise<string> => {
      const name = await asked();
      const { code, stderr, stdout } = await plugin.run(config, ['approve', name, '--yes', ...flags]);
      expect([code, stderr, stdout]).toEqual([0, '', `${name} is approved. It covers this request, once.\n`]);
      return (await bed.get(name)).status.decisions[0]?.approver ?? '';
    };

    it('decides with a token', TIMEOUT, async () => {
      expect(await approver(await kubeconfig({ token: bed.cluster.token('alice') }))).toBe('alice');
    });

    it('decides with a client certificate', TIMEOUT, async () => {
      const certificate = { 'client-certificate': join(folder, 'carol.crt'), 'client-key': join(folder, 'carol.key') };
      expect(await approver(await kubeconfig(certificate))).toBe('carol');
    });

    it('decides with a credential plug-in, and shows what it says while it works', TIMEOUT, async () => {
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: bed.cluster.token('bob') },
      };
      const login = await plugin.script('login', [
        `echo 'open https://login.example and type 1234' >&2`,
        'sleep 2',
        `echo '${JSON.stringify(credential)}'`,
      ]);
      const config = await kubeconfig({
        exec: { apiVersion: 'client.authentication.k8s.io/v1', command: login, interactiveMode: 'IfAvailable' },
      });
      const name = await asked();
      const child = plugin.start(config, ['approve', name, '--yes']);
      let said = '';
      let before = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.stdout?.once('data', () => (before = said));
      const code = await new Promise<number | null>((done) => child.once('close', done));
      expect(code).toBe(0);
      expect(before).toContain('open https://login.example and type 1234\n');
      expect((await bed.get(name)).status.decisions[0]?.approver).toBe('bob');
    });

    it('goes through the proxy of the kubeconfig', TIMEOUT, async () => {
      await using proxy = await startCorporateProxy();
      const config = await kubeconfig(
        { token: bed.cluster.token('alice') },
        { 'proxy-url': `http://127.0.0.1:${proxy.port}` },
      );
      expect(await approver(config)).toBe('alice');
      expect(proxy.seen.length).toBeGreaterThan(1);
      for (const { method, target } of proxy.seen)
        expect([method, target]).toEqual(['CONNECT', new URL(bed.cluster.url).host]);
    });

    it('takes context and namespace from the flags, wherever they stand', TIMEOUT, async () => {
      const config = await kubeconfig({ token: bed.cluster.token('alice') });
      const name = await asked();
      for (const args of [
        ['pending', '-o', 'name'],
        ['--context', 'elsewhere', 'pending', '-n', 'agents', '-o', 'name'],
        ['-n=agents', 'pending', '--context=elsewhere', '-o=name'],
        ['pending', '-nagents', '--context', 'elsewhere', '-oname'],
      ]) {
        const { code, stdout } = await plugin.run(config, args);
        expect([args, code, stdout.split('\n')]).toEqual([
          args,
          0,
          expect.arrayContaining([`approvalrequest.aegis.dev/${name}`]),
        ]);
      }
      const elsewhere = await plugin.run(config, ['pending', '--context', 'elsewhere']);
      expect(elsewhere.stderr).toBe('nothing waits in namespace others\n');
      const missing = await plugin.run(config, ['pending', '--context', 'nowhere']);
      expect([missing.code, missing.stderr]).toEqual([4, expect.stringContaining('nowhere')]);
      const shown = await plugin.run(join(folder, 'no-such-file'), ['show', name, '--kubeconfig', config]);
      expect(shown.stdout).toContain(`Approval      ${name}`);
    });

    it('decides as somebody else for who may impersonate', TIMEOUT, async () => {
      const config = await kubeconfig({ token: bed.cluster.token('admin') });
      expect(await approver(config, '--as', 'alice', '--as-group', 'approvers', '--as-group', 'others')).toBe('alice');
    });

    it('needs no kubeconfig where flags and environment say it all', TIMEOUT, async () => {
      const name = await asked();
      const ca = join(bed.cluster.folder, 'pki', 'apiserver.crt');
      const flags = ['--server', bed.cluster.url, '--token', bed.cluster.token('alice'), '--certificate-authority', ca];
      const nothing = join(folder, 'no-such-file');
      const listed = await plugin.run(nothing, ['pending', '-o', 'name', ...flags], {
        env: { POD_NAMESPACE: 'agents' },
      });
      expect(listed.stdout).toContain(name);
      const other = await plugin.run(nothing, ['show', name, ...flags, '-n', 'agents']);
      expect(other.code).toBe(0);
    });

    it('passes on how kubectl is to connect', TIMEOUT, async () => {
      const config = await kubeconfig(
        { token: bed.cluster.token('alice') },
        { 'certificate-authority': join(folder, 'ca.crt') },
      );
      const untrusted = await plugin.run(config, ['pending']);
      expect([untrusted.code, untrusted.stderr]).toEqual([4, expect.stringContaining('certificate')]);
      const unchecked = await plugin.run(
        await kubeconfig({ token: bed.cluster.token('alice') }, { 'certificate-authority': '' }),
        ['pending', '--insecure-skip-tls-verify', '--request-timeout=20s', '-v=0'],
      );
      expect([unchecked.code, unchecked.stderr]).toEqual([0, '']);
    });
  },
);

/** A CA, and a certificate of it for carol, who is an approver. */
function clientCertificate(folder: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '1', '-subj', '/CN=people');
  openssl('req', ...key, '-keyout', 'carol.key', '-out', 'carol.csr', '-subj', '/O=approvers/CN=carol');
  const issue = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', '2', '-days', '1'];
  openssl('x509', '-req', '-in', 'carol.csr', ...issue, '-out', 'carol.crt');
}
