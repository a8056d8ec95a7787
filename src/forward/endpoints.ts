import { contains, parseAddress, parseRange, type Address, type Range } from './address-ranges.ts';

/** Where a connection goes: a `Destination`, or one that a library gives back without its brand. */
export interface Endpoint {
  /** `tcp` is a connection whose bytes are nobody's business here. */
  readonly scheme: 'http' | 'https' | 'tcp';
  readonly host: string;
  readonly port: number;
}

const ENTRY = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^[\]:]+)):(?<port>[1-9]\d{0,4})$/u;
const MAX_PORT = 65_535;

type Entry =
  | { readonly kind: 'name'; readonly host: string; readonly port: number }
  | { readonly kind: 'range'; readonly range: Range; readonly port: number };

/** A list of endpoints as configuration writes it: `HOST:PORT`, `IP:PORT`, `[IPV6]:PORT`, `CIDR:PORT`, `[CIDR6]:PORT`. */
export class EndpointList {
  readonly #entries: readonly Entry[];

  /** Throws an `Error` that names the first entry that cannot be read. */
  constructor(texts: readonly string[]) {
    this.#entries = texts.map(readEntry);
  }

  /** True when the address is listed with this port, by itself or in a range. */
  hasAddress(address: Address, port: number): boolean {
    return this.#entries.some(
      (entry) => entry.kind === 'range' && entry.port === port && contains(entry.range, address),
    );
  }

  /** True when the host is listed by name with this port. */
  hasName(host: string, port: number): boolean {
    return this.#entries.some((entry) => entry.kind === 'name' && entry.host === host && entry.port === port);
  }
}

/** The text of an endpoint in the form that `EndpointList` reads. */
export function endpointText(host: string, port: number): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

function readEntry(text: string): Entry {
  const groups = ENTRY.exec(text)?.groups ?? {};
  const { bracketed, plain } = groups;
  const port = Number(groups['port']);
  const host = bracketed ?? plain ?? '';
  const range = rangeOf(host);
  if (host === '' || port > MAX_PORT) throw unreadable(text);
  if (range !== null) return { kind: 'range', range, port };
  if (bracketed !== undefined || host.includes('/')) throw unreadable(text);
  return { kind: 'name', host: host.toLowerCase().replace(/\.$/u, ''), port };
}

/** The range that the text stands for: of one address or of many; null for a name. */
function rangeOf(host: string): Range | null {
  const address = parseAddress(host);
  if (address === null) return parseRange(host);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function unreadable(text: string): Error {
  return new Error(
    `expected HOST:PORT, IP:PORT, [IPV6]:PORT, CIDR:PORT or [CIDR6]:PORT, found ${JSON.stringify(text)}`,
  );
}
