/** A host whose connections are carried without being opened: one name or address, or every name below one. */
export interface TunnelHost {
  /** In lower case; a name for which `below` holds stands for all names that end in it, and not for itself. */
  readonly host: string;
  readonly below: boolean;
  readonly port: number;
}

const HTTPS_PORT = 443;
const MAX_PORT = 65_535;
const PATTERN =
  /^(?<wild>\*\.)?(?<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*)(?::(?<port>[1-9]\d{0,4}))?$/u;

/**
 * Reads `HOST`, `HOST:PORT` or `*.DOMAIN:PORT`; the port is 443 where it is left out. Null for anything else: `*` by
 * itself would leave nothing to judge.
 */
export function parseTunnelHost(text: string): TunnelHost | null {
  const groups = PATTERN.exec(text.toLowerCase())?.groups;
  if (groups === undefined) return null;
  const { wild, host = '', port: digits } = groups;
  const port = digits === undefined ? HTTPS_PORT : Number(digits);
  const below = wild !== undefined;
  return port > MAX_PORT || (below && !hasBelow(host)) ? null : { host, below, port };
}

/** Below a top-level domain lies half of the world; an address has nothing below it. */
function hasBelow(host: string): boolean {
  return host.includes('.') && !/^(?:\[|[\d.]+$)/u.test(host);
}

/** Whether one of the hosts covers this one, which is in its canonical spelling. */
export function coversTunnel(hosts: readonly TunnelHost[], host: string, port: number): boolean {
  return hosts.some((one) => one.port === port && (one.below ? host.endsWith(`.${one.host}`) : host === one.host));
}
