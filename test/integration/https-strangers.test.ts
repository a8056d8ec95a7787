import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { asAgent } from '../support/as-agent.ts';
import { journalOf } from '../support/audit-trail.ts';
import { describeWith } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';

/*
 * Clients that go through the gateway and were not told of its CA. Each breaks off in its own way; each is named in log,
 * metrics and audit trail, with what to do.
 */

interface Stranger {
  readonly name: string;
  readonly needs: readonly string[];
  readonly command: (paths: readonly string[], url: string) => readonly string[];
  /** What takes the CA away from it. */
  readonly before: string;
  /** How it breaks off; git does as the library that it was built with. */
  readonly failure: RegExp;
}

const withoutTruststore = `export JAVA_TOOL_OPTIONS="$(printf %s "$JAVA_TOOL_OPTIONS" | sed 's/-Djavax[^ ]*//g')"`;
const python =
  (file: string) =>
  ([interpreter = '']: readonly string[], url: string): readonly string[] => [interpreter, resolve(file), url, ''];
const node =
  (file: string, ...flags: readonly string[]) =>
  (_paths: readonly string[], url: string): readonly string[] => [process.execPath, ...flags, resolve(file), url, ''];

const STRANGERS: readonly Stranger[] = [
  {
    name: 'curl',
    needs: ['curl'],
    command: ([curl = ''], url) => [curl, '-sS', url],
    before: 'unset SSL_CERT_FILE CURL_CA_BUNDLE',
    failure: /^unknown-ca$/u,
  },
  {
    name: 'curl with TLS 1.2',
    needs: ['curl'],
    command: ([curl = ''], url) => [curl, '-sS', '--tls-max', '1.2', url],
    before: 'unset SSL_CERT_FILE CURL_CA_BUNDLE',
    failure: /^unknown-ca$/u,
  },
  {
    name: 'Python with requests',
    needs: ['python-requests'],
    command: python('test/clients/with_requests.py'),
    before: 'unset SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE',
    failure: /^unknown-ca$/u,
  },
  {
    name: 'Python with httpx',
    needs: ['python-httpx'],
    command: python('test/clients/with_httpx.py'),
    before: 'unset SSL_CERT_FILE',
    failure: /^unknown-ca$/u,
  },
  {
    name: "Node's own fetch",
    needs: [],
    command: node('test/clients/with-fetch.mjs'),
    before: 'unset NODE_EXTRA_CA_CERTS',
    failure: /^closed$/u,
  },
  {
    name: "Node's own fetch with TLS 1.2",
    needs: [],
    command: node('test/clients/with-fetch.mjs', '--tls-max-v1.2'),
    before: 'unset NODE_EXTRA_CA_CERTS',
    failure: /^unused$/u,
  },
  {
    name: 'undici',
    needs: [],
    command: node('test/clients/with-undici.mjs'),
    before: 'unset NODE_EXTRA_CA_CERTS',
    failure: /^closed$/u,
  },
  {
    name: 'Go with net/http',
    needs: ['go-client'],
    command: ([client = ''], url) => [client, url, ''],
    before: 'unset SSL_CERT_FILE',
    failure: /^bad-certificate$/u,
  },
  {
    name: 'Java with HttpClient',
    needs: ['java'],
    command: ([java = ''], url) => [java, resolve('test/clients/Client.java'), url, ''],
    before: withoutTruststore,
    failure: /^(?:closed|certificate-unknown)$/u,
  },
  {
    name: 'git',
    needs: ['git'],
    command: ([git = ''], url) => [git, 'ls-remote', url],
    before: 'unset SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO',
    failure: /^(?:unused|unknown-ca|bad-certificate)$/u,
  },
];

let gateway: GatewayProcess;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'aegis-strangers-'));
  gateway = await startGatewayProcess({
    policy: 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n',
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** How often clients broke off in one of these ways. */
async function failures(failure: RegExp): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
  const lines = metrics.matchAll(/client_tls_failures_total\{failure="(?<kind>[^"]+)"\} (?<count>\d+)/gu);
  return [...lines]
    .filter(({ groups }) => failure.test(groups?.['kind'] ?? ''))
    .reduce((sum, { groups }) => sum + Number(groups?.['count']), 0);
}

for (const [index, { name, needs, command, before, failure }] of STRANGERS.entries()) {
  describeWith(needs, name, (paths) => {
    it('is named when it was not told of the CA', { timeout: 90_000 }, async () => {
      const host = `stranger-${index}.example`;
      const counted = await failures(failure);
      await expect(asAgent({ gateway, home, before }, command(paths, `https://${host}/`))).rejects.toThrow(/./u);
      const records = async (): Promise<readonly object[]> =>
        (await journalOf(gateway)).filter(
          ({ kind, request }) => kind === 'refusal' && (request as { url?: string }).url === `${host}:443`,
        );
      await expect.poll(async () => (await records()).length).toBeGreaterThan(0);
      for (const record of await records()) {
        expect(record).toMatchObject({ fault: 'client-tls', request: { entry: 'connect', method: 'CONNECT' } });
        expect(String((record as { readonly detail?: unknown }).detail)).toContain(
          'trust the certificate of the gateway',
        );
      }
      expect(await failures(failure)).toBeGreaterThan(counted);
      const line = gateway.log.find((one) => one.event === 'intercept.client-tls-failed' && one['host'] === host);
      expect(line).toMatchObject({ failure: expect.stringMatching(failure) as string, port: 443, client: '127.0.0.1' });
      expect(line?.['advice']).toContain('aegis-gateway env');
    });
  });
}
