import { describe, expect, it } from 'vitest';
import { folderOf, runPolicy } from './policy-harness.ts';

const POLICY = `timezone: UTC
rules:
  - {name: read_auto, match: {type: 'read*'}, approval: auto}
  - {name: odd_block, match: {type: refund, target: 'test*'}, approval: block}
  - {name: watch, mode: observe, match: {type: refund}, approval: block}
  - {name: night_block, match: {type: refund}, conditions: {time_after: '20:00', time_before: '06:00'}, approval: block}
  - {name: small_auto, match: {type: refund}, conditions: {param_gt: {amount: 0}, param_lte: {amount: 25}}, approval: auto}
  - {name: refund_approve, match: {type: refund}, risk_level: high}
`;

async function explain(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  await using folder = await folderOf({
    'p.yaml': POLICY,
    'bad.yaml': 'rules: 5',
    'base.yaml': 'rules: [{name: base_block, match: {type: refund}, approval: block}]',
    'a.json': '{"type":"refund","target":"order/7","params":{"amount":25.01},"agent_id":"a\\u001b[31m"}',
    'none.json': '{"type": 5}',
    'broken.json': '{"type": "a", "type": "b"}',
  });
  return await runPolicy(folder.path, 'explain', ...argv);
}

describe('policy explain', () => {
  it('says what decided and what each rule for the type looked at', async () => {
    const argv = ['--policy', 'p.yaml', '--type', 'refund', '--target', 'order/7', '--param', 'amount=30'];
    const { code, out } = await explain(...argv, '--now', '2026-03-20T12:00:00Z');
    expect(code).toBe(0);
    expect(out).toBe(`approve, risk high: rule refund_approve says approve (risk high)
     "refund" on "order/7" {"amount":30} at 2026-03-20T12:00:00.000Z

no match  odd_block (p.yaml:4)
          target "order/7" is not matched by test*
observes  watch (p.yaml:5)
no match  night_block (p.yaml:6)
          false: time_window: expected from 20:00, or before 06:00, found 12:00 (UTC)
no match  small_auto (p.yaml:7)
          true: param_gt amount: expected 0, found 30
          false: param_lte amount: expected 25, found 30
DECIDES   refund_approve (p.yaml:8)
1 rules are for other types; 0 stand after the decision and were not asked
`);
  });

  it('reads a number as a number and quoted JSON as text, which blocks', async () => {
    const argv = ['--policy', 'p.yaml', '--type', 'refund', '--param'];
    expect((await explain(...argv, 'amount=5')).out).toContain('auto, risk medium: rule small_auto');
    const text = await explain(...argv, 'amount="5"');
    expect(text.out).toContain('block, risk medium: rule small_auto could not be evaluated, so it blocks');
    expect(text.out).toContain('error: param_gt amount: expected 0, found "5" (cannot order text and a whole number)');
  });

  it('is asked at the time of the call when no time is given', async () => {
    expect((await explain('--policy', 'p.yaml', '--type', 'refund')).out).toContain('at 2026-03-20T12:00:00.000Z');
  });

  it('shows the rules that were not asked with --all', async () => {
    const { out } = await explain('--policy', 'p.yaml', '--type', 'read', '--all');
    expect(out).toContain('not reached  refund_approve (p.yaml:8)');
  });

  it('takes the action from a file, with exact numbers and without what a terminal obeys', async () => {
    const { code, out } = await explain('--policy', 'p.yaml', '--action', 'a.json');
    expect(code).toBe(0);
    expect(out).toContain('{"amount":25.01}');
    expect(out).not.toContain('\u001b');
  });

  it('asks the baseline first', async () => {
    const { out } = await explain(
      '--policy',
      'p.yaml',
      '--baseline',
      'base.yaml',
      '--type',
      'refund',
      '--param',
      'amount=5',
    );
    expect(out).toContain('DECIDES   base_block (base.yaml:1)');
  });

  it('prints JSON for machines', async () => {
    const { out } = await explain('--policy', 'p.yaml', '--type', 'refund', '--param', 'amount=5', '--format', 'json');
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      approval: 'auto',
      rule: 'small_auto',
      observed: [{ rule: 'watch', approval: 'block' }],
      rules: [
        { rule: 'read_auto', outcome: 'no-match', glob: { key: 'type' } },
        { rule: 'odd_block', outcome: 'no-match' },
        { rule: 'watch', outcome: 'observes' },
        { rule: 'night_block', outcome: 'no-match' },
        { rule: 'small_auto', outcome: 'decides' },
        { rule: 'refund_approve', outcome: 'not-reached' },
      ],
    });
  });

  it.each([
    ['no action', ['--policy', 'p.yaml'], 'expected --type'],
    ['an action twice', ['--policy', 'p.yaml', '--type', 'a', '--action', 'a.json'], 'not both'],
    ['a parameter without a value', ['--policy', 'p.yaml', '--type', 'a', '--param', 'x'], 'NAME=VALUE'],
    ['a parameter twice', ['--policy', 'p.yaml', '--type', 'a', '--param', 'x=1', '--param', 'x=2'], 'given twice'],
    [
      'a time without a zone',
      ['--policy', 'p.yaml', '--type', 'a', '--now', '2026-03-20'],
      'expected a time with its zone',
    ],
    ['no policy', ['--type', 'a'], '--policy'],
    ['a policy that is not there', ['--policy', 'none.yaml', '--type', 'a'], 'none.yaml'],
    ['an action that is none', ['--policy', 'p.yaml', '--action', 'none.json'], 'none.json.type: expected text'],
    [
      'an action with a key twice',
      ['--policy', 'p.yaml', '--action', 'broken.json'],
      'broken.json: expected a JSON object',
    ],
  ])('exits with 2 for %s', async (_, argv, message) => {
    const { code, out, err } = await explain(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });

  it('exits with 1 for a policy with mistakes', async () => {
    const { code, out } = await explain('--policy', 'bad.yaml', '--type', 'a');
    expect([code, out.startsWith('bad.yaml:1:8: rules:')]).toEqual([1, true]);
  });
});
