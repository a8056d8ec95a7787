import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseRecord } from '../../../src/audit/chain.ts';
import { lifecycle, outcome } from '../audit/bodies.ts';
import { open, recordsIn, temporaryDirectories } from '../audit/temporary.ts';
import { fill, HOSTILE, index, runAudit, type Ran } from './audit-harness.ts';

const directory = temporaryDirectories();

/** The trail in each of the states that a reader can find it in. */
const STATES: [string, (dataDir: string) => Promise<void>][] = [
  ['in the journal alone', fill],
  [
    'all in the database',
    async (dataDir) => {
      await fill(dataDir);
      await index(dataDir);
    },
  ],
  [
    'half in the database',
    async (dataDir) => {
      await fill(dataDir);
      // What is in the database ends between the intent of the refund and its outcome.
      const segment = join(dataDir, 'journal', '00000001.jsonl');
      const whole = readFileSync(segment, 'utf8');
      writeFileSync(segment, `${whole.split('\n').slice(0, 6).join('\n')}\n`);
      const lines = whole.split('\n');
      await index(dataDir);
      writeFileSync(segment, lines.join('\n'));
    },
  ],
];

describe.each(STATES)('a trail that is %s', (_, make) => {
  let cwd = '';
  const run = (...args: string[]): Promise<Ran> => runAudit([...args, '--data-dir', 'data'], { cwd });
  const listed = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await run('list', '--format', 'json', ...args);
    const found: unknown = JSON.parse(stdout);
    if (!Array.isArray(found)) throw new Error('expected a JSON array');
    return found.map((view: { exchangeId: string }) => view.exchangeId);
  };

  beforeEach(async () => {
    cwd = directory();
    await make(join(cwd, 'data'));
  });

  it('is listed one line an exchange', async () => {
    const { stdout, stderr, code } = await run('list');
    expect([stderr, code]).toEqual(['', 0]);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines.filter((line) => !line.endsWith('x-hostile'))).toEqual([
      '2026-01-15T12:00:00.000Z  auto      low       read -> tickets.example  rule reads  200 success 12 ms  x-read',
      '2026-01-15T12:01:00.000Z  approve   high      refund -> tickets.example  rule large-refunds  201 success 12 ms  by alice  x-refund',
      '2026-01-15T12:02:00.000Z  block     critical  delete -> tickets.example  rule no-bulk-delete  policy-block  x-delete',
      '2026-01-15T12:04:00.000Z  auto      low       read -> tickets.example  rule reads  under way  x-under-way',
    ]);
  });

  it.each([
    [['--decision', 'approve'], ['x-refund']],
    [
      ['--risk', 'critical'],
      ['x-delete', 'x-hostile'],
    ],
    [
      ['--rule', 'reads'],
      ['x-read', 'x-under-way'],
    ],
    [['--approver', 'alice'], ['x-refund']],
    [['--approver', 'nobody'], []],
    [['--agent', 'agent-b'], ['x-under-way']],
    [
      ['--action', 're*'],
      ['x-read', 'x-refund', 'x-under-way'],
    ],
    [['--action', 'delete'], ['x-delete']],
    [
      ['--kind', 'outcome'],
      ['x-read', 'x-refund'],
    ],
    [['--exchange', 'x-read'], ['x-read']],
    [
      ['--since', '57m'],
      ['x-hostile', 'x-under-way'],
    ],
    [
      ['--since', '2026-01-15T12:01:00Z', '--until', '2026-01-15 12:02'],
      ['x-refund', 'x-delete'],
    ],
    [['--since', '2026-01-15T13:01:00+01:00', '--risk', 'low'], ['x-under-way']],
    [['--until', '2026-01-14'], []],
    [
      ['--until', '2026-01-15', '--limit', '2'],
      ['x-hostile', 'x-under-way'],
    ],
    [['--limit', '1', '--decision', 'auto'], ['x-under-way']],
  ])('is filtered by %j', async (args, expected) => {
    expect(await listed(...args)).toEqual(expected);
  });

  it('shows an exchange by its id, and by the id of one of its records', async () => {
    const byExchange = await run('show', 'x-refund');
    expect(byExchange.stdout).toContain('"alice"');
    expect(byExchange.stdout.match(/^record \d+ {2}\w+/gm)).toEqual([
      'record 4  approval',
      'record 5  approval',
      'record 6  intent',
      'record 7  outcome',
    ]);
    for (const id of ['r-5', 'r-7']) expect((await run('show', id)).stdout).toBe(byExchange.stdout);
    expect((await run('show', 'r-1')).stdout).toMatch(/^record 1 {2}lifecycle/);
    const { stdout, stderr, code } = await run('show', 'none\u001B[2J');
    expect([stdout, stderr, code]).toEqual(['', expect.stringContaining(String.raw`none\u{001B}[2J`), 1]);
  });

  it("lists the gateway's own life", async () => {
    expect((await run('list', '--kind', 'lifecycle')).stdout).toBe(
      '2026-01-15T12:00:00.000Z  gateway   started  gateway started\n',
    );
  });

  it('exports the lines of the journal byte for byte', async () => {
    const { stdout } = await run('export');
    expect(stdout).toBe(readFileSync(join(cwd, 'data/journal/00000001.jsonl'), 'utf8'));
  });

  it('exports all records of the exchanges that fit', async () => {
    const { stdout } = await run('export', '--decision', 'approve');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => parseRecord(Buffer.from(line)).seq),
    ).toEqual([4, 5, 6, 7]);
    const csv = await run('export', '--decision', 'approve', '--kind', 'outcome', '--format', 'csv');
    expect(csv.stdout.trimEnd().split('\r\n')).toHaveLength(2);
    expect((await run('export', '--limit', '3')).stdout.trimEnd().split('\n')).toHaveLength(3);
  });
});

