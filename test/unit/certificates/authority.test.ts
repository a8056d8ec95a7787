import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeAuthority, readAuthority } from '../../../src/certificates/authority.ts';
import { issueLeaf, issuerOf } from '../../../src/certificates/leaf.ts';
import type { Host } from '../../../src/model/brand.ts';
import type { Clock } from '../../../src/model/ports.ts';
import { parseHost } from '../../../src/request/host.ts';
import { describeWith } from '../../support/counterparts.ts';
import { TestAuthority } from '../forward/certificates.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const DAY_MS = 86_400_000;
const clockAt = (now: number): Clock => ({ now: () => now, monotonic: () => 0 });
const random = (count: number): Uint8Array<ArrayBuffer> => Uint8Array.from(randomBytes(count));
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));

function host(text: string): Host {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.fault.detail);
  return parsed.value;
}

const authorities = new TestAuthority();
afterAll(() => authorities[Symbol.dispose]());

describe('an authority that is made at start', () => {
  it('may sign certificates of servers and nothing below it, and its key stays in the process', async () => {
    const authority = makeAuthority(clockAt(NOW), random);
    const { pem } = authority;
    const signingKey = authority.signingKey();
    const certificate = new X509Certificate(pem);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(signingKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', signingKey)).rejects.toThrow(/extractable/u);
  });

  it('has a name of its own, so that two of them can be told apart', async () => {
    const [one, two] = [makeAuthority(clockAt(NOW), random), makeAuthority(clockAt(NOW), random)];
    expect(new X509Certificate(one.pem).subject).not.toBe(new X509Certificate(two.pem).subject);
  });
});

describe('a certificate for a host', () => {
  it.each([
    ['api.example.com', 'DNS:api.example.com'],
    ['my_service', 'DNS:my_service'],
    ['192.0.2.7', 'IP Address:192.0.2.7'],
    ['[2001:db8::1:0:7]', 'IP Address:2001:DB8:0:0:0:1:0:7'],
    ['[::1]', 'IP Address:0:0:0:0:0:0:0:1'],
    ['[fe80::]', 'IP Address:FE80:0:0:0:0:0:0:0'],
  ])('%s is for exactly %s', async (text, name) => {
    const authority = makeAuthority(clockAt(NOW), random);
    const { pem, notAfter } = await issueLeaf(
      issuerOf(authority),
      { host: host(text), publicKey: spki, now: NOW },
      random,
    );
    const leaf = new X509Certificate(pem);
    expect(leaf.subjectAltName).toBe(name);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.checkIssued(new X509Certificate(authority.pem))).toBe(true);
    expect(leaf.verify(new X509Certificate(authority.pem).publicKey)).toBe(true);
    expect(Date.parse(leaf.validTo)).toBe(notAfter);
    expect([notAfter - NOW, NOW - Date.parse(leaf.validFrom)]).toEqual([7 * DAY_MS, DAY_MS]);
  });

  it('never repeats a serial number', async () => {
    const authority = makeAuthority(clockAt(NOW), random);
    const request = { host: host('a.example'), publicKey: spki, now: NOW };
    const leaves = await Promise.all(
      Array.from({ length: 50 }, async () => await issueLeaf(issuerOf(authority), request, random)),
    );
    const serials = leaves.map(({ pem }) => new X509Certificate(pem).serialNumber);
    expect(new Set(serials).size).toBe(50);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/u);
  });
});

