import { describe, expect, it } from 'vitest';
import { HISTORY_LIMITS, MemoryHistory } from '../../../src/audit/history.ts';
import { FaultError } from '../../../src/model/fault.ts';
import type { SessionStep } from '../../../src/model/ports.ts';
import { NOON } from './bodies.ts';

const HOUR = 3_600_000;

function step(type: string, at = NOON): SessionStep {
  return { at, type, riskLevel: 'low' };
}

describe('the history of a session', () => {
  it('gives the steps of one agent since a time, oldest first', () => {
    const history = new MemoryHistory();
    history.add('a', 'x-1', [step('read', NOON), step('export', NOON)]);
    history.add('b', 'x-2', [step('other', NOON + 1)]);
    history.add('a', 'x-3', [step('send', NOON + 2)]);
    expect(history.recent('a', NOON).map(({ type }) => type)).toEqual(['read', 'export', 'send']);
    expect(history.recent('a', NOON + 1).map(({ type }) => type)).toEqual(['send']);
    expect(history.recent('nobody', NOON)).toEqual([]);
  });

  it('takes the steps of one exchange back', () => {
    const history = new MemoryHistory();
    history.add('a', 'x-1', [step('read')]);
    history.add('a', 'x-2', [step('export')]);
    history.remove('a', 'x-1');
    history.remove('b', 'x-2');
    expect(history.recent('a', NOON).map(({ type }) => type)).toEqual(['export']);
  });

  it('forgets what is older than the longest session, and says so rather than answer for longer', () => {
    const history = new MemoryHistory({ ...HISTORY_LIMITS, windowMs: HOUR });
    history.add('a', 'x-1', [step('old', NOON)]);
    history.add('a', 'x-2', [step('new', NOON + 2 * HOUR)]);
    expect(history.recent('a', NOON + HOUR).map(({ type }) => type)).toEqual(['new']);
    expect(() => history.recent('a', NOON)).toThrow(FaultError);
  });

  it('keeps an early step in a summary when a flood of others follows', () => {
    const history = new MemoryHistory({ ...HISTORY_LIMITS, stepsPerAgent: 100 });
    history.add('a', 'early', [{ at: NOON, type: 'read-secret', riskLevel: 'high' }]);
    for (let index = 0; index < 1_000; index += 1) history.add('a', `x-${index}`, [step('read', NOON + index)]);
    const steps = history.recent('a', NOON);
    expect(steps.length).toBeGreaterThanOrEqual(100);
    expect(steps.length).toBeLessThan(150);
    // Every order of what is summarized is in it: both of these are subsequences.
    const types = steps.map(({ type }) => type);
    expect(types.indexOf('read-secret')).toBeLessThan(types.lastIndexOf('read'));
    expect(types.indexOf('read')).toBeLessThan(types.lastIndexOf('read-secret'));
    expect(history.recent('a', NOON + 950).map(({ type }) => type)).not.toContain('read-secret');
  });

  it('fails closed when even the kinds of steps are too many', () => {
    const history = new MemoryHistory({ ...HISTORY_LIMITS, stepsPerAgent: 10, summaryTypes: 5 });
    for (let index = 0; index < 100; index += 1) history.add('a', `x-${index}`, [step(`type-${index}`, NOON + index)]);
    expect(() => history.recent('a', NOON)).toThrow('policy-block');
    expect(history.recent('a', NOON + 99).map(({ type }) => type)).toEqual(['type-99']);
  });

  it('fails closed when there were too many agents, for those that were forgotten and for new ones', () => {
    const history = new MemoryHistory({ ...HISTORY_LIMITS, agents: 2 });
    for (const [index, agent] of ['a', 'b', 'a', 'c'].entries())
      history.add(agent, `x-${index}`, [step('read', NOON + index)]);
    expect(() => history.recent('b', NOON)).toThrow(FaultError);
    expect(() => history.recent('new', NOON + 1)).toThrow(FaultError);
    expect(history.recent('b', NOON + 2)).toEqual([]);
    expect(history.recent('a', NOON)).toHaveLength(2);
  });
});

describe('the history of a session when the clock is set back', () => {
  it('still gives every step since a time', () => {
    const history = new MemoryHistory();
    for (const [index, at] of [NOON + 5, NOON, NOON + 9].entries())
      history.add('a', `x-${index}`, [step(`at-${at - NOON}`, at)]);
    expect(history.recent('a', NOON + 3).map(({ type }) => type)).toEqual(['at-5', 'at-9']);
    history.remove('a', 'x-0');
    expect(history.recent('a', NOON).map(({ type }) => type)).toEqual(['at-0', 'at-9']);
  });
});
