import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Config } from './config/schema.ts';
import { forwardLimits } from './forward/limits.ts';
import { nameLookup, type NameLookup } from './forward/name-lookup.ts';
import type { ForwardSettings, ListenerAddress } from './forward/settings.ts';
import { LookupQueue } from './forward/lookup-queue.ts';
import type { RetirableUpstream } from './forward/retirable-upstream.ts';
import { Trust } from './forward/trust.ts';
import { createUpstream } from './forward/upstream.ts';
import type { World } from './judgement.ts';
import type { EnforcementLevel } from './model/decision.ts';
import type { Clock, Log, Upstream } from './model/ports.ts';
import { buildWorld, requestRoutes, type Parts } from './world.ts';

/** Proxy variables are all that leads an agent here until its traffic is captured. */
const ENFORCEMENT: EnforcementLevel = 'cooperative';

export interface KeeperOptions {
  readonly config: Config;
  readonly parts: Parts;
  readonly redactionKey: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

/** Holds the version of the world that is in force, with its way out, and brings the next one into force. */
export class WorldKeeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  /** One for all versions that ask the system: its threads are the same. */
  readonly #systemLookups: LookupQueue;
  readonly #trust = new Trust();
  #ownListeners: readonly ListenerAddress[];
  #config: Config;
  #upstream: RetirableUpstream;
  #world: World;
  /** Ways out of earlier versions on which calls that came in then still are. */
  readonly #earlier = new Set<RetirableUpstream>();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#systemLookups = this.#lookupQueue([]);
    this.#ownListeners = Object.values(options.config.listeners);
    this.#config = options.config;
    this.#upstream = this.#makeUpstream(options.config);
    this.#world = this.#build(options.config, options.parts, this.#upstream);
  }

  current(): World {
    return this.#world;
  }

  /**
   * Tells where the gateway listens, which is never a destination. It differs from the configuration where that lets the
   * system choose a port.
   */
  listening(addresses: readonly ListenerAddress[]): void {
    this.#ownListeners = addresses;
    const { policy, actions } = this.#world;
    this.#retire(this.#makeUpstream(this.#config));
    this.#world = this.#build(this.#config, { policy, actions }, this.#upstream);
  }

  /** Brings a new version into force. Throws, and changes nothing, when it cannot be. */
  replace(given: Config, parts: Parts): void {
    this.#warnOfRestart(given);
    const config = { ...given, ...keptFrom(this.#options.config, given) };
    const sameWay = JSON.stringify(wayOut(config)) === JSON.stringify(wayOut(this.#config));
    const upstream = sameWay ? this.#upstream : this.#makeUpstream(config);
    this.#world = this.#build(config, parts, upstream);
    this.#config = config;
    if (upstream !== this.#upstream) this.#retire(upstream);
  }

  #retire(next: RetirableUpstream): void {
    const before = this.#upstream;
    this.#upstream = next;
    this.#earlier.add(before);
    void before.retire().then(() => this.#earlier.delete(before));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#upstream, ...this.#earlier].map(async (upstream) => await upstream[Symbol.asyncDispose]()),
    );
  }

  #build(config: Config, parts: Parts, upstream: Upstream): World {
    return buildWorld(config, parts, { upstream, redactionKey: this.#options.redactionKey, enforcement: ENFORCEMENT });
  }

  #makeUpstream(config: Config): RetirableUpstream {
    const { log, clock } = this.#options;
    return createUpstream(this.#forwardSettings(config), {
      log,
      clock,
      trust: this.#trust,
      lookup: this.#lookupFor(config),
      localAddresses: () =>
        Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)),
    });
  }

  #lookupFor({ upstream: { resolvers } }: Config): NameLookup {
    const queue = resolvers.length === 0 ? this.#systemLookups : this.#lookupQueue(resolvers);
    return async (name) => await queue.lookup(name);
  }

  #lookupQueue(resolvers: readonly string[]): LookupQueue {
    const { clock, config } = this.#options;
    return new LookupQueue({
      lookup: nameLookup(resolvers),
      monotonic: () => clock.monotonic(),
      patienceMs: config.limits.connect_timeout,
    });
  }

  #forwardSettings(config: Config): ForwardSettings {
    const routes = requestRoutes(config);
    return {
      limits: forwardLimits(config.limits),
      routes: new Map(
        [...routes].map(([name, { upstream }]) => [
          name,
          { upstream, credential: config.routes[name]?.credential ?? null },
        ]),
      ),
      allowAddresses: config.upstream.allow,
      clusterApi: config.upstream.cluster_api,
      ownListeners: this.#ownListeners,
      proxy:
        config.upstream.proxy === undefined
          ? null
          : { ...config.upstream.proxy, credentialFile: config.upstream.proxy_credential_file ?? null },
      extraCa: config.upstream.ca_files.map((file) => readFileSync(file, 'utf8')),
      generationKey: this.#options.redactionKey,
    };
  }

  /** What is bound or opened at start stays as it is; whoever changes it is told. */
  #warnOfRestart(config: Config): void {
    const found = new Map<string, unknown>(Object.entries(config));
    for (const [key, kept] of Object.entries(keptFrom(this.#options.config, config))) {
      if (JSON.stringify(found.get(key)) === JSON.stringify(kept)) continue;
      this.#options.log.warn('config.needs-restart', { key, advice: 'the new value is used after the next start' });
    }
  }
}

/** What is bound, opened or allocated at start. Who is told of approvals is not. */
function keptFrom(
  { data_dir, listeners, approvals, audit, log, limits, tls, agent_files }: Config,
  { approvals: { notify } }: Config,
): Pick<Config, 'data_dir' | 'listeners' | 'approvals' | 'audit' | 'log' | 'limits' | 'tls' | 'agent_files'> {
  return { data_dir, listeners, approvals: { ...approvals, notify }, audit, log, limits, tls, agent_files };
}

/** What the way out depends on. */
function wayOut({ routes, upstream, limits }: Config): unknown {
  return { routes, upstream, limits };
}