describeWith(['openssl'], 'both, as OpenSSL reads them', ([openssl = '']) => {
  const EXTENSIONS = 'basicConstraints,keyUsage,extendedKeyUsage,subjectKeyIdentifier,authorityKeyIdentifier';

  /** Names and values of the extensions, and nothing of the identifiers but that they are there. */
  function extensionsOf(file: string): readonly string[] {
    const text = execFileSync(openssl, ['x509', '-in', file, '-noout', '-ext', EXTENSIONS], { encoding: 'utf8' });
    return text
      .split('\n')
      .map((line) => line.trim().replace(/^(?:keyid:)?(?:[0-9A-F]{2}:){19}[0-9A-F]{2}$/u, 'KEY'))
      .filter((line) => line !== '');
  }

  it('hold what RFC 5280 asks for, under its strict reading as well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aegis-strict-'));
    const [ca, leaf] = [join(folder, 'ca.pem'), join(folder, 'leaf.pem')];
    const now = Date.now();
    const authority = makeAuthority(clockAt(now), random);
    writeFileSync(ca, authority.pem);
    try {
      expect(extensionsOf(ca)).toEqual([
        'X509v3 Basic Constraints: critical',
        'CA:TRUE, pathlen:0',
        'X509v3 Key Usage: critical',
        'Certificate Sign, CRL Sign',
        'X509v3 Subject Key Identifier:',
        'KEY',
      ]);
      for (const name of [
        'api.example.com',
        '192.0.2.7',
        '[2001:db8::7]',
        `${'a'.repeat(63)}.${'b'.repeat(63)}.example`,
      ]) {
        const { pem } = await issueLeaf(issuerOf(authority), { host: host(name), publicKey: spki, now }, random);
        writeFileSync(leaf, pem);
        const bare = name.replaceAll(/[[\]]/gu, '');
        const wanted = /^[\d.]+$|:/u.test(bare) ? ['-verify_ip', bare] : ['-verify_hostname', bare];
        const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', ...wanted, '-CAfile', ca, leaf];
        expect(execFileSync(openssl, strict, { encoding: 'utf8' })).toContain('OK');
      }
      expect(extensionsOf(leaf)).toEqual([
        'X509v3 Basic Constraints: critical',
        'CA:FALSE',
        'X509v3 Key Usage: critical',
        'Digital Signature',
        'X509v3 Extended Key Usage:',
        'TLS Web Server Authentication',
        'X509v3 Authority Key Identifier:',
        'KEY',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('an authority from files', () => {
  it.each(['ec', 'rsa'])('with a key of the kind %s signs, and nothing outlives it', async (kind) => {
    const { cert, key } = authorities.authority(kind);
    const now = Date.now();
    const authority = readAuthority(cert, key, clockAt(now));
    const { pem } = await issueLeaf(issuerOf(authority), { host: host('a.example'), publicKey: spki, now }, random);
    const [leaf, ca] = [new X509Certificate(pem), new X509Certificate(cert)];
    expect([leaf.checkIssued(ca), leaf.verify(ca.publicKey)]).toEqual([true, true]);
    expect([leaf.validFrom, leaf.validTo]).toEqual([ca.validFrom, ca.validTo]);
  });

  const encrypted = (): string =>
    createPrivateKey(authorities.authority('ec').key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    });
  const ed25519 = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  it.each([
    ['no certificate', () => ['', authorities.authority('ec').key], /ca_cert_file to hold a certificate/u],
    ['another key', () => [authorities.authority('ec').cert, authorities.authority('ec').key], /the key of the CA/u],
    ['an encrypted key', () => [authorities.authority('ec').cert, encrypted()], /not encrypted/u],
    ['a key that is none', () => [authorities.authority('ec').cert, 'hunter2'], /private key in PEM form/u],
    ['a key of another kind', () => [authorities.authority('ec').cert, ed25519()], /the key of the CA/u],
  ])('with %s is refused in words', (_, files, message) => {
    const [cert = '', key = ''] = files();
    expect(() => readAuthority(cert, key, clockAt(Date.now()))).toThrow(message);
  });

  it('that is no CA is refused', async () => {
    const authority = makeAuthority(clockAt(NOW), random);
    const { pem } = await issueLeaf(
      issuerOf(authority),
      { host: host('a.example'), publicKey: spki, now: NOW },
      random,
    );
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    expect(() => readAuthority(pem, key, clockAt(NOW))).toThrow(/CA:TRUE/u);
  });

  it('that has ended is refused', () => {
    const { cert, key } = authorities.authority('ec');
    expect(() => readAuthority(cert, key, clockAt(Date.now() + 30 * DAY_MS))).toThrow(/valid now/u);
  });
});
