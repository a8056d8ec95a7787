import { PublicKeyInfo } from 'pkijs';
import type { Host } from '../model/brand.ts';
import { BACKDATE_MS, blankCertificate, commonName, setLife, type Authority, type RandomBytes } from './authority.ts';
import { leafExtensions } from './extensions.ts';
import { pemOf } from './pem.ts';

const DAY_MS = 86_400_000;
/** Short enough that a leaked one is worth little, long enough that a cached one outlives a weekend. */
export const LEAF_LIFE_MS = 7 * DAY_MS;
/** The name that people see; clients look at the alternative name only (RFC 9110 section 4.3.4). */
const SUBJECT = 'Aegis Gateway, for its agent';

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

/** Signs a certificate for one host; it never outlives its authority. */
export async function issueLeaf(
  { certificate: ca, signingKey, keyIdentifier }: Authority,
  { host, publicKey, now }: LeafRequest,
  random: RandomBytes,
): Promise<Leaf> {
  const leaf = blankCertificate(random);
  leaf.issuer = ca.subject;
  leaf.subject.typesAndValues.push(commonName(SUBJECT));
  leaf.subjectPublicKeyInfo = PublicKeyInfo.fromBER(publicKey);
  const notAfter = Math.min(now + LEAF_LIFE_MS, ca.notAfter.value.getTime());
  setLife(leaf, Math.max(now - BACKDATE_MS, ca.notBefore.value.getTime()), notAfter);
  leaf.extensions = leafExtensions(host, keyIdentifier);
  await leaf.sign(signingKey, 'SHA-256');
  return { pem: pemOf(leaf), notAfter };
}