describe('what an agent wrote', () => {
  it.each(['list', 'tail', 'export --format csv', 'show x-hostile'])(
    'moves, hides and forges nothing in "audit %s"',
    async (command) => {
      const cwd = directory();
      await fill(join(cwd, 'aegis-data'));
      const { stdout } = await runAudit(command.split(' '), { cwd });
      expect(stdout).not.toMatch(/[^\P{C}\r\n]/u);
      expect(stdout.split('\n').filter((line) => line.startsWith('2026-01-15T12:00:00.000Z  auto\\'))).toEqual([]);
      expect(stdout).toContain(String.raw`pay\n2026`);
      expect(stdout).not.toContain(HOSTILE);
    },
  );
});

describe('audit tail', () => {
  it('prints the newest records', async () => {
    const cwd = directory();
    await fill(join(cwd, 'aegis-data'));
    const { stdout } = await runAudit(['tail', '-n', '3'], { cwd });
    expect(stdout.split('\n').map((line) => line.slice(26, 34).trim())).toEqual(['refusal', 'refusal', 'intent', '']);
    const filtered = await runAudit(['tail', '--decision', 'approve'], { cwd });
    expect(filtered.stdout).toBe(
      '2026-01-15T12:01:00.000Z  intent    approve   refund -> tickets.example  rule large-refunds  x-refund\n' +
        '2026-01-15T12:01:00.000Z  outcome   201 success 12 ms  x-refund\n',
    );
  });

  it('follows what is appended, each record once, until it is stopped', async () => {
    const cwd = directory();
    const journal = await open(join(cwd, 'aegis-data', 'journal'));
    await journal.append(lifecycle('before'), 'written');
    const stop = new AbortController();
    let seen = '';
    const appendNext = (text: string): void => {
      seen += text;
      const count = seen.split('\n').length - 1;
      if (count < 4) void journal.append(lifecycle(`record ${count}`), 'written').catch(() => stop.abort());
      else stop.abort();
    };
    const ran = await runAudit(['tail', '-f'], { cwd, signal: stop.signal, onOutput: appendNext });
    expect(ran.stdout.split('\n').map((line) => line.slice(45))).toEqual([
      'before',
      'record 1',
      'record 2',
      'record 3',
      '',
    ]);
    await journal.close();
  });

  it('waits for a journal that is not there yet', async () => {
    const cwd = directory();
    const stop = new AbortController();
    const following = runAudit(['tail', '-f'], { cwd, signal: stop.signal, onOutput: () => stop.abort() });
    const journal = await open(join(cwd, 'aegis-data', 'journal'));
    await journal.append(lifecycle('the first'), 'written');
    expect((await following).stdout).toContain('the first');
    await journal.close();
  });
});

