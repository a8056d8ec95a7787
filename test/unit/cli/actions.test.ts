import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerActions } from '../../../src/cli/actions.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-actions-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function run(cwd: string, ...argv: readonly string[]): Promise<Ran> {
  let out = '';
  let err = '';
  let code = 0;
  const program = new Command('aegis-gateway').exitOverride().configureOutput({
    writeOut: (text) => (out += text),
    writeErr: (text) => (err += text),
  });
  registerActions(program, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    colour: false,
    columns: null,
    env: {},
    cwd,
    clock: { now: () => 0, monotonic: () => 0 },
    signal: new AbortController().signal,
    exit: (given) => (code = given),
  });
  for (const group of program.commands) {
    for (const command of [group, ...group.commands]) command.copyInheritedSettings(program);
  }
  try {
    await program.parseAsync(['actions', ...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = 2;
  }
  return { code, out, err };
}

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return name;
}

const MAP = `version: 1
host: pay.example.com
actions:
  - match: {method: POST, path: /refunds}
    action: {type: refund, target: "order/{order}"}
    params: {order: {body: /order}, amount: {body: /amount}}
    effect: irreversible
    amount: amount
    description: "Refund {amount}"
  - match: {method: GET, path: "/orders/{id}"}
    action: {type: read-order, target: "{id}"}
  - match: {host: other.example.com}
    action: {type: other}
`;

describe('the maps that are shipped', () => {
  test('hold all their tests, and every entry has one', async () => {
    const files = (await readdir('actions'))
      .filter((name) => name.endsWith('.test.yaml'))
      .map((name) => join('actions', name));
    expect(files).toEqual(['actions/github.test.yaml', 'actions/slack.test.yaml', 'actions/stripe.test.yaml']);
    const ran = await run(process.cwd(), 'test', '--require-coverage', ...files);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out.match(/ 0 failed, 0 entries untested/gu)).toHaveLength(3);
  });

  test('load together', async () => {
    const ran = await run(
      process.cwd(),
      'validate',
      'actions/github.yaml',
      'actions/slack.yaml',
      'actions/stripe.yaml',
    );
    expect(ran).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^3 files, \d+ entries, no mistakes\n$/u),
    });
  });
});

describe('actions validate', () => {
  test('prints every mistake of every file, and exits 1', async () => {
    const one = await file(
      'bad1.yaml',
      'version: 1\nhost: h.example\nactions:\n  - {match: {path: a}, action: {type: t}}\n',
    );
    const two = await file('bad2.yaml', 'version: 1\nactions: []\nhots: h\n');
    const ran = await run(folder, 'validate', one, two);
    expect(ran.code).toBe(1);
    expect(ran.out.split('\n')).toEqual([
      expect.stringMatching(/^bad1\.yaml:4:20: actions\[0\]\.match\.path: /u),
      expect.stringMatching(/^bad2\.yaml:3:1: .*did you mean "host"\?/u),
      '2 mistakes',
      '',
    ]);
  });

  test('as JSON gives places apart', async () => {
    const name = await file('bad3.yaml', 'version: 1\nactions: []\nhots: h\n');
    const ran = await run(folder, 'validate', '--format', 'json', name);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.out)).toMatchObject({
      ok: false,
      entries: null,
      mistakes: [{ file: name, line: 3, column: 1 }],
    });
  });

  test('exits 2 for a file that is not there, and for a format that is none', async () => {
    expect(await run(folder, 'validate', 'absent.yaml')).toMatchObject({
      code: 2,
      err: expect.stringContaining('absent.yaml'),
    });
    expect(await run(folder, 'validate', '--format', 'xml', 'absent.yaml')).toMatchObject({ code: 2 });
  });
});

