import { createHash, hash } from 'node:crypto';
import type { Digest } from '../model/brand.ts';
import type { AuditRecord, RecordBody } from '../model/record.ts';

/**
 * The chain of the journal. A record is one line:
 *
 *     {"v":1,"seq":N,"id":"..","time":"..","prev":"<64 hex>","kind":"..",...,"hash":"<64 hex>"}\n
 *
 * `hash` is the SHA-256 of the UTF-8 bytes of the line without its last member and without the line feed: cut the last
 * 75 bytes (`,"hash":"` + 64 digits + `"}`), put `}` in their place, and hash that. `prev` is the hash of the line
 * before, 64 zeros in the first. No parser is needed to check it, so no two parsers can disagree about it.
 */
export interface ChainHead {
  /** The number of the newest record; 0 before the first. */
  readonly seq: number;
  readonly hash: Digest;
}

/** What comes before the first record: 64 zeros. */
export const CHAIN_START: ChainHead = { seq: 0, hash: digestOf('0'.repeat(64)) };

/** The length of `,"hash":"<64 hex>"}` in bytes. */
export const HASH_SUFFIX_BYTES = 75;

/** Letters that need no escape in JSON, so that the head of a line can be read without a JSON parser. */
const RECORD_ID = /^[\w.:-]{1,128}$/;
const EXCHANGE_ID = /^[ !#-[\]-~]{1,128}$/;

/** What a record gets when it is queued: all but its place in the chain. */
export interface Stamp {
  readonly id: string;
  readonly time: string;
}

/** A record that has no place in the chain yet. */
export interface Unsealed {
  readonly body: RecordBody;
  /** Its `bodyText`. */
  readonly text: string;
  readonly stamp: Stamp;
}

/** A record in its place: the value, and its line with the line feed. */
export interface SealedRecord {
  readonly record: AuditRecord;
  readonly line: string;
}

/** Characters of ASCII that are printed as themselves; the rest stands in escapes. */
const UNPRINTED = /[^\x20-\x7e]/gu;

/**
 * The JSON text of a body, `kind` and `exchangeId` first, so that both can be read off a line without parsing it. It is
 * printable ASCII: a program reads the same, while a terminal that prints the journal obeys nothing that an agent wrote,
 * and no tool takes one line for two (U+0085 and U+2028 end lines for some). Throws where the value has no JSON (too
 * deep, a cycle): the caller turns that into a fault.
 */
export function bodyText(body: RecordBody): string {
  if (!('exchangeId' in body)) {
    const { kind, ...members } = body;
    return printable(JSON.stringify({ kind, ...members }));
  }
  if (!EXCHANGE_ID.test(body.exchangeId))
    throw new RangeError('expected an exchange id of up to 128 printable characters of ASCII');
  const json = JSON.stringify(body);
  // Bodies are made with both in front already; putting members in another order takes a copy of all.
  if (json.startsWith(`{"kind":"${body.kind}","exchangeId":"`)) return printable(json);
  const { kind, exchangeId, ...members } = body;
  return printable(JSON.stringify({ kind, exchangeId, ...members }));
}

function printable(json: string): string {
  // JSON escapes control characters but for the last one, and only ASCII has as many bytes as characters.
  if (Buffer.byteLength(json) === json.length && !json.includes('\u007f')) return json;
  return json.replaceAll(UNPRINTED, (character) =>
    Array.from({ length: character.length }, (_, unit) => escapeOf(character.charCodeAt(unit))).join(''),
  );
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Puts a body after `head`. `text` is its `bodyText`, made once when it was queued. */
export function seal(body: RecordBody, text: string, stamp: Stamp, head: ChainHead): SealedRecord {
  const { digest, line } = closeLine(openLine(text, stamp, head));
  return { record: { ...body, v: 1, seq: head.seq + 1, ...stamp, prev: head.hash, hash: digest }, line };
}

/** Puts records one after the other behind `head`. */
export function sealAll(records: readonly Unsealed[], head: ChainHead): readonly SealedRecord[] {
  let before = head;
  return records.map(({ body, text, stamp }) => {
    const sealed = seal(body, text, stamp, before);
    before = sealed.record;
    return sealed;
  });
}

/** A line in its place, but without its hash. */
export function openLine(text: string, stamp: Stamp, head: ChainHead): string {
  if (!RECORD_ID.test(stamp.id)) throw new RangeError('expected a record id of up to 128 of A-Z a-z 0-9 _ . : -');
  return `{"v":1,"seq":${head.seq + 1},"id":"${stamp.id}","time":"${stamp.time}","prev":"${head.hash}",${text.slice(1)}`;
}

/** Gives a line its hash. */
export function closeLine(front: string): { readonly digest: Digest; readonly line: string } {
  const digest = digestOf(hash('sha256', front, 'hex'));
  return { digest, line: `${front.slice(0, -1)},"hash":"${digest}"}\n` };
}

/** What a line says of itself. */
export interface LineHead {
  readonly seq: number;
  readonly id: string;
  readonly time: string;
  readonly prev: Digest;
  readonly kind: string;
  /** Null in records that belong to no exchange. */
  readonly exchangeId: string | null;
  readonly hash: Digest;
}

export type LineReading =
  | { readonly kind: 'intact'; readonly head: LineHead }
  /** Not a line that the journal writes. */
  | { readonly kind: 'malformed'; readonly problem: string }
  /** A line whose own hash does not fit its content. */
  | { readonly kind: 'altered'; readonly problem: string; readonly seq: number; readonly stated: Digest };

const FRONT =
  /^\{"v":1,"seq":(?<seq>\d{1,15}),"id":"(?<id>[\w.:-]{1,128})","time":"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","prev":"(?<prev>[0-9a-f]{64})","kind":"(?<kind>[a-z-]{1,32})"(?:,"exchangeId":"(?<exchangeId>[ !#-[\]-~]{1,128})")?/;
const SUFFIX = /^,"hash":"([0-9a-f]{64})"\}$/;

/** The longest text that FRONT can match: more of a line need not be decoded to read its head. */
const FRONT_BYTES = 512;

/** Reads one line (without its line feed) and checks its own hash, not its place in the chain. */
export function readLine(line: Uint8Array): LineReading {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const cut = bytes.length - HASH_SUFFIX_BYTES;
  if (cut < 2) return { kind: 'malformed', problem: `expected a record, found ${bytes.length} bytes` };
  const front = readFront(bytes.toString('latin1', 0, Math.min(cut, FRONT_BYTES)));
  if (front === null) return { kind: 'malformed', problem: 'the line does not start as a record of version 1 does' };
  const stated = SUFFIX.exec(bytes.toString('latin1', cut))?.[1];
  if (stated === undefined) return { kind: 'malformed', problem: 'the line does not end in the member "hash"' };
  const found = createHash('sha256').update(bytes.subarray(0, cut)).update('}').digest('hex');
  if (found === stated) return { kind: 'intact', head: { ...front, hash: digestOf(stated) } };
  const problem = `the record was edited: it says hash ${stated}, its content has ${found}`;
  return { kind: 'altered', problem, seq: front.seq, stated: digestOf(stated) };
}

/** What the head of a line says, without checking anything: to pass over lines that are not wanted. */
export function peekLine(line: Uint8Array): Omit<LineHead, 'hash'> | null {
  return readFront(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('latin1', 0, FRONT_BYTES));
}

function readFront(text: string): Omit<LineHead, 'hash'> | null {
  const groups = FRONT.exec(text)?.groups;
  if (groups === undefined) return null;
  const { seq = '', id = '', time = '', prev = '', kind = '', exchangeId = null } = groups;
  return { seq: Number(seq), id, time, prev: digestOf(prev), kind, exchangeId };
}

/** Why an intact line does not follow `before`; null when it does. */
export function linkProblem(before: ChainHead, line: LineHead): string | null {
  const expected = before.seq + 1;
  if (line.seq === before.seq && line.hash === before.hash) return `record ${line.seq} stands here a second time`;
  if (line.seq < expected) return `expected record ${expected}, found record ${line.seq} again or out of order`;
  if (line.seq > expected) {
    const last = line.seq - 1;
    const missing = last === expected ? `record ${expected} is` : `records ${expected} to ${last} are`;
    return `${missing} missing: expected record ${expected}, found ${line.seq}`;
  }
  if (line.prev === before.hash) return null;
  return `record ${line.seq} follows another record than the one before it: it says prev ${line.prev}, that one has ${before.hash}`;
}

/** The record of a line that was checked. Throws where it holds none after all. */
export function parseRecord(line: Uint8Array | string): AuditRecord {
  const value: unknown = JSON.parse(typeof line === 'string' ? line : lineText(line));
  if (!isAuditRecord(value)) throw new TypeError('expected a record of the journal, found other JSON');
  return value;
}

/** The text of a line. */
export function lineText(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
}

/** The rest of the shape is vouched for by the hash: only the journal writes lines whose hash fits. */
function isAuditRecord(value: unknown): value is AuditRecord {
  return (
    typeof value === 'object' && value !== null && 'v' in value && value.v === 1 && 'kind' in value && 'seq' in value
  );
}

/** Throws where the text is not 64 digits of lower-case hexadecimal. */
export function digestOf(text: string): Digest {
  if (!isDigest(text))
    throw new TypeError(`expected a SHA-256 in 64 lower-case hexadecimal digits, found ${JSON.stringify(text)}`);
  return text;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/.test(text);
}