describe('audit verify', () => {
  it('says that the chain is whole, that its end is unproven, and what the next anchor is', async () => {
    const cwd = directory();
    await fill(join(cwd, 'aegis-data'));
    const newest = recordsIn(join(cwd, 'aegis-data', 'journal')).at(-1);
    const { stdout, code } = await runAudit(['verify'], { cwd });
    expect(stdout).toBe(
      [
        'ok: 10 records in 1 segment, the chain is whole',
        `signatures not checked: there is no ${join(cwd, 'aegis-data', 'journal-key.pub.pem')}, and no --public-key; checkpoints found: 0`,
        'end unproven: without an anchor from elsewhere nobody can tell whether records were cut off the end',
        'newest record 2026-01-15T12:04:00.000Z',
        `10:${newest?.hash}`,
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
    const anchored = await runAudit(['verify', '--anchor', `10:${newest?.hash}`], { cwd });
    expect(anchored.stdout).toContain('end proven up to the anchor, record 10, which is the newest');
  });

  it('exits 1 for a broken chain, and fails for an anchor that is none', async () => {
    const cwd = directory();
    expect(await runAudit(['verify'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected a journal in'),
    });
    await fill(join(cwd, 'aegis-data'));
    const segment = join(cwd, 'aegis-data', 'journal', '00000001.jsonl');
    writeFileSync(segment, readFileSync(segment, 'utf8').replace('"status":201', '"status":500'));
    const broken = await runAudit(['verify'], { cwd });
    expect(broken.stdout).toMatch(
      /^00000001\.jsonl:7: the record was edited: .*\nbroken: 1 break in 9 records in 1 segment\nend unproven/,
    );
    expect(broken.code).toBe(1);
    expect(JSON.parse((await runAudit(['verify', '--format', 'json'], { cwd })).stdout)).toMatchObject({
      ok: false,
      breakCount: 1,
    });
    await expect(runAudit(['verify', '--anchor', '12'], { cwd })).rejects.toThrow(
      '--anchor: expected the number of a record',
    );
  });
});

describe('audit commands', () => {
  it('say what is wrong with a time, a choice or a number', async () => {
    const cwd = directory();
    await expect(runAudit(['list', '--since', 'yesterday'], { cwd })).rejects.toThrow(
      '--since: expected a time such as 2026-01-31T12:00:00Z',
    );
    await expect(runAudit(['list', '--until', '2026-02-31T25:00:00Z'], { cwd })).rejects.toThrow(
      '--until: expected a time',
    );
    expect(await runAudit(['list', '--decision', 'maybe'], { cwd })).toMatchObject({ code: 2 });
    expect(await runAudit(['list', '--limit', '0'], { cwd })).toMatchObject({ code: 2 });
  });

  it('say that nothing fits', async () => {
    const cwd = directory();
    await fill(join(cwd, 'aegis-data'));
    expect(await runAudit(['list', '--rule', 'no-such-rule'], { cwd })).toEqual({
      stdout: '',
      stderr: 'nothing in the trail fits\n',
      code: 0,
    });
  });

  it.each(['list', 'tail', 'export', 'show'])('tell a folder without a trail from an empty trail: %s', async (name) => {
    const rest = name === 'show' ? ['x'] : [];
    await expect(runAudit([name, ...rest], { cwd: directory() })).rejects.toThrow(
      /expected a journal in .*aegis-data\/journal, found none; --data-dir/u,
    );
  });

  it('read the journal alone, and say so, when the database is of no use', async () => {
    const cwd = directory();
    const dataDir = join(cwd, 'aegis-data');
    await fill(dataDir);
    writeFileSync(join(dataDir, 'audit.db'), 'this is no database'.repeat(100));
    const garbage = await runAudit(['list'], { cwd });
    expect(garbage.stderr).toContain('note: reading the journal alone');
    expect(garbage.stdout.trimEnd().split('\n')).toHaveLength(5);
    rmSync(join(dataDir, 'audit.db'));
    await index(dataDir);
    rmSync(join(dataDir, 'journal'), { recursive: true });
    const other = await open(join(dataDir, 'journal'));
    await other.append(outcome('x-other'), 'written');
    await other.close();
    const foreign = await runAudit(['list'], { cwd });
    expect(foreign.stderr).toContain('it was made from another journal');
    expect(foreign.stdout).toContain('x-other');
  });

  it('use colour only where the terminal has it', async () => {
    const cwd = directory();
    await fill(join(cwd, 'aegis-data'));
    const coloured = await runAudit(['list', '--exchange', 'x-delete'], { cwd, colour: true });
    expect(coloured.stdout).toContain('\u001B[31mblock\u001B[0m');
  });

  it.each(['', 'list', 'show', 'tail', 'verify', 'export'])('help of "audit %s" has an example', async (command) => {
    const { stdout, code } = await runAudit([...(command === '' ? [] : [command]), '--help'], { cwd: '/' });
    expect(stdout).toContain('Example');
    expect(code).toBe(0);
  });
});
