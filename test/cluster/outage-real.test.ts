import { writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';

const TIMEOUT = { timeout: 180_000 };
/** An agent's own patience, above everything that the gateway waits for. */
const HELD = 'approval_wait: 120s';

describeCluster('an API server that is stopped', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  beforeEach(async () => {
    world = await ClusterWorld.start(bed);
  });
  afterEach(async () => {
    bed.cluster.signalApiServer('SIGCONT');
    await world[Symbol.asyncDispose]();
  });

  it('in its tracks lets nothing pass: who may be held is served when it goes on', TIMEOUT, async () => {
    const holding = await world.gateway({ direct: true, limits: HELD });
    const refusing = await world.gateway({ direct: true, approvals: 'on_outage: refuse', limits: HELD });
    for (const gateway of [holding, refusing])
      await until(async () => (await world.readiness(gateway, 'approval-policies')).detail.includes('in force as of'));
    const name = approvalOf(await world.refund(await world.gateway({ direct: true }), 201));
    await world.approve('alice', name);
    bed.cluster.signalApiServer('SIGSTOP');
    const held = world.refund(holding, 202);
    const refused = await world.refund(refusing, 201);
    expect([refused.status, refused.json['code']]).toEqual([503, 'approvals-unavailable']);
    expect((await throughProxy(refusing.port, `${world.upstream.origin}/prices`)).status).toBe(200);
    expect([world.ran(201), world.ran(202)]).toEqual([0, 0]);
    bed.cluster.signalApiServer('SIGCONT');
    await world.approve('alice', (await world.pending(202)).metadata.name);
    expect((await held).json).toEqual({ ok: true });
    const ran = await until(async () => {
      const answer = await world.refund(refusing, 201);
      return answer.status === 503 ? null : answer;
    });
    expect(ran.json).toEqual({ ok: true });
    expect([world.ran(201), world.ran(202)]).toEqual([1, 1]);
  });

  it(
    'while a grant is used runs the request at most once, whatever it makes of the calls it still has',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway({ direct: true, approvals: 'on_outage: refuse' });
      for (let order = 220; order < 226; order += 1) {
        const name = approvalOf(await world.refund(gateway, order));
        await world.approve('alice', name);
        const answer = world.refund(gateway, order);
        // Somewhere between finding the grant and having used it, another place each time.
        await new Promise((done) => setTimeout(done, (order - 220) * 8));
        bed.cluster.signalApiServer('SIGSTOP');
        const { status } = await answer;
        const ran = world.ran(order);
        expect(ran).toBe(status === 200 ? 1 : 0);
        bed.cluster.signalApiServer('SIGCONT');
        await until(async () => (await world.refund(gateway, order)).status !== 503);
        const { phase } = (await bed.get(name)).status;
        expect(['Approved', 'Consumed']).toContain(phase);
        expect(world.ran(order)).toBeLessThanOrEqual(1);
      }
    },
  );

  it('by kill -9 keeps what waits: after its restart it is decided, and runs once', TIMEOUT, async () => {
    const gateway = await world.gateway({ direct: true, limits: HELD });
    const granted = approvalOf(await world.refund(await world.gateway({ direct: true }), 203));
    await world.approve('alice', granted);
    const held = world.refund(gateway, 204);
    const { metadata } = await world.pending(204);
    await bed.cluster.killApiServer();
    const retried = world.refund(gateway, 203);
    await until(async () => (await world.metric(gateway, 'aegis_approval_store_reachable')) === 0);
    expect([world.ran(203), world.ran(204)]).toEqual([0, 0]);
    await bed.cluster.restartApiServer();
    await approveOnceServed(metadata.name);
    // A server that has just started may not know the roles yet, and says that the gateway may not ask: that refuses.
    for (const [answer, order] of [
      [await held, 204],
      [await retried, 203],
    ] as const) {
      expect([200, 503]).toContain(answer.status);
      if (answer.status === 503) await until(async () => (await world.refund(gateway, order)).status === 200);
    }
    expect([world.ran(203), world.ran(204)]).toEqual([1, 1]);
  });

  it('and has forgotten what the watch saw makes the gateway look at everything anew', TIMEOUT, async () => {
    const gateway = await world.gateway({ direct: true, limits: HELD });
    const held = world.refund(gateway, 205);
    const { metadata } = await world.pending(205);
    await until(async () => (await world.metric(gateway, 'aegis_approval_watch_open')) === 1);
    // The decision is made while no gateway watches, and the history that tells of it is gone when one does.
    gateway.process.kill('SIGSTOP');
    await world.approve('alice', metadata.name);
    const decided = (await bed.get(metadata.name)).metadata['resourceVersion'];
    const last = await bed.create();
    await bed.cluster.killApiServer();
    await compact(Number(last.metadata['resourceVersion']));
    await bed.cluster.restartApiServer();
    const since = metadata['resourceVersion'];
    const path = `${bed.pathOf('')}?watch=true&timeoutSeconds=1&resourceVersion=${since}`;
    await until(async () => {
      const { body } = await bed.call('admin', { method: 'GET', path: path.replace('/?', '?') });
      return body.includes('too old resource version');
    });
    expect(Number(decided)).toBeGreaterThan(Number(since));
    gateway.process.kill('SIGCONT');
    expect((await held).json).toEqual({ ok: true });
    expect(world.ran(205)).toBe(1);
    await bed.delete('gateway', last.metadata.name);
  });

  it(
    'does not know a token any more: the gateway goes on with the one that the file holds by then',
    TIMEOUT,
    async () => {
      const account = await world.serviceAccount('gateway');
      const token = join(account, 'token');
      await writeFile(token, await boundToken('first'));
      const gateway = await world.gateway({ direct: true, account });
      const name = approvalOf(await world.refund(gateway, 206));
      await world.approve('alice', name);
      // A token is bound to the life of what it was made for.
      await bed.call('admin', { method: 'DELETE', path: '/api/v1/namespaces/agents/secrets/first' });
      await until(async () => (await world.refund(gateway, 206)).status === 503 || world.ran(206) > 0);
      if (world.ran(206) > 0) expect((await bed.get(name)).status.phase).toBe('Consumed');
      await writeFile(`${token}.new`, await boundToken('second'));
      await rename(`${token}.new`, token);
      const after = approvalOf(await world.refund(gateway, 207));
      await world.approve('alice', after);
      expect((await world.refund(gateway, 207)).json).toEqual({ ok: true });
    },
  );

  /** A server that says that it is ready does not know every kind yet. */
  async function approveOnceServed(name: string): Promise<void> {
    await until(async () => {
      const { body, status } = await bed.decide('alice', name, { verdict: 'approved' });
      if (status !== 200 && status !== 503 && status !== 429) throw new Error(body);
      return status === 200;
    });
  }

  /** A token of the gateway's ServiceAccount that ends with a Secret. */
  async function boundToken(name: string): Promise<string> {
    const made = await bed.call('admin', {
      method: 'POST',
      path: '/api/v1/namespaces/agents/secrets',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name } }),
    });
    const { uid } = (JSON.parse(made.body) as { metadata: { uid: string } }).metadata;
    const { body } = await bed.call('admin', {
      method: 'POST',
      path: '/api/v1/namespaces/agents/serviceaccounts/gateway/token',
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600, boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid } },
      }),
    });
    return (JSON.parse(body) as { status: { token: string } }).status.token;
  }

  /** Makes etcd forget every version before this one, by the gateway of its API to JSON. */
  async function compact(revision: number): Promise<void> {
    const answer = await fetch(`${bed.cluster.etcdUrl}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision: String(revision), physical: true }),
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('revision')]);
  }
});
