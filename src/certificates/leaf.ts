import { Integer, Utf8String } from 'asn1js';
import { AttributeTypeAndValue, Certificate, PublicKeyInfo, Time, TimeType } from 'pkijs';
import type { Host } from '../model/brand.ts';
import { BACKDATE_MS, serialNumber, type Authority, type RandomBytes } from './authority.ts';
import { keyIdentifierOf, leafExtensions } from './extensions.ts';
import { LEAF_LIFE_MS } from './life.ts';
import { pemOf } from './pem.ts';

/** The name that people see; clients look at the alternative name only (RFC 9110 section 4.3.4). */
const SUBJECT = 'Aegis Gateway, for its agent';
const COMMON_NAME = '2.5.4.3';
const VERSION_3 = 2;

/** What is certified: a host, for the holder of a key (SubjectPublicKeyInfo in DER), at a time. */
export interface LeafRequest {
  readonly host: Host;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A certificate with the end of its life, in milliseconds since the epoch. */
export interface Leaf {
  readonly pem: string;
  readonly notAfter: number;
}

/** An authority as certificates are made by it. */
export interface Issuer {
  readonly certificate: Certificate;
  readonly signingKey: CryptoKey;
}

/** Reads the certificate of the authority, once for all that it signs. */
export function issuerOf({ der, signingKey }: Authority): Issuer {
  return { certificate: Certificate.fromBER(der), signingKey: signingKey() };
}

/** Signs a certificate for one host; it never outlives its authority. */
export async function issueLeaf(
  { certificate: ca, signingKey }: Issuer,
  { host, publicKey, now }: LeafRequest,
  random: RandomBytes,
): Promise<Leaf> {
  const serial = new Integer({ valueHex: serialNumber(random).buffer });
  const leaf = new Certificate({ version: VERSION_3, serialNumber: serial });
  leaf.issuer = ca.subject;
  const value = new Utf8String({ value: SUBJECT });
  leaf.subject.typesAndValues.push(new AttributeTypeAndValue({ type: COMMON_NAME, value }));
  leaf.subjectPublicKeyInfo = PublicKeyInfo.fromBER(publicKey);
  const notAfter = Math.min(now + LEAF_LIFE_MS, ca.notAfter.value.getTime());
  leaf.notBefore = timeOf(Math.max(now - BACKDATE_MS, ca.notBefore.value.getTime()));
  leaf.notAfter = timeOf(notAfter);
  leaf.extensions = leafExtensions(host, keyIdentifierOf(ca));
  await leaf.sign(signingKey, 'SHA-256');
  return { pem: pemOf(new Uint8Array(leaf.toSchema().toBER(false))), notAfter };
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after it; neither with fractions of a second. */
function timeOf(milliseconds: number): Time {
  const value = new Date(Math.floor(milliseconds / 1_000) * 1_000);
  return new Time({ type: value.getUTCFullYear() < 2050 ? TimeType.UTCTime : TimeType.GeneralizedTime, value });
}