describe('actions explain', () => {
  const post = ['--map', 'map.yaml', '--method', 'POST', '--url', 'https://pay.example.com/refunds'];
  const typed = ['--header', 'content-type: application/json'];

  beforeAll(async () => {
    await file('map.yaml', MAP);
  });

  test('says the action, its parameters and what became of each entry', async () => {
    const ran = await run(
      folder,
      'explain',
      ...post,
      ...typed,
      '--body',
      '{"order": 7, "amount": 12345678901234567890}',
    );
    expect(ran).toEqual({
      code: 0,
      err: '',
      out: `action   refund
target   order/7
decided  by the entry at map.yaml:4
effect   irreversible
amount   amount
says     "Refund 12345678901234567890"
param    "order" = 7
param    "amount" = 12345678901234567890

entries for this path:
  map.yaml:4 refund: decides: host, path and method fit

1 entry for other paths of this host (--all shows them)
1 entry for other hosts
`,
    });
    expect((await run(folder, 'explain', '--all', ...post)).out).toContain(
      'map.yaml:10 read-order: does not fit: the path is not /orders/{id}',
    );
  });

  test('takes the body from a file, and judges a compressed or disguised one as the gateway would', async () => {
    await file('body.json', '{"order": 8}');
    expect((await run(folder, 'explain', ...post, '--body', '@body.json')).out).toContain('target   order/8');
    const image = await run(folder, 'explain', ...post, '-H', 'content-type: image/png', '--body', '@body.json');
    expect(image.out).toContain('target   order/8');
  });

  test('as JSON keeps numbers exact', async () => {
    const ran = await run(
      folder,
      'explain',
      '--format',
      'json',
      ...post,
      ...typed,
      '--body',
      '{"order": 1.10, "amount": 12345678901234567890}',
    );
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('"params":{"amount":12345678901234567890,"order":1.10}');
    expect(JSON.parse(ran.out)).toMatchObject({
      actions: [{ type: 'refund', effect: 'irreversible', amount: 'amount', mapped_by: 'map.yaml:4' }],
      considered: [
        { at: 'map.yaml:4', verdict: 'decides' },
        { at: 'map.yaml:10', verdict: 'does not fit' },
      ],
      other_hosts: 1,
    });
  });

  test.each([
    ['a body that the map cannot read', ['-H', 'content-type: image/png', '--body', 'PNG'], 'body-mismatch'],
    ['a body with a key twice', [...typed, '--body', '{"order": 1, "order": 2}'], 'duplicate-key'],
    ['a method override', ['--header', 'x-http-method-override: DELETE'], 'bad-header'],
  ])('says why %s is refused, and exits 1', async (_, more, code) => {
    const ran = await run(folder, 'explain', ...post, ...more);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(new RegExp(`^refused  ${code} \\(400\\): .+\nwhy      .+\n`, 'u'));
    expect(JSON.parse((await run(folder, 'explain', '--format', 'json', ...post, ...more)).out)).toMatchObject({
      fault: { code },
    });
  });

  test('without a map shows the default mapping', async () => {
    const ran = await run(folder, 'explain', '--url', 'http://h.example/a?x=1');
    expect(ran).toEqual({
      code: 0,
      err: '',
      out: 'action   read\ntarget   h.example\ndecided  by the default mapping\nparam    "path" = "/a"\nparam    "x" = "1"\n',
    });
  });

  test.each([
    ['a header without a colon', ['--header', 'x'], 'expected "name: value"'],
    ['a body file that is not there', ['--body', '@absent'], 'the file cannot be read'],
    ['a map that is not there', ['--map', 'absent.yaml'], 'absent.yaml'],
  ])('exits 2 for %s', async (_, more, message) => {
    expect(await run(folder, 'explain', '--url', 'http://h.example/', ...more)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(message),
    });
  });

  test('exits 2 and says where for a map with mistakes', async () => {
    const bad = await file('bad4.yaml', 'version: 3\nactions: []\n');
    const ran = await run(folder, 'explain', '--map', bad, '--url', 'http://h.example/');
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('bad4.yaml:1:10: version') });
  });
});

function tests(rows: string): string {
  return `version: 1\nmaps: [map.yaml]\ntests:\n${rows}`;
}

