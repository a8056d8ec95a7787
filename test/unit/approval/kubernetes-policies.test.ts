import { describe, expect, it } from 'vitest';
import { tryDecidingAnew } from '../../../src/approval/kubernetes-policies.ts';
import { ApprovalRequests } from '../../../src/approval/kubernetes-requests.ts';
import { ApiStatusError } from '../../../src/kubernetes/api-error.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';

const IDENTITY = { user: 'system:serviceaccount:agents:gateway', pod: null };

/** What the API server says to each try to decide, and what has become of the request by then. */
type Round = { readonly refusal: readonly [number, string]; readonly version: string | null };

const OVERTAKEN: Round = { refusal: [422, 'an end is final'], version: '7' };
const DELETED: Round = { refusal: [404, 'not found'], version: null };
const REFUSED: Round = { refusal: [403, 'made this request and may not decide it'], version: '6' };
const HIDDEN: Round = { refusal: [422, 'accounts decide nothing'], version: '6' };

function serverWith(rounds: readonly Round[]): { readonly requests: ApprovalRequests; readonly made: () => number } {
  let made = 0;
  let probe: object = {};
  const round = (): Round => rounds[made - 1] ?? rounds.at(-1) ?? HIDDEN;
  const stored = (resourceVersion: string): object => ({
    ...probe,
    metadata: {
      ...Reflect.get(probe, 'metadata'),
      uid: 'u',
      resourceVersion,
      creationTimestamp: '2026-01-15T12:00:00Z',
    },
  });
  const client: KubernetesClient = {
    call: async ({ body = {}, method }) => {
      const { refusal, version } = round();
      switch (method) {
        case 'POST':
          made += 1;
          probe = body;
          return stored('6');
        case 'PATCH':
          throw new ApiStatusError(refusal[0], 'Refused', refusal[1]);
        case 'GET':
          if (version === null) throw new ApiStatusError(404, 'NotFound', 'not found');
          return stored(version);
        default:
          return {};
      }
    },
    watch: () => {
      throw new Error('expected no watch');
    },
    namespace: async () => 'agents',
    problem: () => null,
    skewMs: () => 0,
  };
  return { requests: new ApprovalRequests(client, null), made: () => made };
}

describe('trying the policy of decisions on a request made for it', () => {
  it.each([
    ['ended by a replica', OVERTAKEN],
    ['deleted', DELETED],
  ])('begins again with another where one was %s before it could be tried', async (_, first) => {
    const { requests, made } = serverWith([first, first, REFUSED]);
    expect(await tryDecidingAnew(requests, IDENTITY)).toEqual({ kind: 'refused' });
    expect(made()).toBe(3);
  });

  it('takes any other refusal of what is as it was made for a policy that is not seen to be in force', async () => {
    const { requests, made } = serverWith([HIDDEN]);
    expect(await tryDecidingAnew(requests, IDENTITY)).toMatchObject({ kind: 'let-through' });
    expect(made()).toBe(1);
  });

  it('ends where somebody ends every one of them', async () => {
    const { requests, made } = serverWith([OVERTAKEN]);
    expect(await tryDecidingAnew(requests, IDENTITY)).toMatchObject({ kind: 'let-through' });
    expect(made()).toBe(5);
  });
});
