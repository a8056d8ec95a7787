import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SetClock } from '../../support/approval-asks.ts';
import { createKubernetesClient, type ClientSettings, type KubernetesClient } from '../../../src/kubernetes/client.ts';

const CLOCK = { now: () => Date.now(), monotonic: () => performance.now() };
const READ = { method: 'GET', path: '/things' } as const;
const WRITE = { method: 'POST', path: '/things', body: { a: 1 } } as const;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let folder: string;
let server: Server;
let answers: Answer[];
let seen: string[];

const json =
  (status: number, body: object, headers = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers);
    response.end(JSON.stringify(body));
  };
const reset: Answer = (_request, response) => void response.destroy();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-client-'));
  answers = [];
  seen = [];
  server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.headers.authorization ?? ''}`);
    (answers.shift() ?? json(200, { ok: true }))(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await login('first');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function portOf(listening: Server): number {
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function login(token: string, more: { readonly user?: object; readonly cluster?: object } = {}): Promise<void> {
  const port = portOf(server);
  const config = {
    'current-context': 'here',
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'u', namespace: 'agents' } },
      { name: 'there', context: { cluster: 'c', user: 'u', namespace: 'others' } },
    ],
    clusters: [
      {
        name: 'c',
        cluster: { server: `http://127.0.0.1:${port}/`, 'insecure-skip-tls-verify': true, ...more.cluster },
      },
    ],
    users: [{ name: 'u', user: more.user ?? { token } }],
  };
  await writeFile(join(folder, 'config'), JSON.stringify(config));
}

function client(given: Partial<ClientSettings> = {}, context: string | null = null): KubernetesClient {
  const source = { kind: 'kubeconfig', file: join(folder, 'config'), context } as const;
  return createKubernetesClient({ source, clock: CLOCK, random: () => 0, tryMs: 10_000, callMs: 20_000, ...given });
}

