import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { columnsOf } from '../../src/visible/cell.ts';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import { InstalledPlugin } from '../support/kubectl-plugin.ts';

const TIMEOUT = { timeout: 120_000 };
/** What an agent writes where a person will read it. */
const HOSTILE = (
  JSON.parse(readFileSync('test/cases/hostile-strings.json', 'utf8')) as readonly { name: string; text: string }[]
).concat(
  { name: 'a very long text', text: `${'x'.repeat(5_000)} approved` },
  { name: 'rows of a table', text: `1${' '.repeat(120)}\napr-0000000000   Approved   refund   order-1   1   low` },
  { name: 'a row that a narrow terminal would begin', text: `${'y'.repeat(105)}apr-0000000000  1s  14m  low  read` },
  { name: 'the words of the prompt', text: 'x\n\nApprove apr-0000000000? [y/N] y\napr-0000000000 is approved.' },
);
/** Controls, formats, what cannot be seen, line separators. */
const UNSAFE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
const RIGHT_TO_LEFT = /[\u0590-\u08FF]/u;
/** What a terminal is told by the plug-in itself: colours, and the keys of its own table. */
const OWN_SEQUENCES = new RegExp(String.raw`\x1B\[(?:\d+(?:;\d+)*m|[HKJ]|2J|\?25[lh]|\?1049[hl])`, 'gu');
const POLICY = `version: "1"
rules:
  - {name: refunds, match: {type: refund}, risk_level: high, approval: {approvers: 1, wait: 0s}}
`;
const ACTIONS = `version: 1
host: "127.0.0.1"
actions:
  - match: {method: POST, path: /refunds}
    action: {type: refund, target: "{customer}"}
    params: {amount: {argument: amount}, customer: {argument: customer}, note: {argument: note}, number: {argument: number}}
    amount: amount
    description: "for {customer}"
    effect: irreversible
  - match: {method: POST, path: /notes}
    action: {type: refund, target: notes}
    params: {amount: {argument: amount}, customer: {argument: customer}, note: {argument: note}, number: {argument: number}}
    amount: amount
    description: "for {customer}"
`;

