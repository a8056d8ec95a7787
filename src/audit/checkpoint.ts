import { verify } from 'node:crypto';
import type { CheckpointBody } from '../model/record.ts';
import { closeLine, HASH_SUFFIX_BYTES, openLine, type ChainHead, type SealedRecord, type Stamp } from './chain.ts';
import type { JournalSigner, PublicKeys } from './signing-key.ts';

/**
 * A checkpoint is a line whose last members are `signature` and `hash`. The signature is over the bytes of the line in
 * which both are replaced by `}`: cut the last 178 bytes (`,"signature":"` + 88 characters of base64 + `"`, and the 75
 * bytes of the hash), and put `}` there. Number, time and `prev` are in what is signed, hence all records before it.
 */
export const SIGNED_SUFFIX_BYTES = HASH_SUFFIX_BYTES + 103;

const SUFFIX = /^,"signature":"(?<signature>[A-Za-z0-9+/]{86}==)"/;

export type CheckpointDraft = Omit<CheckpointBody, 'kind' | 'key' | 'signature'>;

/** Signs a checkpoint after `head`. */
export function sealCheckpoint(
  draft: CheckpointDraft,
  signer: JournalSigner,
  stamp: Stamp,
  head: ChainHead,
): SealedRecord & { readonly record: CheckpointBody } {
  const { reason, newest, open, removed } = draft;
  const unsigned = { kind: 'checkpoint', reason, newest, open, removed, key: signer.key } as const;
  const front = openLine(JSON.stringify(unsigned), stamp, head);
  const signature = signer.sign(front);
  const { digest, line } = closeLine(`${front.slice(0, -1)},"signature":"${signature}"}`);
  return {
    record: { ...unsigned, signature, v: 1, seq: head.seq + 1, ...stamp, prev: head.hash, hash: digest },
    line,
  };
}

export type CheckpointReading =
  | { readonly kind: 'signed'; readonly body: CheckpointBody }
  /** Signed with a key that is not among those given. */
  | { readonly kind: 'unknown-key'; readonly key: string }
  | { readonly kind: 'forged'; readonly problem: string };

/** Checks the signature of an intact line of kind `checkpoint`. */
export function readCheckpoint(line: Uint8Array, keys: PublicKeys): CheckpointReading {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const cut = bytes.length - SIGNED_SUFFIX_BYTES;
  const signature = SUFFIX.exec(bytes.toString('latin1', Math.max(0, cut)))?.groups?.['signature'];
  if (cut < 2 || signature === undefined)
    return { kind: 'forged', problem: 'the checkpoint does not end in a signature' };
  const body = bodyOf(bytes);
  if (body === null) return { kind: 'forged', problem: 'the checkpoint has not the members of one' };
  const key = keys.get(body.key);
  if (key === undefined) return { kind: 'unknown-key', key: body.key };
  const signed = Buffer.concat([bytes.subarray(0, cut), Buffer.from('}')]);
  if (verify(null, signed, key, Buffer.from(signature, 'base64'))) return { kind: 'signed', body };
  return { kind: 'forged', problem: `the checkpoint was not signed with the key that it names (${body.key})` };
}

/** What a checkpoint says, on its own word; null where it is none. The rest of its shape is vouched for by its signature. */
export function bodyOf(line: Uint8Array): CheckpointBody | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
    return isCheckpoint(value) ? value : null;
  } catch {
    return null;
  }
}

function isCheckpoint(value: unknown): value is CheckpointBody {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, key, newest, open, removed } = { ...NOTHING, ...value };
  const named = kind === 'checkpoint' && typeof key === 'string' && typeof newest === 'string';
  return named && (open === null || Array.isArray(open)) && typeof removed === 'object';
}

const NOTHING = { kind: null, key: null, newest: null, open: undefined, removed: undefined };
