import { expect, it } from 'vitest';
import { createKubernetesStore } from '../../../src/approval/kubernetes-store.ts';
import { ApiStatusError } from '../../../src/kubernetes/api-error.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { SetClock } from '../../support/approval-asks.ts';

const SWEEP_MS = 10_000;
const HOUR_MS = 3_600_000;
const USER = 'system:serviceaccount:agents:gateway';
const silent = { info: () => {}, warn: () => {}, error: () => {} };

const STORED = { uid: 'u', resourceVersion: '6', creationTimestamp: '2026-01-15T12:00:00Z' };

/** An API server with policies in force and nothing in it, which counts what it is asked. */
function emptyServer(calls: string[]): KubernetesClient {
  const answers: { readonly [call: string]: (body: object) => unknown } = {
    'POST selfsubjectreviews': () => ({ status: { userInfo: { username: USER } } }),
    'POST approvalrequests dryRun': () => refused('spec.requester has to be you'),
    'POST approvalrequests': (body) => ({ ...body, metadata: { ...Reflect.get(body, 'metadata'), ...STORED } }),
    'PATCH status dryRun': () => refused('the gateway made this request and may not decide it'),
    'DELETE probe': () => ({}),
    'GET approvalrequests': () => ({ metadata: { resourceVersion: '7' }, items: [] }),
  };
  return {
    call: async ({ body = {}, method, path }) => {
      const { pathname, searchParams } = new URL(path, 'https://api');
      const last = method === 'DELETE' ? 'probe' : pathname.split('/').at(-1);
      const name = `${method} ${last}${searchParams.has('dryRun') ? ' dryRun' : ''}`;
      calls.push(name);
      const answer = answers[name];
      if (answer === undefined) throw new Error(`expected not to be asked for ${name}`);
      return answer(body);
    },
    watch: () => {
      throw new Error('expected no watch while nothing is pending');
    },
    namespace: async () => 'agents',
    problem: () => null,
    skewMs: () => 0,
  };
}

function refused(message: string): never {
  throw new ApiStatusError(403, 'Refused', message);
}

async function idleHour(random: () => number): Promise<readonly string[]> {
  const calls: string[] = [];
  const clock = new SetClock();
  await using store = createKubernetesStore({
    client: emptyServer(calls),
    namespace: null,
    clock,
    log: silent,
    random,
    workload: { namespace: '', pod: '', serviceAccount: '', labels: {} },
    requirePolicies: true,
    policyCheckMs: 60_000,
    holdThroughOutage: true,
    onEvent: async () => {
      throw new Error('expected nothing to happen to an approval');
    },
    auditHead: () => null,
  });
  for (let time = 0; time < HOUR_MS; time += SWEEP_MS) {
    await store.sweep(clock.now());
    clock.forward(SWEEP_MS);
  }
  return calls;
}

it('a gateway that asks for nothing sends some forty requests an hour, and opens no watch', async () => {
  for (const [jitter, tries, lists] of [
    [0, 12, 16],
    [0.5, 8, 12],
    [1, 6, 10],
  ] as const) {
    const calls = await idleHour(() => jitter);
    const count = (name: string): number => calls.filter((call) => call === name).length;
    expect([count('POST selfsubjectreviews'), count('POST approvalrequests dryRun')]).toEqual([tries, tries]);
    expect(count('GET approvalrequests')).toBe(lists);
  }
});
