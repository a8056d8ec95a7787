import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startControl, type ControlServer } from '../../../src/admin/control-socket.ts';
import { peerUidReader, userName } from '../../../src/admin/peer-name.ts';
import { createDecider } from '../../../src/approval/decider.ts';
import type { ApprovalRecord } from '../../../src/model/approval.ts';
import { FaultError } from '../../../src/model/fault.ts';
import { askOf, GRANT_MS, sha256, temporaryStore, TTL_MS, type TemporaryStore } from '../../support/approval-asks.ts';

let temporary: TemporaryStore;
let folder: string;
let socketPath: string;
let control: ControlServer;
let journalBroken: boolean;

beforeEach(async () => {
  temporary = temporaryStore();
  folder = mkdtempSync(join(tmpdir(), 'aegis-control-'));
  socketPath = join(folder, 'data', 'control.sock');
  journalBroken = false;
  control = await start();
});
afterEach(async () => {
  await control[Symbol.asyncDispose]();
  temporary[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<ControlServer> {
  const { clock, store } = temporary;
  const decide = createDecider(store, clock, async () => {
    if (journalBroken) throw new FaultError('audit-unavailable', 'disk full');
  });
  return await startControl(socketPath, { approvals: store, decide });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: { readonly [member: string]: unknown };
}

interface Call {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

async function call(
  path: string,
  { body, headers = {}, method = body === undefined ? 'GET' : 'POST' }: Call = {},
): Promise<Answer> {
  const response = await send(
    path,
    { method, headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers } },
    body,
  );
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return {
    status: response.statusCode ?? 0,
    type: response.headers['content-type'] ?? '',
    body: JSON.parse(Buffer.concat(chunks).toString()),
  };
}

async function send(
  path: string,
  options: { method: string; headers: Record<string, string> },
  body?: string,
): Promise<IncomingMessage> {
  return await new Promise((done, fail) => {
    request({ socketPath, path, agent: false, ...options }, done)
      .once('error', fail)
      .end(body);
  });
}

async function open(body = 'a'): Promise<ApprovalRecord> {
  const now = temporary.clock.now();
  return await temporary.store.open(askOf({ binding: { bodyDigest: sha256(body) } }), {
    now,
    expiresAt: now + TTL_MS,
    grantMs: GRANT_MS,
  });
}

const decision = (name: string, body: unknown): Promise<Answer> =>
  call(`/v1/approvals/${name}/decision`, { body: typeof body === 'string' ? body : JSON.stringify(body) });

describe('the socket', () => {
  it('can be opened by its owner alone, in a folder of its owner alone', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  });

  it('leaves the umask of the process as it was', async () => {
    const umask = process.umask();
    await control[Symbol.asyncDispose]();
    control = await start();
    expect(process.umask()).toBe(umask);
  });

  it('is gone after the gateway has stopped', async () => {
    await control[Symbol.asyncDispose]();
    expect(() => statSync(socketPath)).toThrow('ENOENT');
    control = await start();
  });

  it('replaces one that a killed gateway left behind', async () => {
    await control[Symbol.asyncDispose]();
    const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script, socketPath]);
    expect(statSync(socketPath).isSocket()).toBe(true);
    control = await start();
    expect((await call('/v1/approvals')).status).toBe(200);
  });

  it('is not taken from a gateway that runs', async () => {
    await expect(start()).rejects.toThrow('another gateway listens on');
    expect((await call('/v1/approvals')).status).toBe(200);
  });

  it('does not replace a file that is no socket', async () => {
    await control[Symbol.asyncDispose]();
    writeFileSync(socketPath, 'precious');
    await expect(start()).rejects.toThrow('expected a socket or nothing');
    rmSync(socketPath);
    control = await start();
  });

  it('says when its path is too long for a socket', async () => {
    const long = join(folder, 'x'.repeat(120), 'control.sock');
    await expect(
      startControl(long, { approvals: temporary.store, decide: () => Promise.reject(new Error('not asked')) }),
    ).rejects.toThrow('too long');
  });
});

