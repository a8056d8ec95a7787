import { DatabaseSync } from 'node:sqlite';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approvalOf, throughProxy, type AgentAnswer } from '../support/agent.ts';
import { startGatewayProcess, type GatewayFiles, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, risk_level: high, approval: approve}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

let upstream: HttpUpstream;
const started: GatewayProcess[] = [];

beforeEach(async () => {
  upstream = await startHttpUpstream();
});
afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function start(limits: string, files: GatewayFiles = {}): Promise<GatewayProcess> {
  const config = `agent: {id: shop-agent}\nupstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {${limits}}`;
  const gateway = await startGatewayProcess({ policy: POLICY, config, ...files });
  started.push(gateway);
  return gateway;
}

async function refund({ port }: GatewayProcess, amount = 50, signal?: AbortSignal): Promise<AgentAnswer> {
  return await throughProxy(port, `${upstream.origin}/refunds`, {
    body: { order: 7, amount },
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Waits until the gateway holds this many pending approvals, and returns their names. */
async function pending(gateway: GatewayProcess, count = 1): Promise<readonly string[]> {
  for (;;) {
    const { stdout } = await gateway.cli('approvals', 'list', '-o', 'name');
    const names = stdout.split('\n').filter((line) => line !== '');
    if (names.length >= count) return names;
  }
}

describe('a request that needs a human', () => {
  it('is told to come back, runs exactly once when it was approved, and asks again after that (fault:approval-pending)', async () => {
    const gateway = await start('approval_wait: 0s');
    const first = await refund(gateway);
    expect([first.status, first.json['code']]).toEqual([403, 'approval-pending']);
    expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
    const name = approvalOf(first);
    const again = await refund(gateway);
    expect(approvalOf(again)).toBe(name);
    expect((await gateway.cli('approvals', 'approve', name, '--yes')).code).toBe(0);
    const ran = await refund(gateway);
    expect([ran.status, ran.json]).toEqual([200, { ok: true }]);
    const repeated = await refund(gateway);
    expect(repeated.json['code']).toBe('approval-pending');
    expect(approvalOf(repeated)).not.toBe(name);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is bound to its exact bytes', async () => {
    const gateway = await start('approval_wait: 0s');
    const name = approvalOf(await refund(gateway, 50));
    await gateway.cli('approvals', 'approve', name, '--yes');
    const other = await refund(gateway, 5_000);
    expect(other.json['code']).toBe('approval-pending');
    expect(upstream.seen).toHaveLength(0);
  });

  it('is held while it waits, and goes on when it is approved', async () => {
    const gateway = await start('approval_wait: 20s');
    const answer = refund(gateway);
    const [name = ''] = await pending(gateway);
    await gateway.cli('approvals', 'approve', name, '--yes');
    expect((await answer).status).toBe(200);
  });

  it('runs once when several identical requests wait for one approval (fault:approval-consumed)', async () => {
    const gateway = await start('approval_wait: 20s');
    const answers = [refund(gateway), refund(gateway), refund(gateway)];
    const [name = ''] = await pending(gateway);
    const exchanges = async (): Promise<number> => {
      const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
      return Number(/^aegis_requests_received_total\{[^}]*\} (\d+)/mu.exec(metrics)?.[1] ?? 0);
    };
    while ((await exchanges()) < 3);
    await gateway.cli('approvals', 'approve', name, '--yes');
    const codes = (await Promise.all(answers)).map(({ status, json }) => json['code'] ?? status);
    expect(codes.map(String).toSorted()).toEqual(['200', 'approval-consumed', 'approval-consumed']);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is refused with the reason when it was denied (fault:approval-denied)', async () => {
    const gateway = await start('approval_wait: 0s');
    const name = approvalOf(await refund(gateway));
    expect((await gateway.cli('approvals', 'deny', name, '--yes')).code).toBe(2);
    expect((await gateway.cli('approvals', 'deny', name, '--reason', 'not this customer', '--yes')).code).toBe(0);
    const answer = await refund(gateway);
    expect(answer.json['code']).toBe('approval-denied');
    expect(answer.json['detail']).toContain('not this customer');
    expect(upstream.seen).toHaveLength(0);
  });

  it('is refused when nobody decided in time (fault:approval-expired)', async () => {
    const gateway = await start('approval_wait: 15s, approval_ttl: 1s');
    expect((await refund(gateway)).json['code']).toBe('approval-expired');
  });

  it('is refused when the policy changed after the grant (fault:approval-void)', async () => {
    const gateway = await start('approval_wait: 0s');
    const name = approvalOf(await refund(gateway));
    await gateway.cli('approvals', 'approve', name, '--yes');
    await writeFile(join(gateway.folder, 'policy.yaml'), `${POLICY}# another text\n`);
    await gateway.logged('policy.loaded');
    const answer = await refund(gateway);
    expect(answer.json['code']).toBe('approval-void');
    expect(answer.json['detail']).toMatch(/policy/u);
    expect(upstream.seen).toHaveLength(0);
  });

  it.each([
    ['more people have to agree by now than did', '{approvers: 2}', 'high', 'more-approvers-needed'],
    ['its risk is higher by now than what was agreed to', 'approve', 'critical', 'risk-rose'],
  ])('is refused when %s', async (_name, approval, risk, reason) => {
    const gateway = await start('approval_wait: 0s');
    // Dusk comes late enough for the request and its approval, also on a busy machine.
    const dusk = Date.now() + 6_000;
    const day = `{name: by-day, match: {type: create}, conditions: {when: 'now < timestamp("${new Date(dusk).toISOString()}")'}, risk_level: high, approval: approve}`;
    const night = `{name: by-night, match: {type: create}, risk_level: ${risk}, approval: ${approval}}`;
    await writeFile(join(gateway.folder, 'policy.yaml'), `version: "1"\nrules:\n  - ${day}\n  - ${night}\n`);
    await gateway.logged('policy.loaded');
    const name = approvalOf(await refund(gateway));
    await gateway.cli('approvals', 'approve', name, '--yes');
    expect(Date.now()).toBeLessThan(dusk);
    // Timers may be early by a moment.
    await sleep(dusk - Date.now() + 50);
    const answer = await refund(gateway);
    expect([answer.json['code'], answer.json['detail']]).toEqual([
      'approval-void',
      `approval ${name} is void: ${reason}`,
    ]);
    expect(upstream.seen).toHaveLength(0);
  });

  it('is blocked by a policy that came into force while it waited, although a human agreed (fault:policy-block)', async () => {
    const gateway = await start('approval_wait: 20s');
    const answer = refund(gateway);
    const [name = ''] = await pending(gateway);
    await writeFile(join(gateway.folder, 'policy.yaml'), POLICY.replace('approval: approve', 'approval: block'));
    await gateway.logged('policy.loaded');
    await gateway.cli('approvals', 'approve', name, '--yes');
    expect((await answer).json['code']).toBe('policy-block');
    expect(upstream.seen).toHaveLength(0);
  });

  it('is refused when too many wait already (fault:approvals-full)', async () => {
    const gateway = await start('approval_wait: 0s, pending: 1');
    await refund(gateway, 1);
    expect((await refund(gateway, 2)).json['code']).toBe('approvals-full');
  });

  it('is refused when the store cannot be reached (fault:approvals-unavailable)', async () => {
    const gateway = await start('approval_wait: 0s');
    const database = new DatabaseSync(join(gateway.dataDir, 'approvals.db'));
    database.exec('BEGIN EXCLUSIVE');
    const answer = await refund(gateway);
    database.exec('ROLLBACK');
    database.close();
    expect([answer.status, answer.json['code']]).toEqual([503, 'approvals-unavailable']);
    expect(upstream.seen).toHaveLength(0);
  });

  it('is recorded when its client went away (fault:client-gone)', async () => {
    const gateway = await start('approval_wait: 20s');
    const leaving = new AbortController();
    const answer = refund(gateway, 50, leaving.signal);
    await pending(gateway);
    leaving.abort();
    await expect(answer).rejects.toThrow(/abort/iu);
    let faults = '';
    while (!faults.includes('client-gone'))
      faults = (await gateway.cli('audit', 'export', '--format', 'jsonl', '--kind', 'refusal')).stdout;
    expect(upstream.seen).toHaveLength(0);
  });

  it('keeps its approval through a restart and a kill -9, and still runs once', async () => {
    const first = await start('approval_wait: 0s');
    const name = approvalOf(await refund(first));
    await first.stop('SIGKILL');
    const second = await first.restart();
    started.push(second);
    await second.cli('approvals', 'approve', name, '--yes');
    await second.stop('SIGTERM');
    const third = await second.restart();
    started.push(third);
    expect((await refund(third)).status).toBe(200);
    expect((await refund(third)).json['code']).toBe('approval-pending');
    expect(upstream.seen).toHaveLength(1);
    expect((await third.cli('audit', 'verify')).stdout).toMatch(/end unproven/u);
  });

  it('may be sent again and again under a grant of scope action, until it ends', async () => {
    const policy = POLICY.replace('approval: approve', 'approval: {scope: action, for: 1h}');
    const gateway = await start('approval_wait: 0s', { policy });
    await gateway.cli('approvals', 'approve', approvalOf(await refund(gateway)), '--yes');
    for (let time = 0; time < 3; time += 1) expect((await refund(gateway)).status).toBe(200);
    expect((await refund(gateway, 51)).json['code']).toBe('approval-pending');
  });
});
