import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { approvalOf, throughProxy } from '../support/agent.ts';
import type { ApprovalRequest } from '../support/approval-request.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS, type UserName } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { InstalledPlugin } from '../support/kubectl-plugin.ts';

const TIMEOUT = { timeout: 60_000 };
const POLICY = `version: "1"
rules:
  - {name: large-refunds, match: {type: refund}, conditions: {param_gt: {amount: 1000}}, risk_level: critical, approval: {approvers: 2, wait: 0s}}
  - {name: refunds, match: {type: refund}, risk_level: high, approval: {approvers: 1, wait: 0s}}
`;
const ACTIONS = `version: 1
host: "127.0.0.1"
actions:
  - match: {method: POST, path: "/orders/{order}/refunds"}
    action: {type: refund, target: "order {order}"}
    params: {amount: {argument: amount, as: integer}, note: {argument: note}}
    amount: amount
    effect: irreversible
`;

describeCluster('kubectl aegis', VARIANTS, (bed) => {
  let world: ClusterWorld;
  let gateway: GatewayProcess;
  let plugin: InstalledPlugin;
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    plugin = await InstalledPlugin.install();
    gateway = await world.gateway({ policy: POLICY, actions: ACTIONS });
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await plugin[Symbol.asyncDispose]();
  });

  const aegis = async (user: UserName, ...args: readonly string[]): ReturnType<InstalledPlugin['run']> =>
    await plugin.run(bed.cluster.kubeconfig(user), args);
  const refund = async (order: number, amount: number, note = 'none'): ReturnType<typeof throughProxy> =>
    await throughProxy(gateway.port, `${world.upstream.origin}/orders/${order}/refunds`, { body: { amount, note } });
  const asked = async (order: number, amount: number, note?: string): Promise<string> =>
    approvalOf(await refund(order, amount, note));

  it('lists what waits, in the words that people decide by', TIMEOUT, async () => {
    const [small, large] = [await asked(1, 50), await asked(2, 5_000)];
    const { code, stderr, stdout } = await aegis('viewer', 'pending');
    expect([code, stderr]).toEqual([0, '']);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd().split(/ {2,}/u));
    expect(rows[0]).toEqual([
      'NAME',
      'AGE',
      'EXPIRES',
      'RISK',
      'ACTION',
      'TARGET',
      'AMOUNT',
      'AGENT',
      'RULE',
      'AGREED',
    ]);
    const [age, expires] = [expect.stringMatching(/^\d+s$/u), expect.stringMatching(/^1[45]m/u)];
    expect(rows.slice(1)).toEqual([
      [small, age, expires, 'high', 'refund', 'order 1', '50', 'shop-agent', 'refunds', '0/1'],
      [large, age, expires, 'critical', 'refund', 'order 2', '5000', 'shop-agent', 'large-refunds', '0/2'],
    ]);
    expect(stdout).not.toContain('\u001B');
    const wide = await aegis('viewer', 'pending', '-o', 'wide');
    expect(wide.stdout).toContain(`POST ${world.upstream.origin}/orders/1/refunds`);
    expect(wide.stdout).toContain('system:serviceaccount:agents:gateway');
    const names = await aegis('viewer', 'pending', '-o', 'name');
    expect(names.stdout).toBe(`approvalrequest.aegis.dev/${small}\napprovalrequest.aegis.dev/${large}\n`);
    const list = JSON.parse((await aegis('viewer', 'pending', '-o', 'json')).stdout) as { items: ApprovalRequest[] };
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual([small, large]);
    expect(parse((await aegis('viewer', 'pending', '-o', 'yaml')).stdout)).toEqual(list);
  });

  it('lists all namespaces for who may see them, and says which', TIMEOUT, async () => {
    const { code, stdout } = await aegis('admin', 'pending', '-A');
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(/^NAMESPACE +NAME /u);
    expect(stdout.split('\n')[1]).toMatch(/^agents +apr-/u);
    const refused = await aegis('viewer', 'pending', '-A');
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('cannot list resource')]);
    const empty = await aegis('viewer', 'pending', '-n', 'others');
    expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, '', 'nothing waits in namespace others\n']);
  });

  it('shows everything that is needed to decide', TIMEOUT, async () => {
    const name = await asked(3, 60, 'a note');
    const { code, stdout } = await aegis('alice', 'show', name);
    expect(code).toBe(0);
    const { metadata, spec } = await bed.get(name);
    for (const text of [
      `Approval      ${name}`,
      'Phase         pending (0 of 1 approval)',
      'Agent         shop-agent',
      'Rule          refunds',
      'Covers        this request, once',
      `Fingerprint   ${String(spec['fingerprint'])}`,
      'Gateway       system:serviceaccount:agents:gateway, pod gateway-0',
      'Agent runs in namespace agents, pod gateway-0, ServiceAccount agent (as its gateway says)',
      `UID           ${metadata.uid}`,
      'Amount      60',
      '{ "amount": 60, "note": "a note", "order": "3" }',
    ])
      expect(stdout).toContain(text);
    const one = await aegis('alice', 'show', `apr/${name}`, '-o', 'json');
    expect((JSON.parse(one.stdout) as ApprovalRequest).metadata).toMatchObject({ name, uid: metadata.uid });
  });

  it('approves several names, and the agent gets on', TIMEOUT, async () => {
    const [one, two] = [await asked(4, 10), await asked(5, 10)];
    const done = await aegis(
      'alice',
      'approve',
      one,
      `approvalrequest.aegis.dev/${two}`,
      '--yes',
      '--reason',
      'ticket 7',
    );
    expect(done).toEqual({
      code: 0,
      stdout: `${one} is approved. It covers this request, once.\n${two} is approved. It covers this request, once.\n`,
      stderr: '2 of 2 approved\n',
    });
    expect((await bed.get(one)).status.decisions).toEqual([
      { approver: 'alice', verdict: 'approved', reason: 'ticket 7' },
    ]);
    for (const order of [4, 5]) await until(async () => (await refund(order, 10)).status === 200);
  });

  it('counts up to as many people as the rule wants, and nobody twice', TIMEOUT, async () => {
    const name = await asked(6, 2_000);
    const first = await aegis('alice', 'approve', name, '-y');
    expect(first.stdout).toBe(`${name} has 1 of 2 approvals and waits for more.\n`);
    const again = await aegis('alice', 'approve', name, '-y');
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toContain('Duplicate value');
    const second = await aegis('bob', 'approve', name, '-y', '-o', 'name');
    expect([second.code, second.stdout]).toEqual([0, `approvalrequest.aegis.dev/${name}\n`]);
    await until(async () => (await refund(6, 2_000)).status === 200);
  });

  it('denies with a reason, which the agent is told', TIMEOUT, async () => {
    const name = await asked(7, 30);
    const without = await aegis('bob', 'deny', name, '--yes');
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("required option '--reason")]);
    const blank = await aegis('bob', 'deny', name, '--yes', '--reason', ' ');
    expect(blank.code).toBe(2);
    const done = await aegis('bob', 'deny', name, '--yes', '--reason', 'no receipt');
    expect([done.code, done.stdout]).toEqual([0, `${name} is denied.\n`]);
    expect(JSON.stringify((await refund(7, 30)).json)).toContain('no receipt');
    const late = await aegis('alice', 'approve', name, '--yes');
    expect([late.code, late.stderr]).toEqual([3, `${name}: is denied already and cannot be decided any more\n`]);
  });

  it('decides nothing unasked where there is no terminal', TIMEOUT, async () => {
    const name = await asked(8, 30);
    const { code, stderr } = await aegis('alice', 'approve', name);
    expect([code, stderr]).toEqual([2, 'there is no terminal to ask at: --yes decides without being asked\n']);
    expect((await bed.get(name)).status.decisions).toEqual([]);
  });

  it('says who may not, in the words of the API server', TIMEOUT, async () => {
    const name = await asked(9, 30);
    const rows = [
      ['viewer', 1, 'User "viewer" cannot patch resource "approvalrequests/status"'],
      ['gateway', 1, 'system:serviceaccount:agents:gateway made this request and may not decide it'],
      ['neighbour', 1, 'it takes the verb approve on approvalrequests.aegis.dev in namespace agents'],
      ['stranger', 4, 'User "stranger" cannot get resource "approvalrequests"'],
      ['agent', 4, 'cannot get resource "approvalrequests"'],
    ] as const;
    for (const [user, code, words] of rows) {
      const refused = await aegis(user, 'approve', name, '--yes');
      expect([user, refused.code, refused.stdout]).toEqual([user, code, '']);
      expect(refused.stderr).toContain(words);
    }
    expect((await bed.get(name)).status.decisions).toEqual([]);
  });

  it('answers for each of several names, with the highest exit code', TIMEOUT, async () => {
    const name = await asked(10, 30);
    const { code, stderr, stdout } = await aegis('alice', 'approve', 'apr-0000000000', name, '../../secrets', '-y');
    expect([code, stdout]).toEqual([3, `${name} is approved. It covers this request, once.\n`]);
    expect(stderr.split('\n')).toEqual([
      'apr-0000000000: Error from server (NotFound): approvalrequests.aegis.dev "apr-0000000000" not found in namespace agents',
      '../../secrets: there is no ApprovalRequest of this name; names look like apr-7zq3k9x2mb',
      '1 of 3 approved',
      '',
    ]);
  });

  it('tells what was decided by whom, and what became of it', TIMEOUT, async () => {
    const [used, refused] = [await asked(11, 11), await asked(12, 12)];
    await aegis('alice', 'approve', used, '-y', '--reason', 'known customer');
    await until(async () => (await refund(11, 11)).status === 200);
    await aegis('bob', 'deny', refused, '-y', '--reason', 'unknown');
    await refund(12, 12);
    const line = await until(async () => {
      const { stdout } = await aegis('viewer', 'history', '--since', '1h');
      const found = stdout.split('\n').find((row) => row.includes(refused));
      return found?.includes('T') === true ? stdout : null;
    });
    const cellsOf = (name: string): readonly string[] =>
      line
        .split('\n')
        .find((row) => row.includes(name))
        ?.split(/ {2,}/u) ?? [];
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
    const through = expect.stringMatching(/^let through at \d{4}/u);
    expect(cellsOf(used)).toEqual([
      time,
      used,
      'consumed',
      'refund',
      'order 11',
      '11',
      'shop-agent',
      'approved by alice (known customer)',
      through,
    ]);
    expect(cellsOf(refused)).toEqual([
      time,
      refused,
      'denied',
      'refund',
      'order 12',
      '12',
      'shop-agent',
      'denied by bob (unknown)',
      'refused',
    ]);
    const limited = await aegis('viewer', 'history', '--limit', '1', '-o', 'name');
    expect(limited.stdout.split('\n')).toHaveLength(2);
    expect((await aegis('viewer', 'history', '--since', 'yesterday')).code).toBe(2);
  });

  it('explains why policy asked, and what differs from the last approved request of the kind', TIMEOUT, async () => {
    const before = await asked(13, 100, 'monthly');
    await aegis('alice', 'approve', before, '-y');
    await until(async () => (await refund(13, 100, 'monthly')).status === 200);
    const name = await asked(14, 4_000, 'urgent');
    const { code, stdout } = await aegis('viewer', 'explain', name);
    expect(code).toBe(0);
    const { binding } = (await bed.get(name)).spec as { binding: { policyDigest: string } };
    for (const text of [
      'Rule          large-refunds',
      'Why           rule large-refunds says approve (risk critical)',
      'Needs         2 different people to agree; one who denies ends it',
      `Policy        sha256:${binding.policyDigest}`,
      `Compared with ${before}, the last one of the kind that was approved`,
      'Approved by   alice',
      'Changed     /amount: 100 -> 4000 (40 times)',
      'Changed     /note: "monthly" -> "urgent"',
      'Changed     target: "order 13" -> "order 14"',
      'Changed     risk: "high" -> "critical"',
      'Changed     approvers needed: 1 -> 2',
    ])
      expect(stdout).toContain(text);
    expect(stdout).toMatch(/^Same {10}scope, agent, method, policy, action map/mu);
    const { changes } = JSON.parse((await aegis('viewer', 'explain', name, '-o', 'json')).stdout) as {
      changes: readonly { member: string }[];
    };
    expect(changes.map(({ member }) => member)).toContain('/amount');
  });

  it('decides on what was shown, and on nothing that took its name meanwhile', TIMEOUT, async () => {
    const name = await asked(15, 15);
    // Between reading and deciding, the request is deleted and another one is made under its name.
    const { spec } = await bed.get(name);
    const log = `${plugin.folder}/swapped`;
    const kubectl = `${plugin.bin}/kubectl`;
    const admin = bed.cluster.kubeconfig('admin');
    const gatewayConfig = bed.cluster.kubeconfig('gateway');
    const swapped = await plugin.script('swapping-kubectl', [
      `case "$1" in patch)`,
      `  ${kubectl} --kubeconfig ${admin} delete apr ${name} -n agents >${log} 2>&1`,
      `  ${kubectl} --kubeconfig ${gatewayConfig} create -f ${plugin.folder}/other.json >>${log} 2>&1 ;;`,
      'esac',
      `exec ${kubectl} "$@"`,
    ]);
    const other = bed.manifest({ name, spec: { ...spec, requester: spec['requester'], why: 'another' } });
    await writeFile(`${plugin.folder}/other.json`, JSON.stringify(other));
    const { code, stderr } = await plugin.run(bed.cluster.kubeconfig('alice'), ['approve', name, '-y'], {
      env: { AEGIS_KUBECTL: swapped },
    });
    expect([code, stderr]).toEqual([
      1,
      `${name}: has become another request since it was shown; nothing was decided\n`,
    ]);
    const now = await bed.get(name);
    expect([now.spec['why'], now.status.decisions]).toEqual(['another', []]);
  });

  it('does not approve what its gateway would never use, and says why', TIMEOUT, async () => {
    const { name } = (await bed.create()).metadata;
    const shown = await aegis('alice', 'pending');
    expect(shown.stderr).toBe(
      `! agents/${name}: its gateway will not use it: its fingerprint is not that of its binding\n`,
    );
    const approved = await aegis('alice', 'approve', name, '-y');
    expect([approved.code, approved.stderr]).toEqual([1, expect.stringContaining('its fingerprint is not that')]);
    expect((await aegis('alice', 'deny', name, '-y', '--reason', 'forged')).code).toBe(0);
  });

  it('tries a conflict again, as long as it is the same request', TIMEOUT, async () => {
    const name = await asked(16, 16);
    let conflicts = 0;
    world.proxy.fault = ({ method }) => {
      if (method !== 'PATCH' || conflicts === 2) return null;
      conflicts += 1;
      const message = 'the object has been modified; please apply your changes to the latest version and try again';
      return {
        kind: 'answer',
        status: 409,
        body: { kind: 'Status', apiVersion: 'v1', code: 409, reason: 'Conflict', status: 'Failure', message },
      };
    };
    try {
      const { code, stderr } = await aegis(
        'alice',
        'approve',
        name,
        '-y',
        '--server',
        `https://127.0.0.1:${world.proxy.port}`,
      );
      expect([code, stderr, conflicts]).toEqual([0, '', 2]);
    } finally {
      world.proxy.fault = () => null;
    }
    expect((await bed.get(name)).status.decisions).toHaveLength(1);
  });

  it('says that the API server cannot be reached', TIMEOUT, async () => {
    const gone = await aegis('alice', 'pending', '--server=https://127.0.0.1:1');
    expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('was refused')]);
    const unknown = await aegis('alice', 'show', 'apr-0000000000', '--token', 'nobody');
    expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringMatching(/logged in|Unauthorized/u)]);
    const without = await plugin.run(bed.cluster.kubeconfig('alice'), ['pending'], {
      env: { AEGIS_KUBECTL: 'no-such-kubectl' },
    });
    expect([without.code, without.stderr]).toEqual([
      4,
      expect.stringContaining('AEGIS_KUBECTL names the kubectl to use'),
    ]);
    expect((await aegis('alice', 'pending', '--unheard-of')).code).toBe(2);
  });

  it('completes commands, flags and the names of requests, as kubectl asks for it', TIMEOUT, async () => {
    const name = await asked(17, 17);
    const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await plugin.kubectl(bed.cluster.kubeconfig('alice'), ['__complete', 'aegis', ...words]);
      return stdout.trimEnd().split('\n');
    };
    expect((await complete('app'))[0]).toMatch(/^approve/u);
    expect(await complete('show', name)).toContain(`${name}\tpending, high: refund order 17`);
    expect((await complete('approve', '')).join('\n')).toContain(name);
    expect((await complete('approve', name, '')).join('\n')).not.toContain(name);
    expect(await complete('pending', '-o', '')).toEqual(['json', 'yaml', 'name', 'wide', ':4']);
    expect((await complete('pending', '--cont')).join('\n')).toContain('--context\t');
    expect(await complete('approve', '-n', 'others', '')).toEqual([':4']);
  });

  it('gives shells their completion', TIMEOUT, async () => {
    const name = await asked(18, 18);
    const bash = await plugin.run(bed.cluster.kubeconfig('alice'), ['completion', 'bash']);
    const script = await plugin.script('completing', [
      `exec bash -c 'source "$0"; COMP_WORDS=(kubectl-aegis show "$1"); COMP_CWORD=2; _kubectl_aegis; printf "%s\\n" "\${COMPREPLY[@]}"' "$@"`,
    ]);
    const file = `${plugin.folder}/completion.bash`;
    await writeFile(file, bash.stdout);
    const { promise, resolve } = Promise.withResolvers<string>();
    const env = {
      PATH: `${plugin.bin}:${process.env['PATH'] ?? ''}`,
      HOME: plugin.folder,
      KUBECONFIG: bed.cluster.kubeconfig('alice'),
    };
    execFile(script, [file, name.slice(0, 8)], { env }, (_error, stdout, stderr) => resolve(stdout + stderr));
    expect((await promise).split('\n')).toContain(name);
    expect((await aegis('alice', 'completion', 'fish')).stdout).toContain('complete -c kubectl-aegis');
    expect((await aegis('alice', 'completion', 'zsh')).stdout).toContain('#compdef kubectl-aegis');
    const own = await aegis('alice', 'completion', 'kubectl');
    expect(own.stdout).toContain('exec kubectl-aegis __complete "$@"');
  });
});