describe('the client of the API server', () => {
  it('reads a kubeconfig: server, token, context and its namespace', async () => {
    expect(await client().call(READ, { repeatable: true })).toEqual({ ok: true });
    expect(seen).toEqual(['GET Bearer first']);
    expect([await client().namespace(), await client({}, 'there').namespace()]).toEqual(['agents', 'others']);
    await expect(client({}, 'nowhere').namespace()).rejects.toThrow(
      'expected a context "nowhere", found "here", "there"',
    );
  });

  it('runs the exec plug-in of a kubeconfig, and goes through its proxy', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plug-in' },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
      interactiveMode: 'Never',
    };
    const proxy = createServer();
    const tunnels: string[] = [];
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const { hostname, port } = new URL(`http://${request.url ?? ''}`);
      const onward = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((one) => one.destroy()));
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const port = portOf(proxy);
    await login('first', { user: { exec }, cluster: { 'proxy-url': `http://127.0.0.1:${port}` } });
    expect(await client().call(READ, { repeatable: true })).toEqual({ ok: true });
    expect(seen).toEqual(['GET Bearer from-plug-in']);
    expect(tunnels).toEqual([`127.0.0.1:${portOf(server)}`]);
    proxy.close();
  });

  it('repeats what may be repeated when it was executed or not, and the rest only when it was not', async () => {
    const one = client();
    answers = [json(500, {}), reset, json(429, {}, { 'retry-after': '0' }), json(503, {})];
    expect(await one.call(READ, { repeatable: true })).toEqual({ ok: true });
    expect(seen).toHaveLength(5);
    answers = [json(429, {}, { 'retry-after': '0' })];
    expect(await one.call(WRITE, { repeatable: false })).toEqual({ ok: true });
    for (const trouble of [json(500, {}), reset]) {
      answers = [trouble];
      seen = [];
      await expect(client().call(WRITE, { repeatable: false })).rejects.toThrow('the API server');
      expect(seen).toHaveLength(1);
    }
  });

  it('gives an answer that means something at once, with its reason', async () => {
    answers = [json(409, { kind: 'Status', reason: 'AlreadyExists', message: 'it exists' })];
    await expect(client().call(WRITE, { repeatable: true })).rejects.toMatchObject({
      name: 'ApiStatusError',
      status: 409,
      reason: 'AlreadyExists',
      message: 'it exists',
    });
    expect(seen).toHaveLength(1);
  });

  it('reads its credentials again when they are rejected', async () => {
    const one = client();
    await one.call(READ, { repeatable: true });
    await login('second');
    answers = [json(401, {})];
    expect(await one.call(WRITE, { repeatable: false })).toEqual({ ok: true });
    expect(seen).toEqual(['GET Bearer first', 'POST Bearer first', 'POST Bearer second']);
  });

  it('gives up a server that does not answer, and fails at once while it rests', async () => {
    const clock = new SetClock();
    const one = client({ clock, tryMs: 50, callMs: 60 });
    answers = [() => {}];
    await expect(one.call(WRITE, { repeatable: false })).rejects.toMatchObject({ name: 'ApiUnavailableError' });
    expect(seen).toHaveLength(1);
    await expect(one.call(READ, { repeatable: true })).rejects.toMatchObject({ name: 'ApiUnavailableError' });
    expect(seen).toHaveLength(1);
    expect(one.problem()).not.toBeNull();
    clock.forward(5_000);
    answers = [json(404, {})];
    await expect(one.call(READ, { repeatable: true })).rejects.toMatchObject({ status: 404 });
    expect(one.problem()).toBeNull();
  });

  it('waits no longer than it has time when the server says when to come back', async () => {
    answers = [json(429, {}, { 'retry-after': '60' })];
    await expect(client().call(READ, { repeatable: true })).rejects.toThrow('429');
    expect(seen).toHaveLength(1);
  });

  it('comes no earlier than it was told to, and later than others do', async () => {
    for (const [random, leastMs] of [
      [0, 1_000],
      [1, 1_500],
    ] as const) {
      answers = [json(429, {}, { 'retry-after': '1' })];
      const began = performance.now();
      await client({ random: () => random }).call(READ, { repeatable: true });
      // A timer may fire a moment early.
      expect(performance.now() - began).toBeGreaterThan(leastMs - 5);
    }
  });

  it.each([
    ['breaks off before its answer', () => reset],
    ['cannot be served now', () => json(429, {})],
  ])('says of a watch that %s that the server is away', async (_title, trouble) => {
    answers = [trouble()];
    const read = async (): Promise<void> => {
      for await (const event of client().watch('/watch', new AbortController().signal))
        throw new Error(`expected no event: ${event.type}`);
    };
    await expect(read()).rejects.toMatchObject({ name: 'ApiAwayError' });
  });

  it('tells how far the clock of the server is away', async () => {
    const one = client();
    answers = [json(200, {}, { date: new Date(Date.now() - 90_000).toUTCString() })];
    await one.call(READ, { repeatable: true });
    expect(one.skewMs()).toBeLessThan(-85_000);
    await one.call(READ, { repeatable: true });
    expect(one.skewMs()).toBe(0);
  });

  it('reads the events of a watch, and ends with the error that the server sends in one', async () => {
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } };
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
    answers = [
      (_request, response) => {
        response.write(`${JSON.stringify(bookmark)}\n${JSON.stringify(gone).slice(0, 20)}`);
        response.end(`${JSON.stringify(gone).slice(20)}\n`);
      },
      json(410, { reason: 'Gone' }),
    ];
    const one = client();
    const events: unknown[] = [];
    const follow = async (): Promise<void> => {
      for await (const event of one.watch('/watch', new AbortController().signal)) events.push(event);
    };
    await expect(follow()).rejects.toMatchObject({ status: 410, reason: 'Expired' });
    expect(events).toEqual([bookmark]);
    await expect(follow()).rejects.toMatchObject({ status: 410, reason: 'Gone' });
  });
});