describe('who decides', () => {
  it('is the user that the kernel names, never one that the client names', async () => {
    const { name } = await open();
    const { body, status } = await decision(name, { verdict: 'approved' });
    expect(status).toBe(200);
    const { approval } = body as unknown as { approval: ApprovalRecord };
    expect(control.approversBy).toBe('peer-credentials');
    expect(approval.decisions.map(({ approver }) => approver)).toEqual([userInfo().username]);
    const claimed = await decision((await open('b')).name, { verdict: 'approved', approver: 'the boss' });
    expect(claimed).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    expect(claimed.body['detail']).toContain('who decides is asked of the system');
  });

  // Only root can start a child as another user; the socket is opened to it for this test alone.
  it.runIf(process.getuid?.() === 0)('is another name for another user of the system', async () => {
    chmodSync(folder, 0o711);
    chmodSync(join(folder, 'data'), 0o711);
    chmodSync(socketPath, 0o666);
    const { name } = await open();
    const script = `
      const body = JSON.stringify({ verdict: 'approved' });
      const { request } = require('node:http');
      request({ socketPath: process.argv[1], path: '/v1/approvals/' + process.argv[2] + '/decision', method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': body.length } },
        (response) => response.pipe(process.stdout)).end(body);`;
    const child = spawn(process.execPath, ['-e', script, socketPath, name], { uid: 54_321, gid: 54_321, cwd: '/' });
    await once(child, 'exit');
    expect((await temporary.store.get(name))?.decisions.map(({ approver }) => approver)).toEqual(['uid:54321']);
  });

  it('is read from a passwd file, and is a number for users without a name', async () => {
    const passwd = join(folder, 'passwd');
    writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\nbroken line\n');
    expect(await userName(1000, passwd)).toBe('anna');
    expect(await userName(100, passwd)).toBe('uid:100');
    expect(await userName(1000, join(folder, 'missing'))).toBe('uid:1000');
  });

  it('can be asked of every connection while its socket is open, and of none afterwards', async () => {
    const uidOf = await peerUidReader();
    const server: Server = createServer();
    const path = join(folder, 'peer.sock');
    server.listen(path);
    await once(server, 'listening');
    const client = connect(path);
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect(uidOf?.(socket)).toBe(process.getuid?.());
    client.destroy();
    socket.destroy();
    expect(uidOf?.(socket)).toBeNull();
    server.close();
  });
});

