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

describe('a step of a sequence that may not be completed', () => {
  it('counts although the agent broke it off before the answer', async () => {
    const breakOff = new AbortController();
    await using upstream = await startHttpUpstream((_request, response, { method }) => {
      if (method === 'GET') breakOff.abort();
      else response.end('{}');
    });
    const config = `agent: {id: a}\nupstream: {allow: ["127.0.0.1:${upstream.port}"]}`;
    await using gateway = await startGatewayProcess({ policy: POLICY, config });
    const read = throughProxy(gateway.port, `${upstream.origin}/customers`, { signal: breakOff.signal });
    await expect(read).rejects.toThrow('aborted');
    const { json } = await throughProxy(gateway.port, `${upstream.origin}/out`, { body: { secret: 'x' } });
    expect(json['code']).toBe('policy-block');
    expect(upstream.seen.map(({ method }) => method)).toEqual(['GET']);
  });
});
