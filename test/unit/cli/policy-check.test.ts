import { describe, expect, it } from 'vitest';
import { folderOf, runPolicy } from './policy-harness.ts';

const GOOD = `defaults: {approval: block}
rules:
  - {name: read_auto, match: {type: 'read*'}, approval: auto}
  - {name: write_approve, match: {type: 'write*'}}
`;
const BAD = `defalts: {approval: block}
rules:
  - {name: a, approval: aprove}
  - {name: a, conditions: {time_after: '25:00', param_gte: {n: 1}}}
`;

describe('policy validate', () => {
  it('counts what it has read when everything is well', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD });
    expect(await runPolicy(folder.path, 'validate', 'p.yaml')).toEqual({
      code: 0,
      out: '1 file, 2 rules, no mistakes\n',
      err: '',
    });
  });

  it('prints all mistakes of all files, each at its place', async () => {
    await using folder = await folderOf({ 'bad.yaml': BAD, 'good.yaml': GOOD, 'worse.yaml': 'rules: [' });
    const { code, out } = await runPolicy(folder.path, 'validate', 'bad.yaml', 'good.yaml', 'worse.yaml');
    expect(code).toBe(1);
    const places = out.split('\n').map((line) => /^[\w.]+:\d+:\d+/u.exec(line)?.[0]);
    expect(places).toEqual([
      'bad.yaml:1:1',
      'bad.yaml:3:25',
      'bad.yaml:4:12',
      'bad.yaml:4:40',
      'worse.yaml:1:9',
      undefined,
      undefined,
    ]);
    expect(out).toContain('unknown key "defalts"; did you mean "defaults"?');
    expect(out).toContain('5 mistakes');
  });

  it('checks test files among the policies as what they are', async () => {
    await using folder = await folderOf({
      'p.yaml': GOOD,
      'p.test.yaml': 'cases: [{name: x, action: {typ: a}, expect: {}}]',
    });
    const { code, out } = await runPolicy(folder.path, 'validate', 'p.yaml', 'p.test.yaml');
    expect(code).toBe(1);
    expect(out).toContain('p.test.yaml:1:28: cases[0].action: unknown key "typ"; did you mean "type"?');
  });

  it('prints JSON for machines', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD, 'bad.yaml': 'rules: 5' });
    const { code, out } = await runPolicy(folder.path, 'validate', '--format', 'json', 'p.yaml', 'bad.yaml');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      files: [
        { file: 'p.yaml', ok: true, rules: 2, mistakes: [] },
        {
          file: 'bad.yaml',
          ok: false,
          rules: null,
          mistakes: [{ file: 'bad.yaml', line: 1, column: 8, path: 'rules' }],
        },
      ],
    });
  });

  it('takes a folder for the YAML files in it', async () => {
    await using folder = await folderOf({ 'b.yaml': GOOD, 'a.yaml': 'rules: 5', 'README.md': '# no policy' });
    const { code, out } = await runPolicy(folder.path, 'validate', '.', '--format', 'json');
    expect([code, JSON.parse(out).files.map(({ file }: { file: string }) => file)]).toEqual([1, ['a.yaml', 'b.yaml']]);
    await using empty = await folderOf({});
    expect((await runPolicy(empty.path, 'validate', '.')).code).toBe(2);
  });

  it('exits with 2 for a file that is not there, and says which', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD });
    const { code, out, err } = await runPolicy(folder.path, 'validate', 'p.yaml', 'none.yaml');
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('none.yaml');
  });

  it('exits with 2 without a file', async () => {
    await using folder = await folderOf({});
    expect((await runPolicy(folder.path, 'validate')).code).toBe(2);
  });
});

describe('policy lint', () => {
  const warned = 'rules: [{name: small, match: {type: pay}, conditions: {param_lte: {amount: 5}}}]\n';
  const noted = 'rules: [{name: b, mode: observe, match: {type: drop}, approval: block}]\n';

  it('is content with a policy that has nothing to report, and passes test files over', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD });
    const { code, out } = await runPolicy(folder.path, 'lint', 'p.yaml', 'p.test.yaml');
    expect([code, out]).toEqual([0, '1 file: 0 warnings, 0 notes\n']);
  });

  it('fails on a warning and shows it', async () => {
    await using folder = await folderOf({ 'w.yaml': warned });
    const { code, out } = await runPolicy(folder.path, 'lint', 'w.yaml');
    expect(code).toBe(1);
    expect(out).toMatch(/^w\.yaml:1:\d+: warning \[negative-amount\] rule small: .*\n1 file: 1 warning, 0 notes\n$/u);
  });

  it('fails on a note only when it is asked to', async () => {
    await using folder = await folderOf({ 'n.yaml': noted });
    expect((await runPolicy(folder.path, 'lint', 'n.yaml')).code).toBe(0);
    const strict = await runPolicy(folder.path, 'lint', '--fail-on', 'note', 'n.yaml');
    expect([strict.code, strict.out.includes('note [observe-only-block]')]).toEqual([1, true]);
  });

  it('reports the mistakes of a file that does not load', async () => {
    await using folder = await folderOf({ 'bad.yaml': 'rules: 5' });
    const { code, out } = await runPolicy(folder.path, 'lint', 'bad.yaml');
    expect(code).toBe(1);
    expect(out).toContain('bad.yaml:1:8: rules:');
    expect(out).toContain('1 file: 1 mistake, 0 warnings, 0 notes');
  });

  it('prints JSON for machines', async () => {
    await using folder = await folderOf({ 'w.yaml': warned });
    const { out } = await runPolicy(folder.path, 'lint', '--format', 'json', 'w.yaml');
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      files: [
        {
          file: 'w.yaml',
          mistakes: [],
          findings: [{ id: 'negative-amount', severity: 'warning', rule: 'small', line: 1 }],
        },
      ],
    });
  });

  it('lists its checks in its help', async () => {
    await using folder = await folderOf({});
    const { code, out } = await runPolicy(folder.path, 'lint', '--help');
    expect(code).toBe(0);
    expect(out).toContain('unreachable-rule');
    expect(out).toContain('missing-param-disables-block');
  });
});

