import { describe, expect, it } from 'vitest';
import type { ApprovalRequest, ApprovalStatus, Changes, StoredDecision } from '../support/approval-request.ts';
import { describeCluster, refusalOf, VARIANTS, WAYS, type Bed, type UserName } from '../support/cluster.ts';

/** A state that a request can be in, and how it gets there. */
type State = 'pending' | 'half' | 'approved' | 'denied' | 'consumed' | 'void' | 'expired' | 'reusable';

/** What must not succeed, whoever tries it in whatever way. */
interface Violation {
  readonly title: string;
  readonly state: State;
  readonly by: readonly UserName[];
  /** The status that would be wrong. */
  readonly status: (status: ApprovalStatus) => object;
  /** What every refusal says. */
  readonly says: RegExp;
  /** Server-side apply cannot say that something is to go: it then changes nothing. */
  readonly unsayable?: true;
}

const YES: StoredDecision = { approver: 'alice', verdict: 'approved', reason: '' };
const NO: StoredDecision = { approver: 'bob', verdict: 'denied', reason: 'not this customer' };
const TIME = '2026-11-24T18:00:00Z';
const CONSUMPTION = { exchangeId: 'ex-9', pod: 'gateway-0', at: TIME };

/** Those whom the roles let write a status, though they are not the gateway that asked. */
const WRITERS: readonly UserName[] = ['alice', 'neighbour', 'admin'];
const EVERYBODY: readonly UserName[] = [...WRITERS, 'gateway'];

const NOT_YOURS = /only the gateway that asked \(system:serviceaccount:agents:gateway\) may set/u;
const FINAL = /is final/u;
const MADE = /a decision that was made cannot be changed, moved or taken back/u;

const VIOLATIONS: readonly Violation[] = [
  // The verdict is people's.
  row(
    'calling a pending request approved',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Approved' }),
    /phase Approved needs as many approvals/u,
  ),
  row(
    'calling a half-agreed request approved',
    'half',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Approved' }),
    /phase Approved needs as many approvals/u,
  ),
  row(
    'calling a pending request denied',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Denied' }),
    /phase Denied needs a denial/u,
  ),
  row(
    'calling a pending request consumed',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Consumed', consumption: CONSUMPTION }),
    /phase can only become|needs as many approvals/u,
  ),
  row(
    'putting an unknown phase',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Granted' }),
    /Unsupported value: "Granted"/u,
  ),
  // The rest is the asking gateway's.
  ...(['Expired', 'Consumed', 'Void'] as const).map((phase) =>
    row(
      `ending a grant as ${phase} for somebody else`,
      'approved',
      WRITERS,
      (s) => ({
        ...s,
        phase,
        ...(phase === 'Consumed' ? { consumption: CONSUMPTION } : {}),
        ...(phase === 'Void' ? { voidReason: 'x' } : {}),
      }),
      NOT_YOURS,
    ),
  ),
  row('ending a pending request for somebody else', 'pending', WRITERS, (s) => ({ ...s, phase: 'Expired' }), NOT_YOURS),
  ...Object.entries({ grantExpiresAt: TIME, endedAt: TIME, auditHead: '7:abc', told: true }).map(([member, value]) =>
    row(`setting ${member} for somebody else`, 'approved', WRITERS, (s) => ({ ...s, [member]: value }), NOT_YOURS),
  ),
  row('counting a use for somebody else', 'reusable', WRITERS, (s) => ({ ...s, uses: s.uses + 1 }), NOT_YOURS),
  row(
    'setting a condition for somebody else',
    'pending',
    WRITERS,
    (s) => ({ ...s, conditions: [{ type: 'Approved', status: 'True', reason: 'Decided', message: '' }] }),
    NOT_YOURS,
  ),
  row(
    'counting more approvals than there are',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, approvals: 2 }),
    /approvals has to be the number of decisions that approve/u,
  ),
  // What was decided stays.
  row('taking a decision back', 'half', EVERYBODY, (s) => ({ ...s, decisions: [] }), MADE, true),
  row('editing a decision', 'half', EVERYBODY, (s) => ({ ...s, decisions: [{ ...YES, reason: 'changed' }] }), MADE),
  row(
    'turning an approval into a denial',
    'half',
    EVERYBODY,
    (s) => ({ ...s, decisions: [{ ...YES, verdict: 'denied', reason: 'changed' }] }),
    MADE,
  ),
  row(
    'putting a decision before the others',
    'half',
    EVERYBODY,
    (s) => ({ ...s, decisions: [{ ...NO, verdict: 'approved' }, ...s.decisions] }),
    MADE,
    true,
  ),
  row('emptying a status', 'half', EVERYBODY, () => ({}), MADE, true),
  row(
    'adding two decisions at once',
    'pending',
    EVERYBODY,
    (s) => ({ ...s, decisions: [YES, { ...NO, verdict: 'approved' }] }),
    /add one decision at a time|Duplicate value/u,
  ),
  // An end is an end.
  ...(['denied', 'consumed', 'void', 'expired'] as const).flatMap((state) => [
    row(
      `deciding what is ${state}`,
      state,
      ['alice', 'admin', 'gateway'],
      (s) => ({ ...s, decisions: [...s.decisions, { approver: 'carol', verdict: 'approved', reason: '' }] }),
      /cannot be decided any more/u,
    ),
    row(
      `opening again what is ${state}`,
      state,
      EVERYBODY,
      ({ consumption: _c, voidReason: _v, ...s }) => ({ ...s, phase: 'Pending' }),
      FINAL,
      ...(state === 'consumed' || state === 'void' ? ([true] as const) : []),
    ),
  ]),
  row(
    'deciding what is approved',
    'approved',
    ['bob', 'admin', 'gateway'],
    (s) => ({ ...s, decisions: [...s.decisions, NO] }),
    /cannot be decided any more/u,
  ),
  row(
    'putting a grant back to pending',
    'approved',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Pending' }),
    /from Approved the phase can only become/u,
  ),
  row(
    'calling a grant denied',
    'approved',
    EVERYBODY,
    (s) => ({ ...s, phase: 'Denied' }),
    /from Approved the phase can only become/u,
  ),
  // Not even the asking gateway may.
  row(
    'consuming without saying by what',
    'approved',
    ['gateway'],
    (s) => ({ ...s, phase: 'Consumed' }),
    /consumption says who used the grant/u,
  ),
  row(
    'claiming another consumption',
    'consumed',
    EVERYBODY,
    (s) => ({ ...s, consumption: { ...CONSUMPTION, exchangeId: 'ex-10' } }),
    /consumption cannot be changed/u,
  ),
  row(
    'consuming a grant of scope target',
    'reusable',
    ['gateway'],
    (s) => ({ ...s, phase: 'Consumed', consumption: CONSUMPTION }),
    /only a grant of scope once is consumed/u,
  ),
  row(
    'using a grant of scope once',
    'approved',
    ['gateway'],
    (s) => ({ ...s, uses: 1 }),
    /only grants of scope action and target count uses/u,
  ),
  row(
    'counting two uses at once',
    'reusable',
    ['gateway'],
    (s) => ({ ...s, uses: s.uses + 2 }),
    /uses counts up by one/u,
  ),
  row('voiding without a reason', 'approved', ['gateway'], (s) => ({ ...s, phase: 'Void' }), /voidReason says why/u),
  row(
    'taking back that the agent was told',
    'void',
    EVERYBODY,
    (s) => ({ ...s, told: false }),
    /told cannot be taken back/u,
  ),
  row(
    'giving another void reason',
    'void',
    EVERYBODY,
    (s) => ({ ...s, voidReason: 'other' }),
    /voidReason cannot be changed/u,
  ),
];