describe('the interface', () => {
  it('lists by phase, the newest first, without the parameters', async () => {
    const [one, two] = [await open('1'), await open('2')];
    await decision(one.name, { verdict: 'denied', reason: 'no' });
    const names = async (query: string): Promise<unknown> => {
      const { body } = await call(`/v1/approvals${query}`);
      return (body['approvals'] as ApprovalRecord[]).map(({ name }) => name);
    };
    expect(await names('')).toEqual([two.name, one.name]);
    expect(await names('?phase=pending')).toEqual([two.name]);
    expect(await names('?phase=denied,expired')).toEqual([one.name]);
    expect(await names('?limit=1')).toEqual([two.name]);
    const { body } = await call('/v1/approvals');
    expect((body['approvals'] as ApprovalRecord[])[0]?.ask.actions[0]?.params).toEqual({ amount: 50 });
  });

  it('shows one whole', async () => {
    const approval = await open();
    expect((await call(`/v1/approvals/${approval.name}`)).body).toEqual({ approval });
  });

  it('takes a decision with a reason, and answers with what came of it', async () => {
    const { name, ask } = await open();
    const { body } = await decision(name, { verdict: 'denied', reason: ' too much ', fingerprint: ask.fingerprint });
    expect(body).toMatchObject({
      approval: { name, phase: 'denied', decisions: [{ verdict: 'denied', reason: 'too much' }] },
    });
  });

  it('refuses a decision that cannot be recorded, and it has no effect', async () => {
    const { name } = await open();
    journalBroken = true;
    expect(await decision(name, { verdict: 'approved' })).toMatchObject({
      status: 503,
      body: { code: 'unavailable', fault: 'audit-unavailable' },
    });
    expect((await temporary.store.get(name))?.phase).toBe('pending');
  });

  it.each<[string, (name: string) => Promise<Answer>, number, string]>([
    ['an unknown approval', () => decision('apr-0000000000', { verdict: 'approved' }), 404, 'unknown-approval'],
    ['an unknown approval to show', () => call('/v1/approvals/apr-0000000000'), 404, 'unknown-approval'],
    ['a denial without reason', (name) => decision(name, { verdict: 'denied', reason: '  ' }), 400, 'bad-request'],
    ['another verdict', (name) => decision(name, { verdict: 'maybe' }), 400, 'bad-request'],
    ['a reason that is no text', (name) => decision(name, { verdict: 'denied', reason: ['x'] }), 400, 'bad-request'],
    [
      'a reason without end',
      (name) => decision(name, { verdict: 'denied', reason: 'x'.repeat(1_001) }),
      400,
      'bad-request',
    ],
    ['a list for a body', (name) => decision(name, '[]'), 400, 'bad-request'],
    ['a body that is not JSON', (name) => decision(name, '{"verdict":'), 400, 'bad-request'],
    [
      'a fingerprint that is no text',
      (name) => decision(name, { verdict: 'approved', fingerprint: 1 }),
      400,
      'bad-request',
    ],
    [
      'another fingerprint',
      (name) => decision(name, { verdict: 'approved', fingerprint: sha256('x') }),
      409,
      'other-request',
    ],
    [
      'a body that is too large',
      (name) => decision(name, { verdict: 'denied', reason: 'x'.repeat(20_000) }),
      413,
      'too-large',
    ],
    [
      'a form',
      (name) =>
        call(`/v1/approvals/${name}/decision`, {
          body: 'verdict=approved',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        }),
      415,
      'not-json',
    ],
    ['a path that is not there', () => call('/v1/policy'), 404, 'not-found'],
    ['another method', (name) => call(`/v1/approvals/${name}`, { method: 'DELETE' }), 404, 'not-found'],
    ['a path that does not decode', () => call('/v1/approvals/%ff'), 400, 'bad-request'],
    ['an unknown phase', () => call('/v1/approvals?phase=waiting'), 400, 'bad-request'],
    ['a phase given twice', () => call('/v1/approvals?phase=pending&phase=denied'), 400, 'bad-request'],
    ['an unknown query', () => call('/v1/approvals?all=1'), 400, 'bad-request'],
    ['a limit beyond the bound', () => call('/v1/approvals?limit=501'), 400, 'bad-request'],
  ])('answers %s with a problem document and changes nothing', async (_what, ask, status, code) => {
    const { name } = await open();
    const answer = await ask(name);
    expect(answer).toMatchObject({
      status,
      type: expect.stringContaining('application/problem+json'),
      body: { status, code },
    });
    expect((await temporary.store.get(name))?.phase).toBe('pending');
  });

  it('tells the second to decide, and who decides twice', async () => {
    const { name } = await open();
    await decision(name, { verdict: 'approved' });
    expect(await decision(name, { verdict: 'approved' })).toMatchObject({
      status: 409,
      body: { code: 'not-pending', phase: 'approved' },
    });
    const now = temporary.clock.now();
    const two = await temporary.store.open(askOf({ terms: { approvers: 2 } }), {
      now,
      expiresAt: now + TTL_MS,
      grantMs: GRANT_MS,
    });
    await decision(two.name, { verdict: 'approved' });
    expect(await decision(two.name, { verdict: 'approved' })).toMatchObject({
      status: 409,
      body: { code: 'already-decided' },
    });
    temporary.clock.forward(TTL_MS);
    expect(await decision((await open('c')).name, { verdict: 'approved' })).toMatchObject({ status: 200 });
    expect(await decision(two.name, { verdict: 'approved' })).toMatchObject({
      status: 409,
      body: { code: 'not-pending', phase: 'expired' },
    });
  });
});

describe('watching', () => {
  it('tells what is live, then what is asked and decided, until the gateway stops', async () => {
    const { name } = await open();
    const response = await send('/v1/approvals/watch', { method: 'GET', headers: {} });
    const stream = lines(response);
    const next = async (): Promise<string> => {
      const { value } = (await stream.next()) as { value: ApprovalRecord };
      return `${value.name} ${value.phase}`;
    };
    expect(await next()).toBe(`${name} pending`);
    const later = await open('later');
    expect(await next()).toBe(`${later.name} pending`);
    await decision(name, { verdict: 'denied', reason: 'no' });
    expect(await next()).toBe(`${name} denied`);
    await control[Symbol.asyncDispose]();
    expect((await stream.next()).done).toBe(true);
    control = await start();
  });

  it('is for so many and no more, and a place is free again when one leaves', async () => {
    const watchers = [];
    for (let count = 0; count < 16; count += 1)
      watchers.push(await send('/v1/approvals/watch', { method: 'GET', headers: {} }));
    expect(await call('/v1/approvals/watch')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    const closed = watchers.map((watcher) => once(watcher, 'close'));
    for (const watcher of watchers) watcher.destroy();
    await Promise.all(closed);
    await expect
      .poll(async () => (await send('/v1/approvals/watch', { method: 'GET', headers: {} })).statusCode)
      .toBe(200);
  });
});

async function* lines(response: IncomingMessage): AsyncGenerator<ApprovalRecord> {
  for await (const line of createInterface({ input: response })) yield JSON.parse(line) as ApprovalRecord;
}
