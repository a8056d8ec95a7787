import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { approvalOf } from '../support/agent.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { InstalledPlugin } from '../support/kubectl-plugin.ts';

const TIMEOUT = { timeout: 60_000 };
const ENTER = '\u001B[?1049h';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

describeCluster('kubectl aegis at a terminal', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  let gateway: GatewayProcess;
  let plugin: InstalledPlugin;
  let alice: string;
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    plugin = await InstalledPlugin.install();
    gateway = await world.gateway();
    alice = bed.cluster.kubeconfig('alice');
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await plugin[Symbol.asyncDispose]();
  });

  const asked = async (order: number): Promise<string> => approvalOf(await world.refund(gateway, order));
  const through = (): readonly string[] => ['--server', `https://127.0.0.1:${world.proxy.port}`];
  /** The page as it was drawn last. */
  const lastPage = (shown: string): string => shown.split('\u001B[H').at(-1) ?? '';

  it('keeps the table up to date while requests come and go, and leaves the last one behind', TIMEOUT, async () => {
    const first = await asked(401);
    await using terminal = plugin.type(alice, 'exec kubectl aegis pending');
    await terminal.shows(first);
    const second = await asked(402);
    await terminal.shows(second);
    await world.approve('alice', first);
    await until(async () => !lastPage(terminal.shown()).includes(first));
    expect(lastPage(terminal.shown())).toContain('waiting in namespace agents; Ctrl-C ends');
    const ages = new Set(terminal.shown().match(/14m\d+s/gu));
    await until(async () => new Set(terminal.shown().match(/14m\d+s/gu)).size > ages.size + 1);
    terminal.type(CTRL_C);
    expect(await terminal.ended()).toBe(0);
    const [, drawn = '', left = ''] = terminal.shown().split(new RegExp(`${escaped(ENTER)}|${escaped(LEAVE)}`, 'u'));
    expect(drawn).toContain(second);
    expect(left).toContain(second);
    expect(left).not.toContain(first);
    await world.approve('alice', second);
  });

  it('colours risk at a terminal, and not with NO_COLOR or --no-color', TIMEOUT, async () => {
    const name = await asked(403);
    for (const [line, colours] of [
      ['exec kubectl aegis pending --once', true],
      ['exec env NO_COLOR=1 kubectl aegis pending --once', false],
      ['exec kubectl aegis pending --once --no-color', false],
    ] as const) {
      await using terminal = plugin.type(alice, line);
      expect(await terminal.ended()).toBe(0);
      expect(terminal.shown()).toContain(name);
      expect(terminal.shown().includes('\u001B[33mhigh\u001B[0m')).toBe(colours);
      expect(terminal.shown()).not.toContain(ENTER);
    }
    await world.approve('alice', name);
  });

  it('follows the size of the terminal', TIMEOUT, async () => {
    const name = await asked(404);
    await using terminal = plugin.type(alice, '(sleep 3; stty cols 60 </dev/tty) & exec kubectl aegis pending', 140);
    await terminal.shows('RULE');
    await until(async () => !lastPage(terminal.shown()).includes('RULE') && lastPage(terminal.shown()).includes(name));
    for (const line of lastPage(terminal.shown()).split('\r\n'))
      expect(line.replaceAll(new RegExp(String.raw`\x1B\[[0-9;]*[A-Za-z]`, 'gu'), '').length).toBeLessThanOrEqual(60);
    terminal.type(CTRL_C);
    expect(await terminal.ended()).toBe(0);
    await world.approve('alice', name);
  });

  it('says that it is not up to date while the API server is away, and goes on when it is back', TIMEOUT, async () => {
    const first = await asked(405);
    await using terminal = plugin.type(alice, `exec kubectl aegis pending ${through().join(' ')}`, 200);
    await terminal.shows(first);
    await world.proxy.stop();
    await terminal.shows('not up to date, tries again in');
    await world.proxy.start();
    const second = await asked(406);
    await until(async () => lastPage(terminal.shown()).includes(second));
    await until(async () => !lastPage(terminal.shown()).includes('not up to date'));
    terminal.type(CTRL_C);
    expect(await terminal.ended()).toBe(0);
    for (const name of [first, second]) await world.approve('alice', name);
  });

  it('asks, and takes nothing but yes for one', TIMEOUT, async () => {
    const name = await asked(407);
    for (const keys of ['n\r', '\r', 'yo\r', CTRL_D, CTRL_C]) {
      await using terminal = plugin.type(alice, `exec kubectl aegis approve ${name}`);
      const shown = await terminal.shows(`Approve ${name}? [y/N] `);
      expect(shown).toContain('You are       alice');
      expect(shown).toContain('You send      {"verdict":"approved"}');
      expect(shown.replaceAll(/\r\n {2}↪ /gu, '')).toContain(
        'Then          1 of 1 approvals: the grant begins, for 15m at most. It covers this request, once.',
      );
      terminal.type(keys);
      expect([keys, await terminal.ended()]).toEqual([keys, 1]);
      expect(terminal.shown()).toContain(`\r\n${name}: nothing was decided`);
    }
    expect((await bed.get(name)).status.decisions).toEqual([]);
    await using terminal = plugin.type(alice, `exec kubectl aegis approve ${name} --reason "ticket 9"`);
    await terminal.shows('You send      {"verdict":"approved","reason":"ticket 9"}');
    await terminal.shows('[y/N] ');
    terminal.type('y\r');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.shown()).toContain(`${name} is approved. It covers this request, once.`);
  });

  it('lists anew when the API server has forgotten where a watch began', TIMEOUT, async () => {
    const calls = `${plugin.folder}/calls`;
    const forgetful = await plugin.script('forgetful-kubectl', [
      `echo "$*" >>${calls}`,
      // The first watch, and the second in the other way in which a server says it.
      `case "$*" in *watch=true*) n=$(grep -c watch=true ${calls})`,
      `  [ "$n" = 1 ] && echo '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}' && exit 0`,
      `  [ "$n" = 2 ] && echo 'Error from server (Expired): too old resource version: 1 (2)' >&2 && exit 1 ;;`,
      'esac',
      `exec ${plugin.bin}/kubectl "$@"`,
    ]);
    const first = await asked(408);
    const child = plugin.start(alice, ['pending', '--watch', '-o', 'name'], { env: { AEGIS_KUBECTL: forgetful } });
    let printed = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const ended = once(child, 'close');
    await until(async () => printed.includes(first));
    await until(async () => (await readFile(calls, 'utf8')).split('watch=true').length === 4);
    const second = await asked(409);
    await until(async () => printed.includes(second));
    child.kill('SIGINT');
    await ended;
    expect(child.exitCode).toBe(0);
    const listed = (await readFile(calls, 'utf8')).split('\n').filter((line) => line.includes('limit='));
    expect(listed).toHaveLength(3);
    for (const name of [first, second]) await world.approve('alice', name);
  });

  it('follows in a pipe, a line for each that comes and goes', TIMEOUT, async () => {
    const child = plugin.start(alice, ['pending', '-w']);
    let printed = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const ended = once(child, 'close');
    const name = await asked(410);
    await until(async () => printed.includes(name));
    await world.approve('alice', name);
    await until(async () => printed.includes('waits no longer'));
    const lines = printed.split('\n').filter((line) => line.includes(name));
    expect(lines[0]).toMatch(/^\d{4}-\S+Z {2}apr-\S+ {2}pending {3}high {6}create 127\.0\.0\.1/u);
    expect(lines.at(-1)).toMatch(/^\S+Z {2}apr-\S+ {2}waits no longer$/u);
    child.kill('SIGTERM');
    await ended;
    expect(child.exitCode).toBe(0);
  });

  it('ends quietly when whoever reads has gone', TIMEOUT, async () => {
    const name = await asked(411);
    const child = plugin.start(alice, ['pending', '--watch', '-o', 'name']);
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const ended = once(child, 'close');
    if (child.stdout !== null) await once(child.stdout, 'data');
    child.stdout?.destroy();
    const second = await asked(412);
    await ended;
    expect([child.exitCode, errors]).toEqual([0, '']);
    for (const one of [name, second]) await world.approve('alice', one);
  });

  it('leaves no kubectl behind', TIMEOUT, async () => {
    const commands = await Promise.all(
      (await readdir('/proc'))
        .filter((name) => /^\d+$/u.test(name))
        .map(async (name) => await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')),
    );
    expect(
      commands.filter((command) => command.includes(plugin.bin) || command.includes(`${world.proxy.port}`)),
    ).toEqual([]);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[[\]?\\]/gu, String.raw`\$&`);
}
