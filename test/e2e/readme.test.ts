import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { runCli, startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

/** The commands of the product in the shell blocks of README.md, without `aegis-gateway` and comments. */
const COMMANDS = [...readFileSync('README.md', 'utf8').matchAll(/^```sh\n(.*?)^```/gmsu)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line.startsWith('aegis-gateway '))
  .map((line) => line.slice('aegis-gateway '.length).replace(/\s+#.*$/u, ''));

let folder = '';
let gateway: GatewayProcess;
let upstream: HttpUpstream;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-readme-'));
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: 'version: "1"\nrules: [{name: ask, risk_level: high, approval: approve}]\n',
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {approval_wait: 0s}`,
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Words of a command line, with its quotes taken and its globs expanded as a shell would. */
function words(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/gu)].flatMap(([, quoted, bare = '']) => {
    if (quoted !== undefined) return [quoted];
    if (!bare.includes('*')) return [bare];
    const ending = bare.slice(bare.indexOf('*') + 1);
    return readdirSync(dirname(bare))
      .filter((name) => name.endsWith(ending))
      .map((name) => join(dirname(bare), name));
  });
}

describe('the commands of README.md', () => {
  it('are there', () => {
    expect(COMMANDS.length).toBeGreaterThan(10);
  });

  it.each(COMMANDS)('aegis-gateway %s', async (line) => {
    const [group = ''] = words(line);
    if (group === 'init' || group === 'serve') {
      // Serving goes on until it is stopped, on the ports of the machine; that its files load is what can be tried here.
      const further = group === 'serve' ? ['--check-config'] : ['--force'];
      await runCli(['init', 'my-gateway', '--force'], { cwd: folder });
      const cwd = group === 'serve' ? join(folder, 'my-gateway') : folder;
      const { code, stderr } = await runCli([...words(line), ...further], { cwd });
      expect([code, stderr]).toEqual([0, '']);
      return;
    }
    const answer = await throughProxy(gateway.port, `${upstream.origin}/${COMMANDS.indexOf(line)}`);
    const { instance } = answer.json as { readonly instance: string };
    const filled = line.replace('apr-...', approvalOf(answer)).replace('EXCHANGE', instance.replace('urn:uuid:', ''));
    const onData = group === 'approvals' || group === 'audit';
    const { code, stderr } = onData ? await gateway.cli(...words(filled)) : await runCli(words(filled));
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('the pages of the project', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ];
  it.each(pages)('%s links to what is there', (page) => {
    const targets = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/gu)].map(
      ([, target = '']) => target,
    );
    for (const target of targets)
      expect(existsSync(resolve(dirname(page), target)), `${page} links to ${target}`).toBe(true);
  });
});
