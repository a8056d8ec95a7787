import { constants, generateKeyPairSync } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Host } from '../model/brand.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Clock } from '../model/ports.ts';
import type { Authority, RandomBytes } from './authority.ts';
import type { Issuer } from './leaf.ts';
import { LEAF_LIFE_MS } from './life.ts';

/**
 * Hosts whose certificates are kept. An agent calls tens of hosts; one that invents names pushes out its own. A context
 * takes about 40 KiB (measured), so that all of them stay within 40 MiB.
 */
export const MAX_CACHED_LEAVES = 1_000;
/** A certificate costs 1 to 3 ms of a core (measured), so that inventing names costs a tenth of one at most. */
export const LEAVES_PER_SECOND = 30;
/** An agent that starts may call many hosts at once. */
export const LEAF_BURST = 150;
/** Made anew when less than a tenth of its life is left, so that no connection begins with one that is about to end. */
const RENEW_BEFORE_MS = LEAF_LIFE_MS / 10;

/** What the store is made with. */
export interface LeafStoreOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Told of every certificate that was asked for. */
  readonly counted: (result: 'made' | 'reused' | 'refused') => void;
}

interface Kept {
  readonly context: Promise<SecureContext>;
  /** Milliseconds since the epoch; a certificate that is being made has its whole life before it. */
  readonly renewAt: number;
}

/** The public half in DER (SubjectPublicKeyInfo), the private one in PEM (PKCS #8). */
interface LeafKeys {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly privateKey: string;
}

/** Certificates for the agent's side of connections by host: made when first asked for, kept, the oldest let go of. */
export class LeafStore {
  readonly #options: LeafStoreOptions;
  /** In the order of last use. */
  readonly #kept = new Map<Host, Kept>();
  #keys: LeafKeys | null = null;
  #issuer: Issuer | null = null;
  #tokens = LEAF_BURST;
  #filledAt: number;

  constructor(options: LeafStoreOptions) {
    this.#options = options;
    this.#filledAt = options.clock.monotonic();
  }

  /** Hosts whose certificates are kept now. */
  get size(): number {
    return this.#kept.size;
  }

  /** What a server needs that stands for this host. Faults: too-many-certificates, internal. Never rejects. */
  async contextFor(host: Host): Promise<Outcome<SecureContext>> {
    const kept = this.#kept.get(host);
    if (kept !== undefined && this.#options.clock.now() < kept.renewAt) {
      this.#options.counted('reused');
      return await this.#use(host, kept);
    }
    if (!this.#takeToken()) {
      this.#options.counted('refused');
      return failed('too-many-certificates', `expected at most ${LEAVES_PER_SECOND} new hosts a second`);
    }
    this.#options.counted('made');
    const now = this.#options.clock.now();
    return await this.#use(host, { context: this.#make(host, now), renewAt: now + LEAF_LIFE_MS - RENEW_BEFORE_MS });
  }

  async #use(host: Host, kept: Kept): Promise<Outcome<SecureContext>> {
    this.#kept.delete(host);
    this.#kept.set(host, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_CACHED_LEAVES && oldest !== undefined) this.#kept.delete(oldest);
    try {
      return passed(await kept.context);
    } catch (error) {
      if (this.#kept.get(host) === kept) this.#kept.delete(host);
      const name = error instanceof Error ? error.name : 'unknown error';
      return failed('internal', `the certificate for the host could not be made (${name})`);
    }
  }

  async #make(host: Host, now: number): Promise<SecureContext> {
    const { authority, random } = this.#options;
    // Loaded with the first certificate: a start would wait for the library for nothing.
    const { issueLeaf, issuerOf } = await import('./leaf.ts');
    // One key for all: whoever could read it out of this process could read the authority's as well.
    this.#keys ??= makeKeys();
    this.#issuer ??= issuerOf(authority);
    const { publicKey, privateKey } = this.#keys;
    const { pem } = await issueLeaf(this.#issuer, { host, publicKey, now }, random);
    return createSecureContext({
      key: privateKey,
      cert: `${pem}${authority.pem}`,
      minVersion: 'TLSv1.2',
      // No client needs it, and each one costs the server a handshake (CVE-2011-1473).
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    });
  }

  #takeToken(): boolean {
    const now = this.#options.clock.monotonic();
    this.#tokens = Math.min(LEAF_BURST, this.#tokens + ((now - this.#filledAt) / 1_000) * LEAVES_PER_SECOND);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

function makeKeys(): LeafKeys {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey: Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' })),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}
