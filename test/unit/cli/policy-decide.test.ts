import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { readLines, type Line } from '../../../src/cli/policy-case-lines.ts';
import { folderOf, runPolicy } from './policy-harness.ts';

const READ =
  '{"id":"a","policy":"rules: [{name: r, match: {type: read}, approval: auto}]","action":{"type":"read","target":"db"}}';

describe('policy decide', () => {
  it('answers one line for each line, in order, broken ones as well', async () => {
    const lines = [
      READ,
      '{"id":"b","action":{"type":"write"}}',
      'no json',
      '',
      '{"id":"c","policy":"rules: 5","action":{"type":"x"}}',
      '{"id":"d","policy":"rules: [{name: p, conditions: {param_gt: {n: 1}}}]","action":{"type":"x","params":{"n":"1"}}}',
      '{"id":"e","layers":{"org":"defaults: {approval: approve}","team":"defaults: {approval: block}"},"action":{"type":"x"}}',
      '{"id":"f","policy":"plan_rules: {sequence_patterns: [{name: s, steps: [a, b]}]}","actions":[{"type":"a"},{"type":"b"}]}',
    ];
    await using folder = await folderOf({ 'cases.jsonl': lines.join('\n'), 'p.yaml': 'defaults: {approval: approve}' });
    const { code, out } = await runPolicy(folder.path, 'decide', '--cases', 'cases.jsonl', '--policy', 'p.yaml');
    expect(code).toBe(0);
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { id: 'a', approval: 'auto', risk_level: 'medium', rule: 'r' },
      { id: 'b', approval: 'approve', risk_level: 'medium', rule: '<default>' },
      { id: null, error: 'case' },
      { id: null, error: 'case' },
      { id: 'c', error: 'load', at: expect.stringMatching(/:1:8$/u) },
      { id: 'd', approval: 'block', rule: 'p', reason: expect.stringContaining('param_gt') },
      { id: 'e', approval: 'block', conflicts: 1 },
      { id: 'f', decisions: [{ approval: 'block' }, { approval: 'block' }], violations: [{ rule: 's', actions: 2 }] },
    ]);
    expect(Object.keys(answers[0])).toEqual(['id', 'approval', 'risk_level', 'rule']);
  });

  it('says what is wrong with a line that carries no policy where none was given', async () => {
    await using folder = await folderOf({ 'c.jsonl': '{"id":"b","action":{"type":"write"}}\n' });
    const { code, out } = await runPolicy(folder.path, 'decide', '--cases', 'c.jsonl');
    expect([code, JSON.parse(out)]).toMatchObject([0, { id: 'b', error: 'case' }]);
  });

  it('takes nothing but a line feed for the end of a line', async () => {
    const odd = READ.replace('"target":"db"', '"target":"\u2028\u2029\u0085"');
    await using folder = await folderOf({ 'c.jsonl': `${odd}\r\n${READ}` });
    const { out } = await runPolicy(folder.path, 'decide', '--cases', 'c.jsonl');
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).approval),
    ).toEqual(['auto', 'auto']);
  });

  it('answers a line that is not UTF-8, and goes on', async () => {
    const bytes = Buffer.concat([Buffer.from('{"id":"x\xff"}\n', 'latin1'), Buffer.from(`${READ}\n`)]);
    await using folder = await folderOf({ 'c.jsonl': bytes });
    const { out } = await runPolicy(folder.path, 'decide', '--cases', 'c.jsonl');
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toEqual([
      { id: null, error: 'case', message: 'the line is not UTF-8' },
      { id: 'a', approval: 'auto', risk_level: 'medium', rule: 'r' },
    ]);
  });

  it('exits with 2 for cases or a policy that are not there, and without cases', async () => {
    await using folder = await folderOf({ 'c.jsonl': READ });
    expect((await runPolicy(folder.path, 'decide', '--cases', 'none.jsonl')).code).toBe(2);
    expect((await runPolicy(folder.path, 'decide', '--cases', 'c.jsonl', '--policy', 'none.yaml')).code).toBe(2);
    expect((await runPolicy(folder.path, 'decide')).code).toBe(2);
  });

  it('reads standard input as -, and answers each line before the next has come', async () => {
    const child = spawn(process.execPath, [
      join(import.meta.dirname, '../../../src/main.ts'),
      'policy',
      'decide',
      '--cases',
      '-',
    ]);
    child.stdin.write(`${READ}\n`);
    const [first] = await once(child.stdout.setEncoding('utf8'), 'data');
    expect(JSON.parse(String(first))).toMatchObject({ id: 'a', approval: 'auto' });
    child.stdin.end(READ.replace('"a"', '"z"'));
    const [rest, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect([JSON.parse(rest).id, code]).toEqual(['z', 0]);
  });

  it('answers an empty input with nothing', async () => {
    await using folder = await folderOf({ 'c.jsonl': '' });
    expect(await runPolicy(folder.path, 'decide', '--cases', 'c.jsonl')).toEqual({ code: 0, out: '', err: '' });
  });
});

async function split(chunks: readonly string[], limit?: number): Promise<readonly Line[]> {
  const lines: Line[] = [];
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
  }
  for await (const line of readLines(bytes(), limit)) lines.push(line);
  return lines;
}

describe('lines of a stream', () => {
  it('may be cut anywhere, within a character too', async () => {
    const whole = readFileSync(import.meta.filename).toString('latin1') + 'ä€😀';
    const cuts = Array.from({ length: Math.ceil(whole.length / 7) }, (_, index) =>
      whole.slice(index * 7, index * 7 + 7),
    );
    expect(await split(cuts)).toEqual(await split([whole]));
  });

  it('are refused when they are too long, without those after them', async () => {
    expect(await split(['12345', '6789\nab\n123456', '\ncd'], 5)).toEqual([
      { ok: false, problem: 'the line is longer than 5 bytes' },
      { ok: true, text: 'ab' },
      { ok: false, problem: 'the line is longer than 5 bytes' },
      { ok: true, text: 'cd' },
    ]);
  });

  it('are empty between two line feeds, and not after the last', async () => {
    expect(await split(['\n\na\n'])).toEqual([
      { ok: true, text: '' },
      { ok: true, text: '' },
      { ok: true, text: 'a' },
    ]);
  });
});
