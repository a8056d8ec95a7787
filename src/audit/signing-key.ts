import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from '../model/brand.ts';
import { digestOf } from './chain.ts';
import { isMissing, syncDirectory } from './segment.ts';

/** Signs the checkpoints of a journal. */
export interface JournalSigner {
  /** SHA-256 of the public key. */
  readonly key: Digest;
  /** The Ed25519 signature (RFC 8032) of a text in UTF-8, in base64. */
  sign(text: string): string;
}

/** Public keys by their SHA-256. */
export type PublicKeys = ReadonlyMap<Digest, KeyObject>;

export interface SigningKeyFiles {
  /** The private key, PEM (PKCS #8). */
  readonly privateFile: string;
  /** Whether it is made where it is missing; one that an operator mounts is not. */
  readonly make: boolean;
  /** Where the public keys go that this installation has signed with, the newest last (PEM). */
  readonly publicFile: string;
}

/** The signer of this installation, and every key that it has signed with. */
export interface SigningKeys {
  readonly signer: JournalSigner;
  readonly known: PublicKeys;
  /** True where the journal was signed with other keys before: the last one was lost, or another is mounted. */
  readonly changed: boolean;
}

/** Opens the signing key, and sees to it that its public half stands in the public file. Throws where it is no key. */
export async function openSigningKeys({ privateFile, make, publicFile }: SigningKeyFiles): Promise<SigningKeys> {
  const made = make && (await makeKey(privateFile));
  const secret = privateKeyOf(await readFile(privateFile, 'utf8'), privateFile);
  const open = createPublicKey(secret);
  const key = keyDigest(open);
  const known = await knownKeys(publicFile);
  const all = new Map([...known, [key, open]]);
  const written = !known.has(key);
  if (written) await writePublicKeys(publicFile, [...all.values()]);
  // One wait for both, as they usually lie side by side; nothing has been signed yet.
  const changed = new Set([...(made ? [dirname(privateFile)] : []), ...(written ? [dirname(publicFile)] : [])]);
  await Promise.all([...changed].map(syncDirectory));
  return {
    signer: { key, sign: (text) => sign(null, Buffer.from(text), secret).toString('base64') },
    known: all,
    changed: known.size > 0 && written,
  };
}

/**
 * Makes a key where there is none, and says whether it did. The link fails where one is there: two starts at once end up
 * with one key.
 */
async function makeKey(file: string): Promise<boolean> {
  try {
    await readFile(file);
    return false;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const made = `${file}.${randomUUID()}.new`;
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    await writeFile(made, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flush: true });
    await link(made, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(made, { force: true });
  }
  return true;
}

/** What was wrong with the file is not told in detail: the message of a parser might repeat what it holds. */
function privateKeyOf(text: string, file: string): KeyObject {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  throw new Error(
    `${file}: expected an Ed25519 private key without passphrase in PEM (openssl genpkey -algorithm ed25519), found something else`,
  );
}

/** A file that holds no key is as good as none: it is written anew, and nothing is believed for it. */
async function knownKeys(file: string): Promise<PublicKeys> {
  try {
    const found = (await readFile(file, 'utf8')).match(PEM) ?? [];
    return keyed(found.flatMap((pem) => ed25519Of(pem) ?? []));
  } catch (error) {
    if (isMissing(error)) return new Map();
    throw error;
  }
}

async function writePublicKeys(file: string, keys: readonly KeyObject[]): Promise<void> {
  const next = `${file}.${randomUUID()}.new`;
  const text = keys.map((key) => key.export({ type: 'spki', format: 'pem' })).join('');
  try {
    await writeFile(next, text, { mode: 0o600, flush: true });
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

const PEM = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/gu;

/** The Ed25519 public keys of a text in PEM. Throws where it has none, or one of another kind. */
export function readPublicKeys(text: string, file: string): PublicKeys {
  const keys = (text.match(PEM) ?? []).map(ed25519Of);
  const known = keys.filter((key) => key !== null);
  if (known.length === 0 || known.length < keys.length) throw notPublic(file);
  return keyed(known);
}

function ed25519Of(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

function keyed(keys: readonly KeyObject[]): PublicKeys {
  return new Map(keys.map((key) => [keyDigest(key), key]));
}

function notPublic(file: string): Error {
  return new Error(`${file}: expected Ed25519 public keys in PEM (BEGIN PUBLIC KEY), found something else`);
}

function keyDigest(key: KeyObject): Digest {
  return digestOf(
    createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
  );
}
