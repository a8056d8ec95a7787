import { describe, expect, it } from 'vitest';
import { assert, jsonValue, property } from 'fast-check';
import { differenceOf } from '../../../src/kubectl/difference.ts';
import type { ApprovalRecord } from '../../../src/model/approval.ts';
import type { ActionView } from '../../../src/model/record.ts';
import type { Json } from '../../../src/model/value.ts';
import { askOf } from '../../support/approval-asks.ts';

function record(params: Json, action: Partial<ActionView> = {}): ApprovalRecord {
  const view: ActionView = {
    type: 'refund',
    target: 'order 1',
    params,
    description: '',
    effect: null,
    amountParam: null,
    mappedBy: null,
    ...action,
  };
  return {
    name: 'apr-7zq3k9x2mb',
    ask: { ...askOf(), actions: [view] },
    phase: 'pending',
    decisions: [],
    createdAt: 0,
    expiresAt: 1,
    consumedAt: null,
    voidReason: null,
    uses: 0,
    predecessor: null,
  };
}

function changesOf(before: Json, after: Json): readonly unknown[] {
  return differenceOf(record(before), record(after)).changes.map(({ after: right, before: left, member }) => [
    member,
    left?.value,
    right?.value,
  ]);
}

describe('what differs between two requests', () => {
  it('is nothing for the same request', () => {
    const { changes, same } = differenceOf(record({ a: 1 }), record({ a: 1 }));
    expect(changes).toEqual([]);
    expect(same).toContain('actions and parameters');
    expect(same).toContain('policy');
  });

  it.each([
    ['a value', { amount: 50 }, { amount: 5_000 }, [['/amount', 50, 5_000]]],
    ['a type alone', { amount: 50 }, { amount: '50' }, [['/amount', 50, '50']]],
    ['a member that is new', { a: 1 }, { a: 1, b: null }, [['/b', undefined, null]]],
    ['a member that is gone', { a: 1, b: 2 }, { a: 1 }, [['/b', 2, undefined]]],
    ['an item deep inside', { to: [{ iban: 'DE1' }] }, { to: [{ iban: 'DE2' }] }, [['/to/0/iban', 'DE1', 'DE2']]],
    ['an item more', { to: ['a'] }, { to: ['a', 'b'] }, [['/to/1', undefined, 'b']]],
    ['another shape', { to: ['a'] }, { to: { 0: 'a' } }, [['/to', ['a'], { 0: 'a' }]]],
    ['names with signs of a pointer', { 'a/b~c': 1 }, { 'a/b~c': 2 }, [['/a~1b~0c', 1, 2]]],
    ['names of the language', { ['__proto__']: 1 }, { ['__proto__']: 2 }, [['/__proto__', 1, 2]]],
    ['the whole', 'a', ['a'], [['/', 'a', ['a']]]],
  ] as const)('is %s', (_name, before: Json, after: Json, changes) => {
    const own = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;
    expect(changesOf(own(before), own(after))).toEqual(changes);
  });

  it('tells what belongs to the action from its parameters', () => {
    const before = record({ amount: 1 }, { amountParam: 'amount', effect: 'reversible' });
    const after = record({ amount: 2 }, { amountParam: 'amount', effect: 'irreversible', target: 'order 2' });
    const members = differenceOf(before, after).changes.map(({ member }) => member);
    expect(members).toEqual(['target', 'effect', 'amount', '/amount']);
  });

  it('numbers actions where there are several, and shows one that is new', () => {
    const two = record({ a: 1 });
    const more = {
      ...two,
      ask: { ...two.ask, actions: [...two.ask.actions, ...record({ b: 2 }, { type: 'pay' }).ask.actions] },
    };
    const { changes } = differenceOf(two, more);
    expect(changes.map(({ member }) => member)).toEqual([
      'action 2: type',
      'action 2: target',
      'action 2: effect',
      'action 2: amount',
      'action 2: description',
      'action 2: mapped by',
      'action 2: /',
    ]);
  });

  it('takes what is nested too deeply for different, and ends', () => {
    const nested = (depth: number): Json => JSON.parse(`${'['.repeat(depth)}1${']'.repeat(depth)}`) as Json;
    expect(changesOf(nested(3_000), nested(3_000))).toHaveLength(1);
  });

  it('finds something exactly where two values are not the same JSON', () => {
    assert(
      property(jsonValue(), jsonValue(), (left, right) => {
        const [before, after] = [JSON.parse(JSON.stringify(left)) as Json, JSON.parse(JSON.stringify(right)) as Json];
        expect(changesOf(before, before)).toEqual([]);
        let equal = true;
        try {
          expect(after).toEqual(before);
        } catch {
          equal = false;
        }
        expect(changesOf(before, after).length === 0).toBe(equal);
      }),
    );
  });
});
