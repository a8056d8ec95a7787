import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asAgent } from '../support/as-agent.ts';
import { describeWith } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

const run = promisify(execFile);
const POLICY = 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n';
const isRoot = process.getuid?.() === 0;
/** Nobody on most systems; all that matters is that it is not the gateway's. */
const OTHER_USER = { uid: 65_534, gid: 65_534 };

let shared: string;
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'aegis-shared-'));
  await chmod(shared, 0o755);
});
afterAll(async () => await rm(shared, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

describe('the folder of the agent', () => {
  it('that exists keeps its mode, which is the business of whoever made it', async () => {
    const folder = join(shared, 'given');
    await mkdir(folder);
    await chmod(folder, 0o2775);
    await using _gateway = await startGatewayProcess({ policy: POLICY, config: `agent_files: ${folder}` });
    expect(await modeOf(folder)).toBe('2775');
    expect(await modeOf(join(folder, 'ca-bundle.pem'))).toBe('644');
  });

  it('that does not exist is made so that others can read it, whatever the umask', async () => {
    const folder = join(shared, 'made', 'agent');
    const umask = process.umask(0o077);
    try {
      await using _gateway = await startGatewayProcess({ policy: POLICY, config: `agent_files: ${folder}` });
      expect([await modeOf(folder), await modeOf(join(folder, 'env.sh'))]).toEqual(['755', '644']);
    } finally {
      process.umask(umask);
    }
  });

  it('that cannot be written to stops the start, in words', async () => {
    const config = 'agent_files: /dev/null/agent';
    await expect(startGatewayProcess({ policy: POLICY, config })).rejects.toThrow(/agent_files.*\/dev\/null\/agent/su);
  });

  it.runIf(isRoot)('outside of data_dir can be read by another user, and the default cannot', async () => {
    const folder = join(shared, 'outside');
    await using gateway = await startGatewayProcess({ policy: POLICY, config: `agent_files: ${folder}` });
    for (const name of ['ca.pem', 'ca-bundle.pem', 'truststore.p12', 'env.sh']) {
      const { stdout } = await run('wc', ['-c', join(folder, name)], OTHER_USER);
      expect(Number.parseInt(stdout, 10)).toBeGreaterThan(100);
    }
    await chmod(gateway.folder, 0o755);
    await using usual = await startGatewayProcess({ policy: POLICY });
    await chmod(usual.folder, 0o755);
    await expect(run('cat', [join(usual.dataDir, 'agent', 'ca.pem')], OTHER_USER)).rejects.toThrow(/denied/u);
  });

  it.runIf(isRoot)('may belong to somebody else, as the volumes of a pod do', async () => {
    const folder = join(shared, 'volume');
    await mkdir(folder);
    await chmod(folder, 0o777);
    const data = join(shared, 'data');
    await mkdir(data, { mode: 0o777 });
    await chmod(data, 0o777);
    const gateway = join(shared, 'gateway.yaml');
    await run('sh', [
      '-c',
      'printf %s "$1" >"$0"',
      gateway,
      `version: 1\nlisteners: {data: "127.0.0.1:0", admin: "127.0.0.1:0"}\ndata_dir: ${data}/own\nagent_files: ${folder}\n`,
    ]);
    const child = execFile(
      process.execPath,
      [resolve('dist/aegis-gateway.mjs'), 'serve', '--config', gateway],
      OTHER_USER,
    );
    let output = '';
    await new Promise<void>((done) => {
      const look = (chunk: string): void => {
        output += chunk;
        if (output.includes('gateway.ready')) done();
      };
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      child.once('exit', () => done());
    });
    child.kill('SIGKILL');
    expect(output).toContain('gateway.ready');
    expect((await stat(join(folder, 'ca.pem'))).uid).toBe(OTHER_USER.uid);
  });
});

describe('a data port on an IPv6 address', () => {
  const authority = new TestAuthority();
  let upstream: HttpUpstream;
  let gateway: GatewayProcess;
  let home: string;

  beforeAll(async () => {
    upstream = await startHttpUpstream(undefined, authority.issue('DNS:tools.test'));
    home = await mkdtemp(join(tmpdir(), 'aegis-six-'));
    gateway = await startGatewayProcess({
      policy: POLICY,
      listenOn: '[::1]:0',
      files: { 'upstream-ca.pem': authority.cert },
      config: `upstream: {allow: ["tools.test:${upstream.port}"], ca_files: [upstream-ca.pem]}`,
      env: { NODE_OPTIONS: `--import=${resolve('test/support/names-of-test.mjs')}` },
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
    authority[Symbol.dispose]();
  });

  const url = (): string => `https://tools.test:${upstream.port}/orders`;
  const reaches = (command: () => readonly string[]): void =>
    it('is found by its variables', { timeout: 60_000 }, async () => {
      expect(await readFile(join(gateway.dataDir, 'agent', 'env.sh'), 'utf8')).toContain(
        `HTTPS_PROXY='http://[::1]:${gateway.port}'`,
      );
      expect(await asAgent({ gateway, home }, command())).toContain('{"ok":true}');
    });

  describeWith(['curl'], 'by curl', ([curl = '']) => reaches(() => [curl, '-sS', url()]));
  describeWith(['python-requests'], 'by Python with requests', ([python = '']) =>
    reaches(() => [python, resolve('test/clients/with_requests.py'), url(), '']),
  );
  describeWith(['python-httpx'], 'by Python with httpx', ([python = '']) =>
    reaches(() => [python, resolve('test/clients/with_httpx.py'), url(), '']),
  );
  describe('by Node with its own fetch', () =>
    reaches(() => [process.execPath, resolve('test/clients/with-fetch.mjs'), url(), '']));
  describeWith(['go-client'], 'by Go with net/http', ([client = '']) => reaches(() => [client, url(), '']));
  describeWith(['java'], 'by Java with HttpClient', ([java = '']) =>
    reaches(() => [java, resolve('test/clients/Client.java'), url(), '']),
  );
});
