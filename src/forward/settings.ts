import type { Clock, Log } from '../model/ports.ts';
import type { Destination } from '../model/request.ts';
import type { ForwardLimits } from './limits.ts';
import type { NameLookup } from './name-lookup.ts';
import type { Trust } from './trust.ts';

/** What forwarding needs to know. Everything in it comes from gateway.yaml. */
export interface ForwardSettings {
  readonly limits: ForwardLimits;
  /** The configured routes by name: the upstream of each counts as allowed for exactly its host and port. */
  readonly routes: ReadonlyMap<string, RouteSettings>;
  /**
   * What may be reached though it is refused by default: `HOST:PORT` under that name, `IP:PORT`, `[IPV6]:PORT`,
   * `CIDR:PORT` or `[CIDR6]:PORT` by requests that name the address.
   */
  readonly allowAddresses: readonly string[];
  /** Addresses of the cluster API in the same forms: refused unless listed in `allowAddresses`. */
  readonly clusterApi: readonly string[];
  /** Where the gateway itself listens: never a destination, whatever is listed. */
  readonly ownListeners: readonly ListenerAddress[];
  /** A proxy that everything goes through; null for none. */
  readonly proxy: ProxySettings | null;
  /** Certificates (PEM texts) that are trusted beside the built-in roots. */
  readonly extraCa: readonly string[];
  /** Keys the digests of credentials. Kept across restarts, so that an approval still fits afterwards. */
  readonly generationKey: Uint8Array;
}

/** An HTTP proxy, and the file with USER:PASSWORD for it, where it wants that. */
export interface ProxySettings {
  readonly host: string;
  readonly port: number;
  readonly credentialFile: string | null;
}

/** One configured route. */
interface RouteSettings {
  readonly upstream: Destination;
  readonly credential: CredentialSettings | null;
}

/** A credential that the gateway adds on a route. */
export interface CredentialSettings {
  readonly header: string;
  /** How the value is made; `{secret}` stands for what the file holds. */
  readonly format: string;
  readonly file: string;
}

/** An address that the gateway listens on. */
export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
}

/** What forwarding takes from the world. */
export interface ForwardWorld {
  readonly log: Log;
  readonly clock: Clock;
  readonly lookup: NameLookup;
  /** The addresses of this machine's interfaces (`os.networkInterfaces`). */
  readonly localAddresses: () => readonly string[];
  /** Gives every version of the way out the certificates that it trusts. */
  readonly trust: Trust;
}
