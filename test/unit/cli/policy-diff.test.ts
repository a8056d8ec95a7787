import { describe, expect, it } from 'vitest';
import { folderOf, runPolicy, type Ran } from './policy-harness.ts';

const OLD = `rules:
  - {name: read_auto, match: {type: read}, approval: auto}
  - {name: refund_small, match: {type: refund}, conditions: {param_gt: {amount: 0}, param_lte: {amount: 25}}, approval: auto}
  - {name: refund, match: {type: refund}, risk_level: high}
`;

async function diff(newer: string, ...argv: readonly string[]): Promise<Ran> {
  const cases = `cases: [{name: a lone order, action: {type: order, params: {express: 1}}, expect: {approval: block}}]`;
  await using folder = await folderOf({
    'old.yaml': OLD,
    'new.yaml': newer,
    'p.test.yaml': cases,
    'bad.yaml': 'rules: 5',
  });
  return await runPolicy(folder.path, 'diff', 'old.yaml', 'new.yaml', ...argv);
}

describe('policy diff', () => {
  it('finds nothing between a file and itself', async () => {
    const { code, out } = await diff(OLD, '--fail-on', 'any');
    expect(code).toBe(0);
    expect(out).toMatch(/^the files say the same\n\d+ actions asked: 0 loosened, 0 tightened, 0 of another risk\n$/u);
  });

  it('fails for a bound that was raised by one, and shows an action that passes now', async () => {
    const { code, out } = await diff(
      OLD.replace('param_lte: {amount: 25}', 'param_lte: {amount: 26}'),
      '--fail-on',
      'loosened',
    );
    expect(code).toBe(1);
    expect(out).toContain('~ rule refund_small: conditions.param_lte: amount: 25 -> amount: 26');
    expect(out).toContain(
      'LOOSENED: approve (high) -> auto (medium); before: rule refund says approve (risk high); now: rule refund_small says auto (risk medium)',
    );
    expect(out).toContain('refund on other {"amount":26} at 2026-');
  });

  it('does not fail for a bound that was lowered, and says what was tightened', async () => {
    const { code, out } = await diff(
      OLD.replace('param_lte: {amount: 25}', 'param_lte: {amount: 20}'),
      '--fail-on',
      'loosened',
    );
    expect([code, out.includes('LOOSENED')]).toEqual([0, false]);
    expect(out).toContain('tightened: auto (medium) -> approve (high)');
  });

  it('fails for any change when it is asked to', async () => {
    expect((await diff(OLD.replace('risk_level: high', 'risk_level: critical'))).code).toBe(0);
    const { code, out } = await diff(OLD.replace('risk_level: high', 'risk_level: critical'), '--fail-on', 'any');
    expect([code, out.includes('risk: approve (high) -> approve (critical)')]).toEqual([1, true]);
  });

  it('finds a lower bound that was taken away', async () => {
    const { code } = await diff(OLD.replace('param_gt: {amount: 0}, ', ''), '--fail-on', 'loosened');
    expect(code).toBe(1);
  });

  it('asks the given cases too, whose types no rule names', async () => {
    const newer = `${OLD}  - {name: express, conditions: {param_contains: {tags: x}}, approval: auto}\ndefaults: {approval: approve}\n`;
    const { out } = await diff(newer, '--cases', 'p.test.yaml');
    expect(out).toContain('+ rule express');
    expect(out).toContain('~ defaults.approval: block -> approve');
    expect(out).toContain('case "a lone order": order on  {"express":1}');
  });

  it('prints JSON for machines', async () => {
    const { out } = await diff(
      OLD.replace('approval: auto', 'approval: block'),
      '--format',
      'json',
      '--fail-on',
      'loosened',
    );
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      rules: {
        added: [],
        removed: [],
        changed: [{ rule: 'read_auto', parts: [{ part: 'approval', old: 'auto', new: 'block' }] }],
      },
      decisions: [{ direction: 'tightened', old: { approval: 'auto', rule: 'read_auto' }, new: { approval: 'block' } }],
      truncated: false,
    });
  });

  it('exits with 1 for a file with mistakes, and with 2 for wrong usage', async () => {
    await using folder = await folderOf({ 'old.yaml': OLD, 'bad.yaml': 'rules: 5' });
    const refused = await runPolicy(folder.path, 'diff', 'old.yaml', 'bad.yaml');
    expect([refused.code, refused.out.startsWith('bad.yaml:1:8: rules:')]).toEqual([1, true]);
    expect((await runPolicy(folder.path, 'diff', 'old.yaml')).code).toBe(2);
    expect((await runPolicy(folder.path, 'diff', 'old.yaml', 'none.yaml')).code).toBe(2);
    expect((await runPolicy(folder.path, 'diff', 'old.yaml', 'old.yaml', '--fail-on', 'tightened')).code).toBe(2);
  });
});