describeCluster('no way to write what one may not', VARIANTS, (bed) => {
  describe.each(VIOLATIONS.map((violation) => [violation.title, violation] as const))('%s', (_title, violation) => {
    it('is refused to everybody, in every way, and changes nothing', async () => {
      const { metadata } = await inState(bed, violation.state);
      const before = await bed.get(metadata.name);
      const wrong: string[] = [];
      for (const user of violation.by) {
        for (const way of WAYS) {
          const answer = await bed.write(user, way, metadata.name, violation.status(before.status));
          const silent = violation.unsayable === true && way === 'server-side apply' && answer.status === 200;
          const refused = answer.status >= 400 && answer.status < 500 && violation.says.test(refusalOf(answer));
          if (!silent && !refused) wrong.push(`${user}, ${way}: ${answer.status} ${refusalOf(answer)}`);
        }
      }
      expect(wrong).toEqual([]);
      expect((await bed.get(metadata.name)).status).toEqual(before.status);
    });
  });
});

function row(
  title: string,
  state: State,
  by: readonly UserName[],
  status: Violation['status'],
  says: RegExp,
  unsayable?: true,
): Violation {
  return { title, state, by, status, says, ...(unsayable === undefined ? {} : { unsayable }) };
}

/** Brings a request into a state, by those who may. */
async function inState(bed: Bed, state: State): Promise<ApprovalRequest> {
  const changes: Changes = {
    spec: { ...(state === 'half' ? { approvers: 2 } : {}), ...(state === 'reusable' ? { scope: 'target' } : {}) },
  };
  const request = await bed.create(changes);
  const { name } = request.metadata;
  if (state === 'pending') return request;
  if (state === 'denied') {
    expect((await bed.decide('bob', name, { verdict: 'denied', reason: 'not this customer' })).status).toBe(200);
    await bed.settle(name, 'Denied');
    return request;
  }
  expect((await bed.decide('alice', name, { verdict: 'approved' })).status).toBe(200);
  if (state === 'half') return request;
  await bed.settle(name, 'Approved');
  const { status } = await bed.get(name);
  const end = {
    consumed: { phase: 'Consumed', consumption: CONSUMPTION },
    void: { phase: 'Void', voidReason: 'policy-changed', told: true },
    expired: { phase: 'Expired' },
    approved: {},
    reusable: {},
  }[state];
  expect((await bed.write('gateway', 'merge patch', name, { ...status, ...end })).status).toBe(200);
  return request;
}
