import { createHmac } from 'node:crypto';
import type { RandomBytes } from './authority.ts';
import { bmpString, element, integer, objectIdentifier, TAG } from './der.ts';
import { macKeyOf } from './pkcs12-key.ts';

/** What Java's own tools use for truststores. It keeps nothing secret: the store holds certificates only. */
export const TRUSTSTORE_PASSWORD = 'changeit';

// Object identifiers of RFC 7292 (bags), RFC 2315 (data), RFC 2985 (friendlyName), and Oracle's mark of what is trusted.
const DATA = objectIdentifier('1.2.840.113549.1.7.1');
const CERT_BAG = objectIdentifier('1.2.840.113549.1.12.10.1.3');
const X509_CERTIFICATE = objectIdentifier('1.2.840.113549.1.9.22.1');
const FRIENDLY_NAME = objectIdentifier('1.2.840.113549.1.9.20');
const TRUSTED_KEY_USAGE = objectIdentifier('2.16.840.1.113894.746875.1.1');
const ANY_EXTENDED_KEY_USAGE = objectIdentifier('2.5.29.37.0');
const TRUSTED_FOR_ALL = attribute(TRUSTED_KEY_USAGE, ANY_EXTENDED_KEY_USAGE);
const SHA_256 = objectIdentifier('2.16.840.1.101.3.4.2.1');
const VERSION = integer(3);
/** The store is checked with a password that everybody knows: more would only cost time at every start. */
const MAC_ITERATIONS = 1_000;
const SALT_BYTES = 16;

/**
 * A PKCS#12 store of trusted certificates (RFC 7292) as Java reads it: each bag carries Oracle's trustedKeyUsage, without
 * which Java takes a certificate for one that nobody vouches for. The certificates are not encrypted, since they are
 * public; a MAC under the password is there because readers expect one. Written by hand, since the objects of a library
 * took 0.2 s for the usual roots, which is as long as the whole start of the gateway.
 */
export function truststoreOf(pems: readonly string[], random: RandomBytes): Buffer {
  const bags = element(TAG.sequence, ...pems.map(trustedBag));
  const safe = element(TAG.sequence, dataOf(bags));
  const salt = random(SALT_BYTES);
  const mac = createHmac('sha256', macKeyOf(TRUSTSTORE_PASSWORD, salt, MAC_ITERATIONS))
    .update(safe)
    .digest();
  const digest = element(
    TAG.sequence,
    element(TAG.sequence, SHA_256, element(TAG.null)),
    element(TAG.octetString, mac),
  );
  const macData = element(TAG.sequence, digest, element(TAG.octetString, salt), integer(MAC_ITERATIONS));
  return element(TAG.sequence, VERSION, dataOf(safe), macData);
}

/** ContentInfo of the type data (RFC 2315 section 8). */
function dataOf(content: Uint8Array): Buffer {
  return element(TAG.sequence, DATA, element(TAG.explicit0, element(TAG.octetString, content)));
}

function trustedBag(pem: string, index: number): Buffer {
  const value = element(TAG.explicit0, element(TAG.octetString, derOf(pem)));
  return element(
    TAG.sequence,
    CERT_BAG,
    element(TAG.explicit0, element(TAG.sequence, X509_CERTIFICATE, value)),
    // Java takes the name as the key of the entry, so it has to differ from one to the next.
    element(TAG.set, attribute(FRIENDLY_NAME, bmpString(String(index))), TRUSTED_FOR_ALL),
  );
}

function attribute(type: Buffer, value: Buffer): Buffer {
  return element(TAG.sequence, type, element(TAG.set, value));
}

/** The bytes of a certificate from its PEM text (RFC 7468). */
function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[A-Z ]+-----/gu, ''), 'base64');
}
