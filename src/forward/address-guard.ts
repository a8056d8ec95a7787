import type { LookupAddress } from 'node:dns';
import { failed, passed, type Fault, type Outcome } from '../model/fault.ts';
import { isMetadata, parseAddress, refusedRange, type Address } from './address-ranges.ts';
import { endpointText, EndpointList, type Endpoint } from './endpoints.ts';
import { MAX_ADDRESSES_PER_NAME } from './limits.ts';
import type { ForwardSettings, ForwardWorld } from './settings.ts';

/** An address that was checked and may be dialled. */
export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * Says which addresses a destination may be reached at. A name is resolved once for each connection, every address of
 * it is checked, and the connection goes to one of exactly those: a name that changes its address between check and
 * use gains nothing. One refused address refuses the name, since no honest name mixes loopback with the world.
 */
export class AddressGuard {
  readonly #allowed: EndpointList;
  readonly #clusterApi: EndpointList;
  readonly #ownPorts: ReadonlySet<number>;
  readonly #ownHosts: readonly Address[];
  readonly #world: Pick<ForwardWorld, 'lookup' | 'localAddresses'>;

  /** Throws an `Error` that names the first listed address that cannot be read. */
  constructor(
    settings: Pick<ForwardSettings, 'allowAddresses' | 'clusterApi' | 'ownListeners' | 'routes'>,
    world: Pick<ForwardWorld, 'lookup' | 'localAddresses'>,
  ) {
    const routes = [...settings.routes.values()].map(({ upstream }) => endpointText(upstream.host, upstream.port));
    this.#allowed = new EndpointList([...settings.allowAddresses, ...routes]);
    this.#clusterApi = new EndpointList(settings.clusterApi);
    this.#ownPorts = new Set(settings.ownListeners.map(({ port }) => port));
    this.#ownHosts = settings.ownListeners
      .map(({ host }) => parseAddress(unbracketed(host)))
      .filter((host) => host !== null);
    this.#world = world;
  }

  /**
   * The addresses to dial, in order, at least one. Faults: upstream-address-refused, upstream-unresolved. Never rejects.
   */
  async addresses(destination: Endpoint): Promise<Outcome<readonly CheckedAddress[]>> {
    const literal = this.literal(destination);
    if (literal !== null) return literal;
    let found: readonly LookupAddress[];
    try {
      found = await this.#world.lookup(destination.host);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      return failed('upstream-unresolved', `expected an address for ${destination.host}, found none (${code})`);
    }
    if (found.length === 0)
      return failed('upstream-unresolved', `expected an address for ${destination.host}, found none`);
    return this.#checkAll(
      destination,
      found.slice(0, MAX_ADDRESSES_PER_NAME).map(({ address }) => address),
    );
  }

  /** The same for a host that is an address; null when it is a name. */
  literal(destination: Endpoint): Outcome<readonly CheckedAddress[]> | null {
    const text = unbracketed(destination.host);
    return parseAddress(text) === null ? null : this.#checkAll(destination, [text]);
  }

  /**
   * The same where somebody else resolves names: only the name, or the address that it is, can be checked then. Null when
   * nothing speaks against it.
   */
  unresolved(destination: Endpoint): Fault | null {
    const literal = this.literal(destination);
    if (literal !== null) return literal.ok ? null : literal.fault;
    const { host, port } = destination;
    if (this.#allowed.hasName(host, port)) return null;
    const name = this.#clusterApi.hasName(host, port) ? 'the cluster API' : refusedName(host);
    const detail = `${host}:${port} is ${name ?? ''}, which may be reached only if it is listed`;
    return name === null ? null : { code: 'upstream-address-refused', detail };
  }

  #checkAll(destination: Endpoint, texts: readonly string[]): Outcome<readonly CheckedAddress[]> {
    const checked: CheckedAddress[] = [];
    for (const text of texts) {
      const address = parseAddress(text);
      const problem = address === null ? 'no address that can be checked' : this.#problem(destination, address);
      if (problem !== null) return refused(destination, text, problem);
      checked.push({ address: text, family: address?.kind() === 'ipv4' ? 4 : 6 });
    }
    return passed(checked);
  }

  /**
   * Why the address may not be dialled under this host; null when it may. A listed address is listed for requests that
   * name it, and not for every name that somebody lets point to it: such a name would pass by the rules for the address.
   */
  #problem({ host, port }: Endpoint, address: Address): string | null {
    if (this.#isOwnListener(address, port)) return 'the gateway itself, which is no destination';
    const isLiteral = parseAddress(unbracketed(host)) !== null;
    if (isLiteral && this.#allowed.hasAddress(address, port)) return null;
    if (isMetadata(address)) return 'a cloud metadata service, which may be reached only if its address is listed';
    if (this.#allowed.hasName(host, port)) return null;
    const inCluster = this.#clusterApi.hasName(host, port) || this.#clusterApi.hasAddress(address, port);
    const range = inCluster ? 'the cluster API' : refusedRange(address);
    return range === null ? null : `${range}, which may be reached only if ${isLiteral ? 'it' : 'the name'} is listed`;
  }

  #isOwnListener(address: Address, port: number): boolean {
    if (!this.#ownPorts.has(port)) return false;
    const range = refusedRange(address);
    if (range === 'loopback' || range === 'unspecified' || range === 'an IPv4 address in an IPv6 form') return true;
    const text = address.toString();
    if (this.#ownHosts.some((host) => host.toString() === text)) return true;
    return this.#world.localAddresses().some((local) => parseAddress(local)?.toString() === text);
  }
}

/** What a name stands for that is not reached unless it is listed; null for any other. */
function refusedName(host: string): string | null {
  const is = (name: string): boolean => host === name || host.endsWith(`.${name}`);
  if (is('localhost')) return 'loopback';
  if (METADATA_NAMES.some(is)) return 'a cloud metadata service';
  return /^kubernetes(?:\.default(?:\.svc(?:\..+)?)?)?$/u.test(host) ? 'the cluster API' : null;
}

/** Names under which clouds hand out credentials: Google, Tencent, and Amazon's older one. */
const METADATA_NAMES = ['metadata.google.internal', 'metadata', 'metadata.tencentyun.com', 'instance-data'];

function refused({ host, port }: Endpoint, address: string, problem: string): Outcome<never> {
  const where = unbracketed(host) === address ? endpointText(host, port) : `${host}:${port} at ${address}`;
  return failed('upstream-address-refused', `${where} is ${problem}`);
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}
