import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
session: 1h
rules:
  - {name: all, risk_level: low, approval: auto}
plan_rules:
  sequence_patterns:
    - {name: exfiltration, steps: [read, create], approval: block, risk_level: critical}
`;

describe('plan rules over a session', () => {
  it('count what the agent did before a kill -9', async () => {
    const upstream = await startHttpUpstream();
    const config = `agent: {id: a}\nupstream: {allow: ["127.0.0.1:${upstream.port}"]}`;
    const first = await startGatewayProcess({ policy: POLICY, config });
    const send = async (port: number): Promise<unknown> =>
      (await throughProxy(port, `${upstream.origin}/out`, { body: { secret: 'x' } })).json['code'];
    expect(await send(first.port)).toBeUndefined();
    expect((await throughProxy(first.port, `${upstream.origin}/customers`)).status).toBe(200);
    await first.stop('SIGKILL');
    const second = await first.restart();
    const answer = await throughProxy(second.port, `${upstream.origin}/out`, { body: { secret: 'x' } });
    expect([answer.json['code'], answer.json['decision']]).toEqual([
      'policy-block',
      expect.objectContaining({ rule: 'exfiltration', risk_level: 'critical' }),
    ]);
    expect(upstream.seen.map(({ method }) => method)).toEqual(['POST', 'GET']);
    await second[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  it('that come with a reload count what the agent did before the restart, when no policy looked back', async () => {
    const upstream = await startHttpUpstream();
    const config = `agent: {id: a}\nupstream: {allow: ["127.0.0.1:${upstream.port}"]}`;
    const without = 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n';
    const first = await startGatewayProcess({ policy: without, config });
    expect((await throughProxy(first.port, `${upstream.origin}/customers`)).status).toBe(200);
    await first.stop('SIGKILL');
    const second = await first.restart();
    const send = async (): Promise<unknown> =>
      (await throughProxy(second.port, `${upstream.origin}/out`, { body: { secret: 'x' } })).json['code'];
    expect(await send()).toBeUndefined();
    await writeFile(join(second.folder, 'policy.yaml'), POLICY);
    await second.logged('policy.loaded');
    expect(await send()).toBe('policy-block');
    await second[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  }, 90_000);

  it('lets exactly one of two calls pass that would break one together', async () => {
    const upstream = await startHttpUpstream();
    const config = `agent: {id: a}\nupstream: {allow: ["127.0.0.1:${upstream.port}"]}`;
    const policy = POLICY.replace('[read, create]', '[create, create]');
    const gateway = await startGatewayProcess({ policy, config });
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        async () => await throughProxy(gateway.port, `${upstream.origin}/out`, { body: { n: 1 } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(upstream.seen).toHaveLength(1);
    await gateway[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });
});
