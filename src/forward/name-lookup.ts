import { type LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';

/** All addresses of a host name, in the order to try them; rejects as `dns.promises.lookup` does. */
export type NameLookup = (hostname: string) => Promise<readonly LookupAddress[]>;

/** A server that says nothing is asked twice; both tries are within what a connection may take by default. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;

/**
 * How names are resolved: by the servers that are given (`IP` or `IP:PORT`), else as the system does it. The servers are
 * asked for the name as it is: /etc/hosts and search domains are the system's, and are not looked at.
 */
export function nameLookup(servers: readonly string[]): NameLookup {
  if (servers.length === 0) return async (hostname) => await lookup(hostname, { all: true, verbatim: true });
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  resolver.setServers(servers);
  return async (hostname) => {
    // IPv4 first: where there is no IPv6, an error speaks of the address that somebody meant.
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (four.status === 'rejected' && six.status === 'rejected') throw worse(four.reason, six.reason);
    return [...addressesOf(four, 4), ...addressesOf(six, 6)];
  };
}

function addressesOf(found: PromiseSettledResult<string[]>, family: 4 | 6): readonly LookupAddress[] {
  return found.status === 'fulfilled' ? found.value.map((address) => ({ address, family })) : [];
}

/** A name without an address of one kind is no news beside a server that did not answer for the other. */
function worse(first: unknown, second: unknown): unknown {
  const isEmpty = first instanceof Error && 'code' in first && first.code === 'ENODATA';
  return isEmpty ? second : first;
}