describe('actions test', () => {
  beforeAll(async () => {
    await file('map.yaml', MAP);
  });

  test('says what was expected and what was found, and exits 1', async () => {
    const name = await file(
      'fails.test.yaml',
      tests(`
  - name: wrong all over
    request: {method: POST, url: "https://pay.example.com/refunds", json: {order: 7, amount: 1.5}}
    expect: {action: {type: pay, target: x, params: {amount: 2, note: a}, absent: [order], effect: read-only, amount: null, description: d, mapped: false}}
  - name: no fault
    request: {url: "https://pay.example.com/orders/5"}
    expect: {fault: body-mismatch}
  - name: no action
    request: {url: "https://pay.example.com/Orders/5"}
    expect: {action: {type: read-order}}
  - name: too many
    request: {url: "https://pay.example.com/orders/5"}
    expect: {actions: [{type: read-order}, {type: read-order}]}
  - name: right
    request: {url: "https://pay.example.com/orders/5"}
    expect: {action: {type: read-order, params: {id: "5"}, absent: [path]}}
`),
    );
    const ran = await run(folder, 'test', name);
    expect(ran.code).toBe(1);
    expect(ran.out).toBe(`FAIL fails.test.yaml:5: wrong all over
     type: expected "pay", found "refund"
     target: expected "x", found "order/7"
     description: expected "d", found "Refund 1.5"
     effect: expected "read-only", found "irreversible"
     amount: expected null, found "amount"
     mapped: expected false, found true
     parameter amount: expected 2, found 1.5
     parameter note: expected "a", found none
     parameter order: expected none, found 7
FAIL fails.test.yaml:8: no fault
     expected fault body-mismatch, found action read-order on 5
FAIL fails.test.yaml:11: no action
     expected an action, found fault ambiguous-action: the path is almost that of the entry at map.yaml:10 (/orders/{id}): letter case, dots, blanks, an empty segment or an ending make the difference; expected the path as the API documents it
FAIL fails.test.yaml:14: too many
     expected 2 actions, found 1
fails.test.yaml: 5 tests, 4 failed, 1 entry untested
`);
  });

  test('with --require-coverage fails for an entry without a test, and names it', async () => {
    const name = await file(
      'part.test.yaml',
      tests(
        '  - {name: a, request: {url: "https://pay.example.com/orders/5"}, expect: {action: {type: read-order}}}\n',
      ),
    );
    expect(await run(folder, 'test', name)).toMatchObject({ code: 0 });
    const strict = await run(folder, 'test', '--require-coverage', name);
    expect(strict.code).toBe(1);
    expect(strict.out).toContain('no test reaches the entry at map.yaml:4');
    const json = await run(folder, 'test', '--require-coverage', '--format', 'json', name);
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      files: [{ file: name, results: [{ name: 'a', problems: [] }], untested: ['map.yaml:4', 'map.yaml:12'] }],
    });
  });

  test.each([
    [
      'two bodies',
      '{url: "http://h.example/", body: a, json: 1}',
      '{fault: internal}',
      'expected one of body, json and form',
    ],
    ['no expectation', '{url: "http://h.example/"}', '{}', 'expected exactly one of expect.action'],
    ['an unknown fault', '{url: "http://h.example/"}', '{fault: body-mismatsch}', 'body-mismatch'],
  ])('points at a mistake in a test file: %s', async (_, request, expected, message) => {
    const name = await file('mistake.test.yaml', tests(`  - {name: a, request: ${request}, expect: ${expected}}\n`));
    const ran = await run(folder, 'test', name);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/^mistake\.test\.yaml:4:\d+: tests\[0\]/u);
    expect(ran.out).toContain(message);
  });

  test('reports the mistakes of a map as its own, and a map that is not there as wrong usage', async () => {
    const bad = await file('bad5.yaml', 'version: 3\nactions: []\n');
    const name = await file(
      'bad5.test.yaml',
      `version: 1\nmaps: [${bad}]\ntests:\n  - {name: a, request: {url: "http://h.example/"}, expect: {fault: internal}}\n`,
    );
    expect(await run(folder, 'test', name)).toMatchObject({ code: 1, out: expect.stringContaining('bad5.yaml:1:10') });
    const lost = await file(
      'lost.test.yaml',
      'version: 1\nmaps: [absent.yaml]\ntests:\n  - {name: a, request: {url: "http://h.example/"}, expect: {fault: internal}}\n',
    );
    expect(await run(folder, 'test', lost)).toMatchObject({ code: 2, err: expect.stringContaining('absent.yaml') });
  });
});
