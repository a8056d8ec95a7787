import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Clock } from '../model/ports.ts';
import { parseHost } from '../request/host.ts';

/** A certificate of the demo's shop with its key, and the CA that it can be verified by; all PEM. */
export interface ShopCertificate {
  readonly cert: string;
  readonly key: string;
  readonly authority: string;
}

/** Makes a CA that has nothing to do with the gateway's, and a certificate of it for the shop on loopback. */
export async function certifyShop(clock: Clock): Promise<ShopCertificate> {
  // Loaded here, so that other commands do not wait for it.
  const [{ makeAuthority }, { issueLeaf, issuerOf }] = await Promise.all([
    import('../certificates/authority.ts'),
    import('../certificates/leaf.ts'),
  ]);
  const authority = makeAuthority(clock, random);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const host = parseHost('127.0.0.1');
  if (!host.ok) throw new Error(host.fault.detail);
  const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
  const { pem } = await issueLeaf(issuerOf(authority), { host: host.value, publicKey: spki, now: clock.now() }, random);
  return { cert: pem, key: privateKey.export({ type: 'pkcs8', format: 'pem' }), authority: authority.pem };
}

function random(count: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(count));
}
