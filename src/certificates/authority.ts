import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import type { Clock } from '../model/ports.ts';
import { bitString, element, integer, objectIdentifier, TAG, time } from './der.ts';
import { pemOf } from './pem.ts';

/** A certificate authority that signs certificates for the agent's side of connections. */
export interface Authority {
  /** Its certificate, and those that vouch for it where it is no root, each after the one that it signed. */
  readonly pem: string;
  /** The certificate in DER. */
  readonly der: Uint8Array<ArrayBuffer>;
  /** When it ends; milliseconds since the epoch. */
  readonly notAfter: number;
  /** Gives the key, which cannot be taken out of the process. Made when it is asked for, since it loads Web Crypto. */
  readonly signingKey: () => CryptoKey;
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
/** An uncompressed point of P-256 (RFC 5480 section 2.2), which ends its SubjectPublicKeyInfo. */
const PUBLIC_KEY_BYTES = 65;
const VERSION_3 = 2;

// Object identifiers of RFC 5280 section 4.2, ITU-T X.520 and RFC 5758.
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const BASIC_CONSTRAINTS = '2.5.29.19';
const COMMON_NAME = '2.5.4.3';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** keyCertSign and cRLSign (RFC 5280 section 4.2.1.3) in their one byte, and how many bits at its end are unused. */
const CERT_AND_CRL_SIGN = [0x06, 1] as const;
const TRUE = Buffer.of(0xff);
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const CURVES: { readonly [name: string]: string } = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/**
 * Makes an authority whose key exists in this process only. Written by hand, since its certificate is made at every start
 * and the library for certificates takes longer to load than all the rest of it; only the first certificate of a host
 * needs that.
 */
export function makeAuthority(clock: Clock, random: RandomBytes): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: P256.namedCurve });
  const now = clock.now();
  const validity = element(TAG.sequence, time(now - BACKDATE_MS), time(now + AUTHORITY_LIFE_MS));
  const signed = toBeSigned(publicKey, validity, random);
  const algorithm = element(TAG.sequence, objectIdentifier(ECDSA_WITH_SHA256));
  const der = element(TAG.sequence, signed, algorithm, bitString(sign('sha256', signed, privateKey)));
  const signingKey = (): CryptoKey => privateKey.toCryptoKey(P256, false, ['sign']);
  return { der: Uint8Array.from(der), pem: pemOf(der), notAfter: now + AUTHORITY_LIFE_MS, signingKey };
}

/** TBSCertificate (RFC 5280 section 4.1) of an authority that signs certificates of servers and nothing below it. */
function toBeSigned(publicKey: KeyObject, validity: Buffer, random: RandomBytes): Buffer {
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const keyIdentifier = keyIdentifierFor(publicKeyInfo.subarray(-PUBLIC_KEY_BYTES));
  // A name of its own: a bundle may hold the authorities of several starts, and clients look them up by name.
  const name = nameOf(`Aegis Gateway ${keyIdentifier.subarray(0, 4).toString('hex')}`);
  const [usage, unusedBits] = CERT_AND_CRL_SIGN;
  const constraints = element(TAG.sequence, element(TAG.boolean, TRUE), integer(0));
  return element(
    TAG.sequence,
    element(TAG.explicit0, integer(VERSION_3)),
    element(TAG.integer, serialNumber(random)),
    element(TAG.sequence, objectIdentifier(ECDSA_WITH_SHA256)),
    name,
    validity,
    name,
    publicKeyInfo,
    element(
      TAG.explicit3,
      element(
        TAG.sequence,
        extension(BASIC_CONSTRAINTS, constraints, 'critical'),
        extension(KEY_USAGE, bitString(Buffer.of(usage), unusedBits), 'critical'),
        extension(SUBJECT_KEY_IDENTIFIER, element(TAG.octetString, keyIdentifier), 'plain'),
      ),
    ),
  );
}

function extension(id: string, value: Buffer, kind: 'critical' | 'plain'): Buffer {
  const critical = kind === 'critical' ? [element(TAG.boolean, TRUE)] : [];
  return element(TAG.sequence, objectIdentifier(id), ...critical, element(TAG.octetString, value));
}

/** A name that is one common name (RFC 5280 section 4.1.2.4). */
function nameOf(commonName: string): Buffer {
  const value = element(TAG.utf8String, Buffer.from(commonName));
  return element(TAG.sequence, element(TAG.set, element(TAG.sequence, objectIdentifier(COMMON_NAME), value)));
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
  const algorithm = algorithmOf(key);
  return {
    der: Uint8Array.from(parsed.raw),
    pem: [parsed, ...chain.filter((one) => one !== parsed)].map(String).join(''),
    notAfter: Date.parse(parsed.validTo),
    signingKey: () => key.toCryptoKey(algorithm, false, ['sign']),
  };
}

/** The bytes of a serial number that no other certificate has. */
export function serialNumber(random: RandomBytes): Uint8Array<ArrayBuffer> {
  const serial = random(SERIAL_BYTES);
  // Positive, and without a leading zero that DER would have to drop.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** A truncated digest of the public key, as RFC 7093 section 2 has it. */
function keyIdentifierFor(publicKey: Uint8Array): Buffer {
  return createHash('sha256').update(publicKey).digest().subarray(0, KEY_IDENTIFIER_BYTES);
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
