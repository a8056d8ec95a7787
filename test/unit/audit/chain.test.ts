import { describeWith } from '../../support/counterparts.ts';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bodyText, CHAIN_START, linkProblem, parseRecord, readLine, seal } from '../../../src/audit/chain.ts';
import { intent, lifecycle, outcome } from './bodies.ts';
import { open, temporaryDirectories } from './temporary.ts';

const stamp = { id: 'r-1', time: '2026-01-15T12:00:00.000Z' };
const directory = temporaryDirectories();

describe('the line of a record', () => {
  it('has its members in one order, and a hash over all before it', () => {
    const body = lifecycle('hello');
    const { line, record } = seal(body, bodyText(body), stamp, CHAIN_START);
    const front = `{"v":1,"seq":1,"id":"r-1","time":"2026-01-15T12:00:00.000Z","prev":"${'0'.repeat(64)}","kind":"lifecycle","event":"started","detail":"hello","data":{}`;
    const hash = createHash('sha256').update(`${front}}`).digest('hex');
    expect(line).toBe(`${front},"hash":"${hash}"}\n`);
    expect(record).toEqual({ v: 1, seq: 1, ...stamp, prev: CHAIN_START.hash, ...body, hash });
  });

  it('says the exchange right behind the kind, wherever the body has it', () => {
    const { exchangeId, kind, ...rest } = intent('x-1');
    const { line } = seal({ ...rest, exchangeId, kind }, bodyText({ ...rest, exchangeId, kind }), stamp, CHAIN_START);
    const reading = readLine(Buffer.from(line.trimEnd()));
    expect(reading).toMatchObject({ kind: 'intact', head: { seq: 1, id: 'r-1', kind: 'intent', exchangeId: 'x-1' } });
  });

  it('reads back as the record that was sealed', () => {
    const body = intent('x-1', { agentId: 'a "quoted" \u2028 \u0000 \ud800 \u{1F600} agent' });
    const { line, record } = seal(body, bodyText(body), stamp, CHAIN_START);
    expect(line.slice(0, -1)).not.toContain('\n');
    expect(parseRecord(Buffer.from(line.trimEnd()))).toEqual(record);
  });

  it.each(['\u007F', '\u0085', '\u009B', '\u00E9', '\u0430', '\u200B', '\u202E', '\u2028', '\u{E0041}'])(
    'is printable ASCII, so that a terminal obeys nothing in it: %j',
    (character) => {
      const body = intent('x-1', { agentId: `a${character}b` });
      const { line, record } = seal(body, bodyText(body), stamp, CHAIN_START);
      expect(line).toMatch(/^[ -~]+\n$/);
      expect(parseRecord(Buffer.from(line.trimEnd()))).toEqual(record);
    },
  );

  it('refuses an id that would need escapes', () => {
    const body = lifecycle('');
    expect(() => seal(body, bodyText(body), { ...stamp, id: 'a"b' }, CHAIN_START)).toThrow(RangeError);
  });

  it.each([
    ['', 'malformed'],
    ['{}', 'malformed'],
    [`{"v":2,${'x'.repeat(200)}`, 'malformed'],
    [
      `{"v":1,"seq":1,"id":"r","time":"2026-01-15T12:00:00.000Z","prev":"${'0'.repeat(64)}","kind":"lifecycle"}`,
      'malformed',
    ],
  ])('reads %j as %s', (line, kind) => {
    expect(readLine(Buffer.from(line)).kind).toBe(kind);
  });

  it('tells an edited byte', () => {
    const body = outcome('x-1', 200);
    const { line } = seal(body, bodyText(body), stamp, CHAIN_START);
    expect(readLine(Buffer.from(line.trimEnd().replace('"status":200', '"status":500')))).toMatchObject({
      kind: 'altered',
      seq: 1,
    });
  });
});

describe('the place of a record in the chain', () => {
  const head = { seq: 7, hash: CHAIN_START.hash };
  const other = createHash('sha256').digest('hex');
  const line = { id: 'r', time: '', kind: 'outcome', exchangeId: null, prev: CHAIN_START.hash, hash: CHAIN_START.hash };

  it.each([
    [{ ...line, seq: 8 }, null],
    [{ ...line, seq: 7 }, 'record 7 stands here a second time'],
    [{ ...line, seq: 5 }, 'expected record 8, found record 5 again or out of order'],
    [{ ...line, seq: 9 }, 'record 8 is missing: expected record 8, found 9'],
    [{ ...line, seq: 11 }, 'records 8 to 10 are missing: expected record 8, found 11'],
  ])('after record 7, %o: %s', (found, problem) => {
    expect(linkProblem(head, found)).toBe(problem);
  });

  it('is told by prev as well', () => {
    const reading = readLine(
      Buffer.from(seal(outcome('x'), bodyText(outcome('x')), stamp, { seq: 7, hash: CHAIN_START.hash }).line.trimEnd()),
    );
    if (reading.kind !== 'intact') throw new Error('expected an intact line');
    expect(linkProblem({ seq: 7, hash: reading.head.hash }, reading.head)).toContain('follows another record');
    expect(other).toHaveLength(64);
  });
});

/** The check of docs/audit.md, cut out of the page. */
function pythonCheck(): string {
  const page = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');
  const found = /```python\n([\s\S]*?)```/.exec(page)?.[1];
  if (found === undefined) throw new Error('docs/audit.md: expected a block of Python');
  return found;
}

describeWith(['python3'], 'the check in Python that docs/audit.md prints', () => {
  it('accepts a journal and refuses an edited one', async () => {
    const dir = directory();
    const journal = await open(join(dir, 'journal'));
    for (let index = 0; index < 5; index += 1)
      await journal.append(intent(`x-${index}`, { agentId: 'Ünïcode \u202E' }), 'written');
    await journal.close();
    const script = join(dir, 'verify.py');
    writeFileSync(script, pythonCheck());
    expect(execFileSync('python3', [script, join(dir, 'journal')], { encoding: 'utf8' })).toContain('5 records');
    const segment = join(dir, 'journal', '00000001.jsonl');
    writeFileSync(segment, readFileSync(segment, 'utf8').replace('"amount":12', '"amount":13'));
    const refused = spawnSync('python3', [script, join(dir, 'journal')], { encoding: 'utf8' });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('00000001.jsonl:1');
  });
});
