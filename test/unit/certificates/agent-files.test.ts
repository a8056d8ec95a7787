import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeAgentFiles } from '../../../src/certificates/agent-files.ts';
import { agentVariables, shellExports } from '../../../src/certificates/agent-variables.ts';
import { makeAuthority, type Authority } from '../../../src/certificates/authority.ts';
import { describeWith } from '../../support/counterparts.ts';

const random = (count: number): Uint8Array<ArrayBuffer> => Uint8Array.from(randomBytes(count));
const root = mkdtempSync(join(tmpdir(), 'aegis-agent-files-'));
const folder = join(root, 'agent');
let authority: Authority;
const write = async (): Promise<void> =>
  await writeAgentFiles({
    places: { folder, host: '127.0.0.1', port: 15_001 },
    authority: authority.pem,
    extra: [],
    random,
  });

beforeAll(async () => {
  authority = makeAuthority({ now: () => Date.now(), monotonic: () => 0 }, random);
  await write();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the bundle', () => {
  it('holds the roots that are trusted anyway, and the CA', () => {
    const blocks =
      readFileSync(join(folder, 'ca-bundle.pem'), 'utf8').match(/-----BEGIN[^]+?END CERTIFICATE-----\n/gu) ?? [];
    const found = blocks.map((block) => new X509Certificate(block).fingerprint256);
    const roots = getCACertificates('default').map((pem) => new X509Certificate(pem).fingerprint256);
    expect(found).toEqual([new X509Certificate(authority.pem).fingerprint256, ...roots]);
  });
});

describeWith(['openssl'], 'the truststore, as OpenSSL reads it', ([openssl = '']) => {
  it('is whole under its password, and is refused under another', () => {
    const args = ['pkcs12', '-nokeys', '-in', join(folder, 'truststore.p12'), '-passin'];
    const text = execFileSync(openssl, [...args, 'pass:changeit'], { encoding: 'utf8' });
    expect(text.match(/BEGIN CERTIFICATE/gu)).toHaveLength(getCACertificates('default').length + 1);
    expect(text).toContain(authority.pem.trim().split('\n')[2]);
    expect(() => execFileSync(openssl, [...args, 'pass:other'], { stdio: 'pipe' })).toThrow(/Mac verify error/u);
  });
});

describeWith(['java'], 'the truststore, as Java reads it', ([java = '']) => {
  it('holds every certificate as one that is trusted', () => {
    const program = join(root, 'Count.java');
    writeFileSync(
      program,
      `import java.io.FileInputStream; import java.security.KeyStore; import java.util.Collections;
      public class Count { public static void main(String[] a) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(a[0]), "changeit".toCharArray());
        int trusted = 0;
        for (String name : Collections.list(store.aliases())) if (store.isCertificateEntry(name)) trusted++;
        System.out.print(trusted); } }`,
    );
    const count = execFileSync(java, [program, join(folder, 'truststore.p12')], { encoding: 'utf8' });
    expect(Number(count)).toBe(getCACertificates('default').length + 1);
  });
});

describe('the variables', () => {
  it('lead every client through the data port and to the certificates', () => {
    const variables = agentVariables({ folder: '/run/agent', host: '::1', port: 15_001 });
    expect(Object.fromEntries(variables)).toEqual({
      HTTP_PROXY: 'http://[::1]:15001',
      http_proxy: 'http://[::1]:15001',
      HTTPS_PROXY: 'http://[::1]:15001',
      https_proxy: 'http://[::1]:15001',
      NO_PROXY: 'localhost,127.0.0.1,::1',
      no_proxy: 'localhost,127.0.0.1,::1',
      SSL_CERT_FILE: '/run/agent/ca-bundle.pem',
      REQUESTS_CA_BUNDLE: '/run/agent/ca-bundle.pem',
      CURL_CA_BUNDLE: '/run/agent/ca-bundle.pem',
      GIT_SSL_CAINFO: '/run/agent/ca-bundle.pem',
      AWS_CA_BUNDLE: '/run/agent/ca-bundle.pem',
      PIP_CERT: '/run/agent/ca-bundle.pem',
      NODE_EXTRA_CA_CERTS: '/run/agent/ca.pem',
      NODE_USE_ENV_PROXY: '1',
      JAVA_TOOL_OPTIONS:
        '-Djavax.net.ssl.trustStore=/run/agent/truststore.p12 -Djavax.net.ssl.trustStoreType=PKCS12 ' +
        '-Djavax.net.ssl.trustStorePassword=changeit -Dhttp.proxyHost=::1 -Dhttp.proxyPort=15001 ' +
        '-Dhttps.proxyHost=::1 -Dhttps.proxyPort=15001 -Dhttp.nonProxyHosts=localhost|127.*|[::1]',
    });
  });

  it('pass through a shell as they are, whatever the folder is called', () => {
    const odd = "/tmp/it's a $(folder) `x`";
    const text = shellExports(agentVariables({ folder: odd, host: '127.0.0.1', port: 1 }));
    const seen = execFileSync('sh', ['-c', `${text}printf '%s|%s' "$SSL_CERT_FILE" "$JAVA_TOOL_OPTIONS"`], {
      encoding: 'utf8',
    });
    expect(seen.split('|')[0]).toBe(`${odd}/ca-bundle.pem`);
    expect(seen).toContain(`"-Djavax.net.ssl.trustStore=${odd}/truststore.p12"`);
  });
});

describe('writing the files', () => {
  it('replaces a link that an agent left, and does not follow it', async () => {
    const victim = join(root, 'victim');
    writeFileSync(victim, 'untouched');
    rmSync(join(folder, 'ca.pem'));
    symlinkSync(victim, join(folder, 'ca.pem'));
    await write();
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'ca.pem'), 'utf8')).toBe(authority.pem);
    expect(readdirSync(folder).toSorted()).toEqual(['ca-bundle.pem', 'ca.pem', 'env.sh', 'truststore.p12']);
  });
});
