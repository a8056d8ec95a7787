import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { LIMITS } from '../../../src/config/limits.ts';
import { formatMistake } from '../../../src/document/mistake.ts';

function mistakesOf(text: string): readonly string[] {
  const loaded = loadConfig(text, '/etc/aegis/gateway.yaml', {});
  return loaded.ok ? [] : loaded.mistakes.map(formatMistake);
}

describe('gateway.yaml', () => {
  it('needs nothing but its version', () => {
    const loaded = loadConfig('version: 1\n', '/etc/aegis/gateway.yaml', {});
    expect(loaded).toMatchObject({
      ok: true,
      value: { listeners: { data: { host: '127.0.0.1', port: 15001 }, admin: { host: '127.0.0.1', port: 15020 } } },
    });
  });

  it('resolves paths against its own folder', () => {
    const text =
      'version: 1\ndata_dir: data\npolicy: {files: [p.yaml]}\nroutes: {a: {upstream: "https://a.example", credential: {file: key}}}\n';
    const loaded = loadConfig(text, '/etc/aegis/gateway.yaml', {});
    expect(loaded).toMatchObject({
      ok: true,
      value: {
        data_dir: '/etc/aegis/data',
        policy: { files: ['/etc/aegis/p.yaml'] },
        routes: { a: { credential: { file: '/etc/aegis/key', header: 'Authorization', format: 'Bearer {secret}' } } },
      },
    });
  });

  it('resolves the files of targets, and says who is told of what by default', () => {
    const text =
      'version: 1\napprovals: {notify: [{kind: slack, url_file: s}, {kind: cloudevents, url: "https://x.example", ca_files: [ca.pem], credential: {file: t}, signature: {file: k}}]}\n';
    expect(loadConfig(text, '/etc/aegis/gateway.yaml', {})).toMatchObject({
      ok: true,
      value: {
        approvals: {
          notify: [
            { name: 'slack', url_file: '/etc/aegis/s', events: ['pending'], rate: 30, timeout: 5_000 },
            {
              name: 'cloudevents',
              ca_files: ['/etc/aegis/ca.pem'],
              credential: { file: '/etc/aegis/t' },
              signature: { file: '/etc/aegis/k', header: 'X-Aegis-Signature' },
            },
          ],
        },
      },
    });
  });

  it('lets the environment name the agent, as the downward API does', () => {
    const loaded = loadConfig('version: 1\nagent: {id: from-file}\n', '/g.yaml', {
      AEGIS_AGENT_ID: 'from-pod',
      AEGIS_AGENT_POD: 'p-0',
    });
    expect(loaded).toMatchObject({ ok: true, value: { agent: { id: 'from-pod', pod: 'p-0' } } });
  });

  it('reports every mistake at once, with its place and what was meant', () => {
    const found = mistakesOf(
      'version: 1\nlistners: {}\nlimits: {body: 9 gigs}\nroutes:\n  Bad_Name: {upstream: "https://x"}\n  good: {upstream: "ftp://x"}\n',
    );
    expect(found).toHaveLength(4);
    expect(found[0]).toMatch(/^\/etc\/aegis\/gateway\.yaml:2:1: unknown key "listners"; did you mean "listeners"/u);
    expect(found.join('\n')).toMatch(/gateway\.yaml:3:16: limits\.body: .*a size such as 64KiB/u);
    expect(found.join('\n')).toMatch(/gateway\.yaml:5:\d+: .*route name/u);
    expect(found.join('\n')).toMatch(/http or https URL/u);
  });

  it.each([
    ['a limit beyond its bounds', 'limits: {body: 2GiB}', /1KiB to 64MiB/u],
    ['a secret in the URL of an upstream', 'routes: {a: {upstream: "https://u:p@a.example"}}', /credential\.file/u],
    [
      'a credential format without the secret',
      'routes: {a: {upstream: "https://a.example", credential: {file: f, format: x}}}',
      /\{secret\}/u,
    ],
    ['a listener without a port', 'listeners: {data: localhost}', /HOST:PORT/u],
    ['a target that is told nothing', 'approvals: {notify: [{kind: slack, url_file: f, events: []}]}', /events/u],
    ['an event that there is not', 'approvals: {notify: [{kind: slack, url_file: f, events: [asked]}]}', /pending/u],
    [
      'the secret address of Slack in the file itself',
      'approvals: {notify: [{kind: slack, url: "https://x"}]}',
      /unknown key "url"/u,
    ],
    ['a target without an address', 'approvals: {notify: [{kind: cloudevents}]}', /one of url and url_file/u],
    [
      'a target with two addresses',
      'approvals: {notify: [{kind: cloudevents, url: "https://x.example", url_file: f}]}',
      /gateway\.yaml:2:22: approvals\.notify\[0\]: expected one of url and url_file/u,
    ],
    [
      'a password in the address of a target',
      'approvals: {notify: [{kind: cloudevents, url: "https://u:p@x.example"}]}',
      /without credentials/u,
    ],
    [
      'two targets of one name',
      'approvals: {notify: [{kind: slack, url_file: a}, {kind: slack, url_file: b}]}',
      /a name of its own/u,
    ],
    [
      'a target of no known kind',
      'approvals: {notify: [{kind: mail}]}',
      /gateway\.yaml:2:\d+: approvals\.notify\[0\]\.kind/u,
    ],
    ['a rate beyond its bounds', 'approvals: {notify: [{kind: slack, url_file: f, rate: 0}]}', /rate/u],
    ['a port that is none', 'listeners: {data: "127.0.0.1:70000"}', /0 to 65535/u],
  ])('refuses %s', (_name, line, expected) => {
    expect(mistakesOf(`version: 1\n${line}\n`).join('\n')).toMatch(expected);
  });

  it('cannot be changed once it is loaded', () => {
    const loaded = loadConfig('version: 1\n', '/g.yaml', {});
    expect(loaded.ok && Object.isFrozen(loaded.value.limits)).toBe(true);
  });
});

describe('the table of limits', () => {
  it.each(Object.entries(LIMITS))('%s lies within its own bounds', (_name, limit) => {
    expect(limit.value).toBeGreaterThanOrEqual(limit.min);
    expect(limit.value).toBeLessThanOrEqual(limit.max);
    expect(limit.why.length).toBeGreaterThan(20);
  });
});
