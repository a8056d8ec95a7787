import * as z from 'zod';

const WITH_PORT = /^(?:(?<plain>[\d.]+)|\[(?<bracketed>[\da-fA-F:.]+)\]):(?<port>[1-9]\d{0,4})$/u;
const MAX_PORT = 65_535;
const IPV4 = z.ipv4();
const IPV6 = z.ipv6();

/**
 * Reads the address of a DNS server: `IP`, `IP:PORT`, `IPV6` or `[IPV6]:PORT`, and gives it in the form that
 * `dns.Resolver.setServers` takes. Null for anything else: a name would have to be looked up first.
 */
export function parseResolver(text: string): string | null {
  if (is(text, IPV4) || is(text, IPV6)) return text;
  const groups = WITH_PORT.exec(text)?.groups;
  if (groups === undefined || Number(groups['port']) > MAX_PORT) return null;
  const { plain = '', bracketed = '' } = groups;
  return is(plain, IPV4) || is(bracketed, IPV6) ? text : null;
}

function is(text: string, address: z.ZodType): boolean {
  return address.safeParse(text).success;
}