describeCluster('what an agent writes', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  let plugin: InstalledPlugin;
  let viewer: string;
  const texts = new Map<string, string>();
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    plugin = await InstalledPlugin.install();
    viewer = bed.cluster.kubeconfig('viewer');
    const gateway = await world.gateway({ policy: POLICY, actions: ACTIONS });
    for (const [number, { text }] of HOSTILE.entries()) {
      // A gateway takes no controls in a target: then the text stands in what else there is.
      for (const path of ['refunds', 'notes']) {
        const answer = await throughProxy(gateway.port, `${world.upstream.origin}/${path}`, {
          body: { amount: text, customer: text, note: { [text]: [text, text] }, number },
        });
        if (answer.json['code'] !== 'approval-pending') continue;
        texts.set(approvalOf(answer), text);
        break;
      }
    }
  }, 120_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await plugin[Symbol.asyncDispose]();
  });

  const names = (): readonly string[] => [...texts.keys()];
  /** Lines without anything that a terminal would obey or that moves others; fails for the first that has. */
  const safeLines = (printed: string): readonly string[] => {
    const lines = printed.replaceAll('\r\n', '\n').replace(/\n$/u, '').split('\n');
    for (const line of lines) {
      expect(line).not.toMatch(UNSAFE);
      expect(line).not.toMatch(RIGHT_TO_LEFT);
    }
    return lines;
  };

  it('is asked about, but for halves of a surrogate pair, which no gateway takes', () => {
    expect(texts.size).toBe(HOSTILE.length - 2);
  });

  it('fakes no row and moves nothing in kubectl get, in any of its tables', TIMEOUT, async () => {
    for (const form of [[], ['-o', 'wide']]) {
      const { stdout } = await plugin.kubectl(viewer, ['get', 'apr', ...form]);
      const rows = safeLines(stdout);
      expect(
        rows
          .slice(1)
          .map((row) => row.split(' ')[0])
          .toSorted(byCode),
      ).toEqual(names().toSorted(byCode));
      for (const row of rows.slice(1)) expect(row).toMatch(/^apr-\S+ +Pending /u);
    }
  });

  it('fakes no line in kubectl describe and in YAML', TIMEOUT, async () => {
    for (const args of [
      ['describe', 'apr'],
      ['get', 'apr', '-o', 'yaml'],
      ['get', 'apr', '-o', 'json'],
    ]) {
      const { stdout } = await plugin.kubectl(viewer, args);
      for (const line of stdout.trimEnd().split('\n')) {
        expect(line.replaceAll('\t', ' ')).not.toMatch(UNSAFE);
        expect(line).not.toMatch(RIGHT_TO_LEFT);
        // Each begins with a member, an item or a bracket, and none with what an agent wrote.
        expect(line).not.toMatch(/^(?:apr-0000000000|Approve |APPROVED)/u);
      }
    }
  });

  it('fakes nothing in Events', TIMEOUT, async () => {
    const [name = ''] = names();
    await plugin.run(bed.cluster.kubeconfig('alice'), [
      'deny',
      name,
      '-y',
      '--reason',
      'odd: \u05d0\u05d1\u05d2 \\ "quoted"',
    ]);
    await until(async () => {
      const { stdout } = await bed.kubectl('admin', 'get', 'events', '-n', 'agents');
      return stdout.includes('ApprovalDenied') || stdout.includes('ApprovalRequested');
    });
    for (const args of [
      ['get', 'events', '-n', 'agents'],
      ['get', 'events', '-n', 'agents', '-o', 'wide'],
    ]) {
      const { stdout } = await bed.kubectl('admin', ...args);
      for (const row of safeLines(stdout).slice(1))
        expect(row).toMatch(/^(?:\S+|<unknown>) +(?:Normal|Warning) +\S+ +\S+\/\S+ /u);
    }
  });

  it(
    'fakes no row and moves nothing in the table of the plug-in, piped and at terminals of any width',
    TIMEOUT,
    async () => {
      const waiting = new Set((await plugin.run(viewer, ['pending', '-o', 'name'])).stdout.match(/apr-\S+/gu));
      expect(waiting.size).toBeGreaterThan(HOSTILE.length - 4);
      for (const form of [[], ['-o', 'wide']]) {
        const rows = safeLines((await plugin.run(viewer, ['pending', ...form])).stdout).slice(1);
        expect(new Set(rows.map((row) => row.split(' ')[0]))).toEqual(waiting);
        for (const row of rows) expect(row).toMatch(/^apr-\S+ +\d+[sm]\S* +\d+m\S* +high +refund /u);
      }
      for (const columns of [80, 120, 200]) {
        await using terminal = plugin.type(viewer, 'exec kubectl aegis pending --once -o wide', columns);
        expect(await terminal.ended()).toBe(0);
        const rows = safeLines(terminal.shown().replaceAll(OWN_SEQUENCES, '')).slice(1);
        expect(rows).toHaveLength(waiting.size);
        for (const row of rows) {
          expect(row).toMatch(/^apr-\S+ /u);
          expect(columnsOf(row)).toBeLessThanOrEqual(columns);
        }
      }
    },
  );

  it('fakes no row in the table that is kept up to date', TIMEOUT, async () => {
    await using terminal = plugin.type(viewer, 'exec kubectl aegis pending', 100);
    await terminal.shows('more lines');
    terminal.type('\u0003');
    expect(await terminal.ended()).toBe(0);
    const [page = ''] = terminal.shown().split('\u001B[J');
    const rows = safeLines(page.replaceAll(OWN_SEQUENCES, '')).filter((row) => row !== '');
    expect(rows.length).toBeLessThanOrEqual(24);
    expect(rows[0]).toMatch(/^NAME /u);
    for (const row of rows.slice(1, -2)) expect(row).toMatch(/^apr-\S+ +/u);
  });

  it('begins no line of a page that people decide by', TIMEOUT, async () => {
    const all = names();
    for (const command of ['show', 'explain']) {
      const { code, stdout } = await plugin.run(viewer, [command, ...all, ...(command === 'show' ? ['--full'] : [])]);
      expect(code).toBe(0);
      for (const line of stdout.split('\n')) {
        expect(line).not.toMatch(UNSAFE);
        // A label, or what is indented below one. Text of a line of its own may run from right to left.
        expect(line).toMatch(/^(?:$| {2}|[A-Z][A-Za-z ]{0,12} |Action \d|Decisions$|Nothing |server, )/u);
      }
    }
    for (const columns of [60, 100]) {
      await using terminal = plugin.type(
        viewer,
        `exec kubectl aegis show ${all.slice(columns === 60 ? 0 : 15, columns === 60 ? 15 : 40).join(' ')}`,
        columns,
      );
      expect(await terminal.ended()).toBe(0);
      for (const line of terminal.shown().replaceAll('\r\n', '\n').split('\n')) {
        expect(line).not.toMatch(UNSAFE);
        expect(line).toMatch(/^(?:$| {2}|[A-Z][A-Za-z ]{0,12} |Action \d|Decisions$)/u);
      }
    }
  });

  it('is shown whole: every text can be read back from what is shown', TIMEOUT, async () => {
    for (const [name, text] of [...texts].slice(0, 12)) {
      const { stdout } = await plugin.run(viewer, ['show', name, '-o', 'json']);
      const { spec } = JSON.parse(stdout) as { spec: { actions: readonly { params: string }[] } };
      expect((JSON.parse(spec.actions[0]?.params ?? '') as { customer: string }).customer).toBe(text);
    }
  });

  it('fakes nothing among what was decided, nor do the reasons of people', TIMEOUT, async () => {
    const alice = bed.cluster.kubeconfig('alice');
    const reasons = [
      'no',
      'x  approved by bob',
      'r'.repeat(900),
      '\u05d0\u05d1\u05d2 123',
      'p\u0430ypal',
      'a \u2010 b',
      '"; let through',
    ];
    const some = names().slice(1, 1 + reasons.length);
    for (const [index, name] of some.entries()) {
      const denied = await plugin.run(alice, ['deny', name, '-y', '--reason', reasons[index] ?? '']);
      expect([denied.code, denied.stderr]).toEqual([0, '']);
    }
    const refused = await plugin.run(alice, ['deny', names()[20] ?? '', '-y', '--reason', 'a\u202Eb\nc']);
    expect(refused.code).toBe(1);
    safeLines(refused.stderr);
    const rows = safeLines((await plugin.run(viewer, ['history'])).stdout).slice(1);
    expect(rows).toHaveLength(some.length + 1);
    for (const row of rows) expect(row).toMatch(/^(?:\S+Z|-) +apr-\S+ +denied +refund /u);
    await using terminal = plugin.type(viewer, 'exec kubectl aegis history', 100);
    expect(await terminal.ended()).toBe(0);
    for (const row of safeLines(terminal.shown().replaceAll(OWN_SEQUENCES, '')).slice(1))
      expect(columnsOf(row)).toBeLessThanOrEqual(100);
    for (const line of (await plugin.run(viewer, ['show', ...some])).stdout.split('\n'))
      expect(line).not.toMatch(UNSAFE);
  });
});

function byCode(left = '', right = ''): number {
  return left < right ? -1 : 1;
}
