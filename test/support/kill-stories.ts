import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { approvalOf, throughProxy, type AgentAnswer } from './agent.ts';
import type { KillWorld, Story } from './kill-world.ts';

/** The name of a rule makes each version another one. */
export const storyPolicy = (version: number): string => `version: "1"
rules:
  - {name: version-${version}, match: {type: never}, risk_level: low, approval: auto}
  - {name: held, match: {type: create}, conditions: {param_gte: {held: 0}}, risk_level: high, approval: {wait: 20s}}
  - {name: once, match: {type: create}, conditions: {param_gte: {once: 0}}, risk_level: high, approval: approve}
  - {name: upload, match: {type: update}, risk_level: high, approval: approve}
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: read, match: {type: "*"}, risk_level: low, approval: auto}
`;

const pathOf = (key: string): string => `/call?n=${key}`;
const askOnce = async (at: KillWorld, key: string): Promise<AgentAnswer> =>
  await at.call(pathOf(key), { body: { once: 1 } });
const askHeld = async (at: KillWorld, key: string): Promise<unknown> =>
  await at.call(pathOf(key), { body: { held: 1 } }).catch(() => null);

/** Stories that pass every point of exchange.ts between them. */
export const STORIES: readonly Story[] = [
  {
    name: 'read',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      await at.call(pathOf(key));
    },
  },
  {
    name: 'blocked',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      await at.call(pathOf(key), { method: 'DELETE' });
    },
  },
  {
    name: 'unreadable',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      await at.call(`/%zz?n=${key}`);
    },
  },
  {
    name: 'asked',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      await askOnce(at, key);
    },
    after: askOnce,
  },
  {
    name: 'granted',
    calls: 1,
    play: async (at, key) => {
      await at.approve(approvalOf(await askOnce(at, key)));
      await at.arm();
      await askOnce(at, key);
    },
    after: askOnce,
  },
  {
    name: 'two-for-one-grant',
    calls: 2,
    play: async (at, key) => {
      await at.arm();
      const held = Promise.all([askHeld(at, key), askHeld(at, key)]);
      await at.eventually(() => at.passed().filter((point) => point === 'hold 2 called').length === 2);
      await at.approve(await at.pendingFor(key));
      await held;
    },
  },
  {
    name: 'outgrown-grant',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      const held = askHeld(at, key);
      const name = await at.pendingFor(key);
      await at.reload();
      await at.approve(name);
      await held;
    },
  },
  {
    name: 'reload-in-body',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      const { request, answered } = beginBody(at, key);
      await at.eventually(() => at.passed().includes('judge 1 called'));
      await at.reload();
      request.end('1}');
      await answered;
    },
  },
  {
    name: 'upload-for-a-human',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      const headers = { 'content-type': 'application/octet-stream' };
      await at.call(pathOf(key), { method: 'PUT', body: 'bytes', headers });
    },
  },
  {
    name: 'dead-upstream',
    calls: 1,
    play: async (at, key) => {
      await at.arm();
      await throughProxy(at.gateway.port, `http://127.0.0.1:1${pathOf(key)}`);
    },
  },
  {
    name: 'full-disk',
    calls: 1,
    play: async (at, key) => {
      limitFiles(at, '1');
      try {
        await at.arm();
        await at.call(pathOf(key));
      } finally {
        if (at.gateway.process.signalCode === null) limitFiles(at, 'unlimited');
      }
      await at.eventually(async () => (await at.call(pathOf(`${key}-again`))).status === 200);
    },
  },
];

/** The stories need the program `prlimit` (util-linux): it makes a disk full for one process. */
export const CAN_TELL_STORIES = spawnSync('prlimit', ['--version']).status === 0;

/** Lets the gateway write no further than `bytes` into any file, as a full disk does. */
function limitFiles(at: KillWorld, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(at.gateway.process.pid), `--fsize=${bytes}:unlimited`]);
}

/** Sends a head and the first bytes of a body. */
function beginBody(
  at: KillWorld,
  key: string,
): { readonly request: ReturnType<typeof httpRequest>; readonly answered: Promise<unknown> } {
  const request = httpRequest({
    host: '127.0.0.1',
    port: at.gateway.port,
    method: 'POST',
    path: at.urlOf(pathOf(key)),
    headers: { host: new URL(at.urlOf('/')).host, 'content-type': 'application/json', 'content-length': '7' },
    agent: false,
  });
  const answered = once(request, 'response').then(
    ([response]: { resume(): void }[]) => response?.resume(),
    () => null,
  );
  request.write('{"a":');
  return { request, answered };
}
