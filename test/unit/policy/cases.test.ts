import { describe, expect, it } from 'vitest';
import { answerCase, type CaseAnswer } from '../../../src/policy/cases.ts';

const NOON = Date.parse('2026-03-20T12:00:00Z');

function answer(line: unknown, policy: string | null = null): CaseAnswer {
  const text = typeof line === 'string' ? line : JSON.stringify(line);
  return answerCase(text, { policy: policy === null ? null : { file: 'stand-in.yaml', text: policy }, now: NOON });
}

describe('answering case lines', () => {
  it('uses the stand-in policy for a line that has none', () => {
    const line = { id: 'a', action: { type: 'read', target: 't' } };
    expect(answer(line, 'defaults: {approval: auto}')).toEqual({
      id: 'a',
      approval: 'auto',
      risk_level: 'medium',
      rule: '<default>',
    });
    expect(answer(line)).toEqual({ id: 'a', error: 'case', message: expect.stringContaining('carries no policy') });
    expect(answer(line, 'rulez: []')).toMatchObject({ error: 'load', at: 'stand-in.yaml:1:1' });
  });

  it('says why an evaluation failed', () => {
    const policy = 'rules: [{name: r, conditions: {param_gt: {n: 1}}}]';
    expect(answer({ id: 'a', policy, action: { type: 'x', target: '', params: { n: 'x' } } })).toEqual({
      id: 'a',
      approval: 'block',
      risk_level: 'medium',
      rule: 'r',
      reason:
        'rule r could not be evaluated, so it blocks: param_gt on parameter "n": cannot order text and a whole number',
    });
  });

  it('names the file of a merge or a layer in which a mistake stands', () => {
    const action = { type: 'x', target: 'y' };
    expect(answer({ id: 1, files: ['rules: []', 'a: 1'], action })).toMatchObject({ id: '1', at: 'files[1]:1:1' });
    expect(answer({ id: 1, layers: { team: 'a: 1' }, action })).toMatchObject({ at: 'layers.team:1:1' });
  });

  it('reads the instant of a line, as UTC when it names no offset', () => {
    const policy = 'rules: [{name: r, conditions: {time_after: "18:00"}, approval: auto}]';
    const at = (now: string) => answer({ policy, now, action: { type: 'x', target: 'y' } })['rule'];
    expect(at('2026-03-20T18:00:00')).toBe('r');
    expect(at('2026-03-20T18:00:00.000001Z')).toBe('r');
    expect(at('2026-03-20T17:59:59.999999Z')).toBe('<default>');
    expect(at('2026-03-20T18:30:00+01:00')).toBe('<default>');
  });

  it('keeps numbers exact', () => {
    const policy = 'rules: [{name: r, conditions: {param_gt: {n: 9007199254740992}}, approval: auto}]';
    const line = `{"id":"a","policy":${JSON.stringify(policy)},"action":{"type":"x","target":"y","params":{"n":9007199254740993}}}`;
    expect(answer(line)).toMatchObject({ rule: 'r' });
  });

  it.each([
    ['not json', /expected a value/u],
    ['[]', /expected a JSON object/u],
    ['{"id":"a","id":"b"}', /same name twice/u],
    [{ policy: '' }, /action: expected an object/u],
    [{ policy: '', action: { type: 5 } }, /action.type: expected text/u],
    [{ policy: '', action: { type: 'x', params: [] } }, /action.params: expected an object/u],
    [{ policy: 5, action: { type: 'x', target: 'y' } }, /policy: expected the text of a policy/u],
    [{ files: [], action: { type: 'x', target: 'y' } }, /files: expected a list/u],
    [{ policy: '', now: 'noon', action: { type: 'x', target: 'y' } }, /now: expected an instant/u],
    [{ layers: [], action: { type: 'x', target: 'y' } }, /layers: expected an object/u],
    [{ policy: '', actions: {} }, /actions: expected a list/u],
  ])('answers %j, which is no case, and goes on', (line, message) => {
    expect(answer(line)).toMatchObject({ error: 'case', message: expect.stringMatching(message) });
  });
});
