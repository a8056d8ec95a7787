import ipaddr from 'ipaddr.js';

/** An address as ipaddr.js has it. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A base address and how many of its leading bits count. */
export type Range = readonly [Address, number];

/** Why an address is not reached unless it is listed. */
export type RefusedRange =
  | 'unspecified'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'broadcast or reserved'
  | 'a cloud metadata service'
  | 'an IPv4 address in an IPv6 form';

// Where clouds serve credentials to whoever asks: AWS (IMDS, ECS, EKS), Azure's wire server, Alibaba, Oracle, Google.
const METADATA = ranges([
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fd20:ce::254/128',
]);

// IANA's special-purpose registries (RFC 6890) without the private and documentation ranges, which are ordinary
// destinations for a pod: whether they may be reached is for policy and NetworkPolicy to say.
const REFUSED: readonly (readonly [RefusedRange, readonly Range[]])[] = [
  ['a cloud metadata service', METADATA],
  ['unspecified', ranges(['0.0.0.0/8', '::/128'])],
  ['loopback', ranges(['127.0.0.0/8', '::1/128'])],
  ['link-local', ranges(['169.254.0.0/16', 'fe80::/10'])],
  ['multicast', ranges(['224.0.0.0/4', 'ff00::/8'])],
  ['broadcast or reserved', ranges(['240.0.0.0/4', '100::/64'])],
  // IPv4-compatible (deprecated by RFC 4291), IPv4-mapped, IPv4-translated (RFC 2765), local-use NAT64 (RFC 8215).
  ['an IPv4 address in an IPv6 form', ranges(['::/96', '::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b:1::/48'])],
];

// Forms that carry an IPv4 address and are in use: well-known NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380).
const NAT64 = range('64:ff9b::/96');
const SIX_TO_FOUR = range('2002::/16');
const TEREDO = range('2001::/32');

/** Why the address is refused by default; null when it is an ordinary destination. */
export function refusedRange(address: Address): RefusedRange | null {
  for (const [reason, list] of REFUSED) if (list.some((entry) => contains(entry, address))) return reason;
  const inner = embedded(address);
  return inner === null ? null : refusedRange(inner);
}

/** True for the addresses at which clouds hand out credentials: a name never lifts their refusal. */
export function isMetadata(address: Address): boolean {
  const inner = embedded(address);
  return METADATA.some((entry) => contains(entry, address)) || (inner !== null && isMetadata(inner));
}

/** True when the two are addresses of one family and the range holds the address. */
export function contains([base, bits]: Range, address: Address): boolean {
  if (base instanceof ipaddr.IPv4) return address instanceof ipaddr.IPv4 && address.match(base, bits);
  return address instanceof ipaddr.IPv6 && address.match(base, bits);
}

/** Reads an IPv4 address in dotted decimal or an IPv6 address without brackets or zone; null for anything else. */
export function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return null;
  return ipaddr.IPv6.parse(text);
}

/** Reads `ADDRESS/BITS`; null for anything else. */
export function parseRange(text: string): Range | null {
  const slash = text.lastIndexOf('/');
  const address = slash === -1 ? null : parseAddress(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  if (address === null || !/^\d{1,3}$/u.test(bits)) return null;
  return Number(bits) <= (address.kind() === 'ipv4' ? 32 : 128) ? [address, Number(bits)] : null;
}

/** The IPv4 address that a form in use carries; null when it carries none. */
function embedded(address: Address): ipaddr.IPv4 | null {
  if (!(address instanceof ipaddr.IPv6)) return null;
  const bytes = address.toByteArray();
  if (contains(NAT64, address)) return new ipaddr.IPv4(bytes.slice(12));
  if (contains(SIX_TO_FOUR, address)) return new ipaddr.IPv4(bytes.slice(2, 6));
  if (contains(TEREDO, address)) return new ipaddr.IPv4(bytes.slice(12).map((byte) => byte ^ 0xff));
  return null;
}

function ranges(texts: readonly string[]): readonly Range[] {
  return texts.map(range);
}

function range(text: string): Range {
  const parsed = parseRange(text);
  if (parsed === null) throw new Error(`expected ADDRESS/BITS, found ${JSON.stringify(text)}`);
  return parsed;
}