describe('policy test', () => {
  const tests = `now: '2026-03-20T12:00:00Z'
cases:
  - name: reading passes
    action: {type: read_file}
    expect: {approval: auto, risk_level: medium, rule: read_auto}
  - name: writing is blocked
    action: {type: write_file}
    expect: {approval: block, rule: write_approve, reason: rule}
`;

  it('shows what was expected and found, with the sentence of the decision', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD, 'p.test.yaml': tests });
    const { code, out } = await runPolicy(folder.path, 'test', 'p.yaml');
    expect(code).toBe(1);
    expect(out).toBe(`FAIL p.test.yaml:6: writing is blocked
     approval: expected block, found approve
     rule write_approve says approve (risk medium)
p.test.yaml: 2 cases, 1 failed; 2 of 2 rules covered (100 %)
`);
  });

  it('runs a test file once, named by itself or by its policy', async () => {
    await using folder = await folderOf({
      'p.yaml': GOOD,
      'p.test.yaml': tests.replace('approval: block', 'approval: approve'),
    });
    const { code, out } = await runPolicy(folder.path, 'test', 'p.yaml', 'p.test.yaml');
    expect([code, out]).toEqual([0, 'p.test.yaml: 2 cases, 0 failed; 2 of 2 rules covered (100 %)\n']);
  });

  it('fails for too low a coverage, and names what no case reaches', async () => {
    const one = 'cases: [{name: reading passes, action: {type: read}, expect: {approval: auto}}]\n';
    await using folder = await folderOf({ 'p.yaml': GOOD, 'p.test.yaml': one });
    expect((await runPolicy(folder.path, 'test', 'p.yaml')).code).toBe(0);
    const { code, out } = await runPolicy(folder.path, 'test', 'p.yaml', '--min-coverage', '100');
    expect(code).toBe(1);
    expect(out).toBe(`     no case is decided by rule write_approve (p.yaml:4)
p.test.yaml: 1 case, 0 failed; 1 of 2 rules covered (50 %, expected 100 %)
`);
  });

  it('takes the policies that the test file names', async () => {
    const org = 'rules: [{name: no_writes, match: {type: write*}, approval: block}]';
    const named = `policy: [p.yaml]\nbaseline: org.yaml\ncases: [{name: a, action: {type: write}, expect: {rule: no_writes}}]`;
    await using folder = await folderOf({ 'p.yaml': GOOD, 'org.yaml': org, 'both.test.yaml': named });
    expect((await runPolicy(folder.path, 'test', 'both.test.yaml')).code).toBe(0);
  });

  it('reports the mistakes of a test file and of its policy', async () => {
    await using folder = await folderOf({
      'a.yaml': GOOD,
      'a.test.yaml': 'cases: []',
      'b.yaml': 'rules: 5',
      'b.test.yaml': tests,
    });
    const { code, out } = await runPolicy(folder.path, 'test', 'a.yaml', 'b.yaml');
    expect(code).toBe(1);
    expect(out).toContain('a.test.yaml:1:8: cases:');
    expect(out).toContain('b.yaml:1:8: rules:');
  });

  it('exits with 2 when a policy has no tests beside it, or the percentage is none', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD, 'p.test.yaml': tests });
    const { code, err } = await runPolicy(folder.path, 'test', 'other.yaml');
    expect([code, err.includes('other.test.yaml')]).toEqual([2, true]);
    expect((await runPolicy(folder.path, 'test', 'p.yaml', '--min-coverage', '101')).code).toBe(2);
    expect((await runPolicy(folder.path, 'test', 'p.yaml', '--min-coverage', 'all')).code).toBe(2);
  });

  it('prints JSON for machines', async () => {
    await using folder = await folderOf({ 'p.yaml': GOOD, 'p.test.yaml': tests });
    const { out } = await runPolicy(folder.path, 'test', '--format', 'json', 'p.yaml');
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      files: [
        {
          file: 'p.test.yaml',
          ok: false,
          failed: 1,
          cases: [
            { name: 'reading passes', ok: true, rule: 'read_auto' },
            {
              name: 'writing is blocked',
              line: 6,
              ok: false,
              approval: 'approve',
              differences: [{ what: 'approval', expected: 'block', found: 'approve' }],
            },
          ],
          coverage: { percent: 100 },
        },
      ],
    });
  });
});
