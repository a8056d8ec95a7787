import { isIP } from 'node:net';
import { BitString, OctetString } from 'asn1js';
import {
  AltName,
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtKeyUsage,
  Extension,
  GeneralName,
  type Certificate,
} from 'pkijs';
import type { Host } from '../model/brand.ts';
import { bytesOfAddress } from './address-bytes.ts';

// Object identifiers of RFC 5280 section 4.2.
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** A bit of KeyUsage (RFC 5280 section 4.2.1.3) as it stands in its one byte, and how many at the end are unused. */
const DIGITAL_SIGNATURE = [0x80, 7] as const;

// The choices of GeneralName (RFC 5280 section 4.2.1.6).
const DNS_NAME = 2;
const IP_ADDRESS = 7;

interface Encodable {
  toSchema(): { toBER(sizeOnly?: boolean): ArrayBuffer };
}

/** The extensions of a certificate for one host. `issuerKey` is left out where the CA names none. */
export function leafExtensions(host: Host, issuerKey: ArrayBuffer | null): Extension[] {
  const extensions = [
    extension(BASIC_CONSTRAINTS, new BasicConstraints({ cA: false }), 'critical'),
    keyUsage(DIGITAL_SIGNATURE),
    extension(EXTENDED_KEY_USAGE, new ExtKeyUsage({ keyPurposes: [SERVER_AUTH] }), 'plain'),
    extension(SUBJECT_ALT_NAME, new AltName({ altNames: [generalName(host)] }), 'plain'),
  ];
  if (issuerKey === null) return extensions;
  const identifier = new AuthorityKeyIdentifier({ keyIdentifier: new OctetString({ valueHex: issuerKey }) });
  return [...extensions, extension(AUTHORITY_KEY_IDENTIFIER, identifier, 'plain')];
}

/** The identifier of a certificate's own key; null where it names none. */
export function keyIdentifierOf(certificate: Certificate): ArrayBuffer | null {
  const found = certificate.extensions?.find(({ extnID }) => extnID === SUBJECT_KEY_IDENTIFIER)?.parsedValue as unknown;
  return found instanceof OctetString ? found.valueBlock.valueHexView.slice().buffer : null;
}

/** A host as the name that clients compare: an IP address is no name (RFC 9110 section 4.3.4). */
function generalName(host: Host): GeneralName {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(bare) === 0) return new GeneralName({ type: DNS_NAME, value: bare });
  return new GeneralName({ type: IP_ADDRESS, value: new OctetString({ valueHex: bytesOfAddress(bare).buffer }) });
}

function keyUsage([bits, unusedBits]: readonly [number, number]): Extension {
  const value = new BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits });
  return rawExtension(KEY_USAGE, value.toBER(), 'critical');
}

function extension(extnID: string, value: Encodable, kind: 'critical' | 'plain'): Extension {
  return rawExtension(extnID, value.toSchema().toBER(false), kind);
}

function rawExtension(extnID: string, extnValue: ArrayBuffer, kind: 'critical' | 'plain'): Extension {
  return new Extension({ extnID, critical: kind === 'critical', extnValue });
}
