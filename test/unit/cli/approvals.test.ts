import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startControl, type ControlServer } from '../../../src/admin/control-socket.ts';
import { createDecider } from '../../../src/approval/decider.ts';
import { registerApprovals } from '../../../src/cli/approvals.ts';
import type { Ask } from '../../../src/cli/approvals-decide.ts';
import { GatewayUnreachableError } from '../../../src/cli/control-client.ts';
import type { CommandIo } from '../../../src/cli/io.ts';
import type { ApprovalAsk, ApprovalRecord } from '../../../src/model/approval.ts';
import { columnsOf } from '../../../src/visible/cell.ts';
import {
  askOf,
  GRANT_MS,
  MINUTE_MS,
  sha256,
  temporaryStore,
  TTL_MS,
  type TemporaryStore,
} from '../../support/approval-asks.ts';

const HOSTILE = JSON.parse(
  readFileSync(new URL('../../cases/hostile-strings.json', import.meta.url), 'utf8'),
) as readonly {
  readonly name: string;
  readonly text: string;
}[];
const UNSAFE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

let temporary: TemporaryStore;
let folder: string;
let control: ControlServer;

beforeEach(async () => {
  temporary = temporaryStore();
  folder = mkdtempSync(join(tmpdir(), 'aegis-cli-'));
  const { clock, store } = temporary;
  control = await startControl(join(folder, 'control.sock'), {
    approvals: store,
    decide: createDecider(store, clock, async () => {}),
  });
});
afterEach(async () => {
  await control[Symbol.asyncDispose]();
  temporary[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly out: string;
  readonly err: string;
  readonly exit: number;
}

interface World {
  readonly columns?: number;
  readonly ask?: Ask;
  readonly signal?: AbortSignal;
  readonly onOutput?: (text: string) => void;
  readonly env?: CommandIo['env'];
}

async function run(args: readonly string[], world: World = {}): Promise<Run> {
  let out = '';
  let err = '';
  let exit = 0;
  const io: CommandIo = {
    stdout: (text) => {
      out += text;
      world.onOutput?.(text);
    },
    stderr: (text) => (err += text),
    colour: false,
    columns: world.columns ?? null,
    env: world.env ?? {},
    cwd: folder,
    clock: temporary.clock,
    signal: world.signal ?? new AbortController().signal,
    exit: (code) => (exit = Math.max(exit, code)),
  };
  const program = new Command('aegis-gateway')
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  registerApprovals(program, io, world.ask ?? null);
  for (const group of program.commands) {
    for (const command of [group, ...group.commands]) command.copyInheritedSettings(program);
  }
  await program.parseAsync(['approvals', ...args], { from: 'user' });
  return { out, err, exit };
}

const never: Ask = async () => {
  throw new Error('not asked');
};

const stopGateway = (): void => void control[Symbol.asyncDispose]();

const here = ['--data-dir', '.'];

async function open(ask: ApprovalAsk = askOf()): Promise<ApprovalRecord> {
  const now = temporary.clock.now();
  return await temporary.store.open(ask, { now, expiresAt: now + TTL_MS, grantMs: GRANT_MS });
}

function askWith(text: string): ApprovalAsk {
  const [action] = askOf().actions;
  if (action === undefined) throw new Error('the fixture has an action');
  return askOf({
    binding: { bodyDigest: sha256(text) },
    rest: {
      agentId: text,
      rule: text,
      why: text,
      actions: [{ ...action, type: text, target: text, description: text, params: { amount: text, [text]: [text] } }],
      request: { ...askOf().request, method: text, url: text, route: text },
    },
  });
}

describe('approvals list', () => {
  it('shows what waits for a decision, one line each', async () => {
    const { name } = await open();
    temporary.clock.forward(3 * MINUTE_MS);
    expect((await run(['list', ...here])).out).toBe(
      [
        'NAME            AGE  EXPIRES  AGENT  ACTION  TARGET    AMOUNT  RISK  RULE',
        `${name}  3m   12m      shop   refund  payments  50      high  refunds`,
        '',
      ].join('\n'),
    );
  });

  it('shows the phase where not all are pending, and how many actions where one has several', async () => {
    const [action] = askOf().actions;
    const { name } = await open(askOf({ rest: { actions: action === undefined ? [] : [action, action] } }));
    await run(['deny', name, '--reason', 'no', ...here]);
    const { out } = await run(['list', '--all', ...here]);
    expect(out).toContain(
      'NAME            PHASE   AGE  EXPIRES  AGENT  ACTIONS  ACTION  TARGET    AMOUNT     RISK  RULE\n',
    );
    expect(out).toContain(
      `${name}  denied  0s   -        shop   2        refund  payments  2 amounts  high  refunds\n`,
    );
    expect((await run(['list', ...here])).err).toBe('there are no approvals that are pending\n');
    expect((await run(['list', '--phase', 'denied,void', ...here])).out).toContain(name);
  });

  it('is empty without a word on standard output when nothing waits', async () => {
    expect(await run(['list', ...here])).toEqual({
      out: '',
      err: 'there are no approvals that are pending\n',
      exit: 0,
    });
  });

  it.each([60, 80, 100, 140])('fits a terminal of %i columns', async (columns) => {
    for (const text of ['x'.repeat(300), '日本語'.repeat(50), 'short']) await open(askWith(text));
    const { out } = await run(['list', ...here], { columns });
    for (const line of out.trimEnd().split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
    expect(out.trimEnd().split('\n')).toHaveLength(4);
  });

  it.each(HOSTILE)('shows one line and nothing unsafe: $name', async ({ text }) => {
    await open(askWith(text));
    for (const columns of [80, undefined]) {
      const { out } = await run(['list', ...here], columns === undefined ? {} : { columns });
      const lines = out.split('\n');
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(line).not.toMatch(UNSAFE);
      expect(out).not.toMatch(/[\u0590-\u08FF]/u);
    }
  });
});

describe('approvals show', () => {
  it('shows everything that is needed to decide', async () => {
    const first = await open();
    await temporary.store.annul(first.name, 'policy-changed', temporary.clock.now());
    const { name, ask } = await open(askOf({ terms: { approvers: 2 } }));
    temporary.clock.forward(65_000);
    await temporary.store.decide(name, {
      approver: 'anna',
      verdict: 'approved',
      reason: 'fine',
      at: temporary.clock.now(),
    });
    expect((await run(['show', name, ...here])).out).toBe(
      [
        `Approval      ${name}`,
        'Phase         pending (1 of 2 approvals)',
        'Agent         shop',
        'Asked         2026-11-24T08:00:00Z, 1m5s ago',
        'Expires       2026-11-24T08:15:00Z, in 13m55s',
        `Before this   the same request was void at 2026-11-24T08:00:00Z as ${first.name}: policy-changed`,
        'Rule          refunds',
        'Why           rule refunds says approve (risk high)',
        'Risk          high',
        'Covers        this request, once',
        'Request       POST https://pay.example/refunds',
        'Came by       forward-proxy',
        `Body          13 bytes, sha256:${ask.request.bodyDigest ?? ''}`,
        `Fingerprint   ${ask.fingerprint}`,
        '',
        'Action 1 of 1',
        '  Type        refund',
        '  Target      payments',
        '  Amount      50',
        '  Effect      irreversible',
        '  Description refund an order',
        '  Mapped by   actions.yaml:3',
        '  Parameters',
        '    { "amount": 50, "order": "A-17" }',
        '',
        'Decisions',
        '  2026-11-24T08:01:05Z  anna approved: fine',
        '',
      ].join('\n'),
    );
  });

  it.each(HOSTILE)('shows nothing unsafe, and lets no text begin a line: $name', async ({ text }) => {
    const { name } = await open(askWith(text));
    const { out } = await run(['show', name, ...here], { columns: 60 });
    for (const line of out.trimEnd().split('\n')) {
      expect(line).not.toMatch(UNSAFE);
      expect(columnsOf(line)).toBeLessThanOrEqual(60);
      expect(line).toMatch(/^(?: {2}|$|[A-Z])/u);
    }
  });

  it('marks where a long text was cut, and shows all of it when asked', async () => {
    const { name } = await open(askWith('x'.repeat(20_000)));
    expect((await run(['show', name, ...here])).out).toContain('… (+3616 more chars, sha256:');
    expect((await run(['show', name, '--full', ...here])).out).not.toContain('…');
  });

  it('exits 1 for a name that is unknown', async () => {
    const { err, exit } = await run(['show', 'apr-\u202e', ...here]);
    expect(exit).toBe(1);
    expect(err).toContain('There is no approval of this name');
    expect(err).not.toMatch(/\u202e/u);
  });
});

describe('forms for programs', () => {
  it.each(HOSTILE)('say the same in JSON and YAML, in ASCII alone: $name', async ({ text }) => {
    const approval = await open(askWith(text));
    const json = (await run(['show', approval.name, '-o', 'json', ...here])).out;
    const yaml = (await run(['show', approval.name, '-o', 'yaml', ...here])).out;
    for (const out of [json, yaml]) expect(out).toMatch(/^[\x20-\x7e\n]*$/u);
    expect(JSON.parse(json)).toEqual(approval);
    expect(parse(yaml)).toEqual(approval);
  });

  it('are names alone for scripts', async () => {
    const { name } = await open();
    expect((await run(['list', '-o', 'name', ...here])).out).toBe(`${name}\n`);
    expect((await run(['approve', name, '-o', 'name', ...here])).out).toBe(`${name}\n`);
    expect((await run(['list', '-o', 'json', ...here])).out).toBe('[]\n');
    expect((await run(['list', '-o', 'yaml', ...here])).out).toBe('[]\n');
  });
});

describe('approvals approve and deny', () => {
  it('decide, as the user of the system', async () => {
    const one = await open(askOf({ terms: { scope: 'action' } }));
    const two = await open(askOf({ binding: { bodyDigest: sha256('2') }, terms: { approvers: 2 } }));
    expect((await run(['approve', one.name, two.name, '--reason', 'ticket 7', ...here])).out).toBe(
      `${one.name} is approved. It covers this request and every request with the same actions to the same server, until the grant ends.\n` +
        `${two.name} has 1 of 2 approvals and waits for more.\n`,
    );
    expect((await temporary.store.get(one.name))?.decisions).toEqual([
      { approver: userInfo().username, verdict: 'approved', reason: 'ticket 7', at: temporary.clock.now() },
    ]);
    const three = await open(askOf({ binding: { bodyDigest: sha256('3') } }));
    expect((await run(['deny', three.name, '--reason', 'no', ...here])).out).toBe(`${three.name} is denied.\n`);
  });

  it('show it and ask first at a terminal', async () => {
    const { name } = await open();
    const questions: string[] = [];
    const answering =
      (answer: string): Ask =>
      async (question) => {
        questions.push(question);
        return answer;
      };
    const refused = await run(['approve', name, ...here], { ask: answering(''), columns: 80 });
    expect(refused).toMatchObject({ exit: 1, err: `${name}: nothing was decided\n` });
    expect(refused.out).toContain('Parameters');
    expect((await temporary.store.get(name))?.phase).toBe('pending');
    expect((await run(['approve', name, ...here], { ask: answering('yes'), columns: 80 })).exit).toBe(0);
    expect(questions).toEqual([`\nApprove ${name}? [y/N] `, `\nApprove ${name}? [y/N] `]);
    const other = await open(askOf({ binding: { bodyDigest: sha256('2') } }));
    expect(
      (await run(['deny', other.name, '--reason', 'no', '--yes', ...here], { ask: never, columns: 80 })).exit,
    ).toBe(0);
  });

  it('decide the others when one cannot be decided, and exit 1', async () => {
    const { name } = await open();
    const { err, exit, out } = await run(['approve', 'apr-0000000000', name, ...here]);
    expect(err).toContain('apr-0000000000: There is no approval of this name');
    expect(out).toContain(`${name} is approved`);
    expect(exit).toBe(1);
    const again = await run(['approve', name, ...here]);
    expect(again).toMatchObject({
      exit: 1,
      err: `${name}: The approval is not pending any more: ${name} is approved\n`,
    });
  });

  it.each([
    ['a denial without reason', ['deny', 'apr-0000000000']],
    ['an empty reason', ['deny', 'apr-0000000000', '--reason', ' ']],
    ['no name', ['approve']],
    ['an unknown form', ['list', '-o', 'xml']],
    ['an unknown phase', ['list', '--phase', 'waiting']],
    ['a limit out of bounds', ['list', '--limit', '0']],
  ])('refuse %s', async (_what, args) => {
    await expect(run([...args, ...here])).rejects.toMatchObject({ name: 'CommanderError' });
  });
});

describe('approvals watch', () => {
  it('prints what is live and what changes, until it is stopped', async () => {
    const { name } = await open(askWith('x\x1b[2Ky'));
    const stop = new AbortController();
    let lines = 0;
    const onOutput = (): void => {
      lines += 1;
      if (lines === 1) void run(['deny', name, '--reason', 'no', ...here]);
      if (lines === 2) stop.abort();
    };
    const { exit, out } = await run(['watch', ...here], { signal: stop.signal, onOutput });
    expect(out.split('\n').map((line) => line.split(/ {2,}/u).slice(1, 4))).toEqual([
      [name, 'pending', 'high'],
      [name, 'denied', 'high'],
      [],
    ]);
    expect(out).toContain(String.raw`x\u{001B}[2Ky`);
    expect(exit).toBe(0);
  });

  it('says so and exits 2 when the gateway stops', async () => {
    const { name } = await open();
    const { err, exit, out } = await run(['watch', '-o', 'name', ...here], { onOutput: stopGateway });
    expect({ out, exit }).toEqual({ out: `${name}\n`, exit: 2 });
    expect(err).toContain('the gateway has ended the watch');
  });
});

describe('without a gateway', () => {
  it('every command says that none is running, and where it looked', async () => {
    for (const args of [['list'], ['show', 'x'], ['approve', 'x'], ['watch']]) {
      const failing = run([...args, '--socket', 'missing.sock']);
      await expect(failing).rejects.toThrow(GatewayUnreachableError);
      await expect(failing).rejects.toThrow(`there is no control socket at ${join(folder, 'missing.sock')}`);
    }
  });

  it('the data folder may come from the environment', async () => {
    await expect(run(['list'], { env: { AEGIS_DATA_DIR: 'elsewhere' } })).rejects.toThrow(
      join(folder, 'elsewhere', 'control.sock'),
    );
    await expect(run(['list'])).rejects.toThrow(join(folder, 'aegis-data', 'control.sock'));
  });

  it('a socket that something else listens on is told apart', async () => {
    const path = join(folder, 'other.sock');
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
    other.listen(path);
    await once(other, 'listening');
    await expect(run(['list', '--socket', path])).rejects.toThrow('does not answer as a gateway does');
    other.close();
  });
});
