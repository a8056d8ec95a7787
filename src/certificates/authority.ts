import { createHash, createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { Integer, Utf8String } from 'asn1js';
import { AttributeTypeAndValue, Certificate, Time, TimeType, type PublicKeyInfo } from 'pkijs';
import type { Clock } from '../model/ports.ts';
import { authorityExtensions, keyIdentifierOf } from './extensions.ts';
import { pemOf } from './pem.ts';

/** A certificate authority that signs certificates for the agent's side of connections. */
export interface Authority {
  /** Its certificate, and those that vouch for it where it is no root, each after the one that it signed. */
  readonly pem: string;
  readonly certificate: Certificate;
  /** Cannot be taken out of the process where the authority was made in it. */
  readonly signingKey: CryptoKey;
  /** The identifier of its key; null where the certificate names none. */
  readonly keyIdentifier: ArrayBuffer | null;
}

/** Gives that many random bytes. */
export type RandomBytes = (count: number) => Uint8Array<ArrayBuffer>;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu;
const DAY_MS = 86_400_000;
/**
 * No pod lives that long. The key dies with the process, so that a long life of the certificate adds nothing to what a
 * thief of the key could do, and one that ended while the gateway runs would fail every call.
 */
const AUTHORITY_LIFE_MS = 3650 * DAY_MS;
/** Clocks of pods and of images that were built a while ago differ; a certificate of the future is refused. */
export const BACKDATE_MS = DAY_MS;
/** RFC 5280 section 4.1.2.2 allows 20 bytes; 16 random ones never meet again. */
const SERIAL_BYTES = 16;
const KEY_IDENTIFIER_BYTES = 20;
const COMMON_NAME = '2.5.4.3';
const VERSION_3 = 2;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const CURVES: { readonly [name: string]: string } = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** Makes an authority whose key exists in this process only. */
export async function makeAuthority(clock: Clock, random: RandomBytes): Promise<Authority> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(P256, false, ['sign', 'verify']);
  const certificate = blankCertificate(random);
  await certificate.subjectPublicKeyInfo.importKey(publicKey);
  const keyIdentifier = keyIdentifierFor(certificate.subjectPublicKeyInfo);
  // A name of its own: a bundle may hold the authorities of several starts, and clients look them up by name.
  const name = `Aegis Gateway ${Buffer.from(keyIdentifier.subarray(0, 4)).toString('hex')}`;
  for (const rdn of [certificate.subject, certificate.issuer]) rdn.typesAndValues.push(commonName(name));
  const now = clock.now();
  setLife(certificate, now - BACKDATE_MS, now + AUTHORITY_LIFE_MS);
  certificate.extensions = authorityExtensions(keyIdentifier);
  await certificate.sign(privateKey, 'SHA-256');
  return {
    certificate,
    pem: pemOf(certificate),
    signingKey: privateKey,
    keyIdentifier: keyIdentifier.buffer,
  };
}

/**
 * Reads an authority from PEM texts: the certificate that the key belongs to, and those up to its root. Throws an `Error` that says what is wrong: no CA, a key of another certificate, one
 * that is encrypted or of a kind that cannot sign, a certificate that is not valid now.
 */
export function readAuthority(certPem: string, keyPem: string, clock: Clock): Authority {
  const chain = readCertificates(certPem);
  const key = readKey(keyPem);
  const parsed = chain.find((one) => one.checkPrivateKey(key));
  if (parsed === undefined) throw new Error('expected ca_key_file to hold the key of the CA certificate');
  if (!parsed.ca) throw new Error('expected ca_cert_file to hold a CA certificate (basicConstraints CA:TRUE)');
  const now = clock.now();
  if (now < Date.parse(parsed.validFrom) || now > Date.parse(parsed.validTo)) {
    throw new Error(
      `expected a CA certificate that is valid now, found one from ${parsed.validFrom} to ${parsed.validTo}`,
    );
  }
  const certificate = Certificate.fromBER(new Uint8Array(parsed.raw));
  return {
    certificate,
    pem: [parsed, ...chain.filter((one) => one !== parsed)].map(String).join(''),
    signingKey: key.toCryptoKey(algorithmOf(key), false, ['sign']),
    keyIdentifier: keyIdentifierOf(certificate),
  };
}

/** A certificate of version 3 with a serial number and nothing else yet. */
export function blankCertificate(random: RandomBytes): Certificate {
  const serial = random(SERIAL_BYTES);
  // Positive, and without a leading zero that DER would have to drop.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return new Certificate({ version: VERSION_3, serialNumber: new Integer({ valueHex: serial.buffer }) });
}

/** A common name (RFC 5280 section 4.1.2.4). */
export function commonName(value: string): AttributeTypeAndValue {
  return new AttributeTypeAndValue({ type: COMMON_NAME, value: new Utf8String({ value }) });
}

/** Sets when a certificate begins and ends, in milliseconds since the epoch. */
export function setLife(certificate: Certificate, from: number, to: number): void {
  certificate.notBefore = timeOf(from);
  certificate.notAfter = timeOf(to);
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after it; neither with fractions of a second. */
function timeOf(milliseconds: number): Time {
  const value = new Date(Math.floor(milliseconds / 1_000) * 1_000);
  return new Time({ type: value.getUTCFullYear() < 2050 ? TimeType.UTCTime : TimeType.GeneralizedTime, value });
}

/** A truncated digest of the public key, as RFC 7093 section 2 has it. */
function keyIdentifierFor({ subjectPublicKey }: PublicKeyInfo): Uint8Array<ArrayBuffer> {
  const digest = createHash('sha256').update(subjectPublicKey.valueBlock.valueHexView).digest();
  return Uint8Array.from(digest.subarray(0, KEY_IDENTIFIER_BYTES));
}

function readCertificates(pem: string): readonly X509Certificate[] {
  try {
    // Without any, the reader says what is wrong.
    return (pem.match(CERTIFICATE) ?? [pem]).map((block) => new X509Certificate(block));
  } catch (error) {
    throw new Error('expected ca_cert_file to hold a certificate in PEM form', { cause: error });
  }
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    createPublicKey(key);
    return key;
  } catch (error) {
    const problem = error instanceof Error && 'code' in error ? String(error.code) : 'not readable';
    throw new Error(`expected ca_key_file to hold a private key in PEM form, not encrypted (${problem})`, {
      cause: error,
    });
  }
}

function algorithmOf(key: KeyObject): Parameters<KeyObject['toCryptoKey']>[0] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const namedCurve = CURVES[details?.namedCurve ?? ''];
  if (type === 'ec' && namedCurve !== undefined) return { name: 'ECDSA', namedCurve };
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  throw new Error(
    `expected ca_key_file to hold an RSA or EC key (P-256, P-384, P-521), found ${type ?? 'another kind'}`,
  );
}
