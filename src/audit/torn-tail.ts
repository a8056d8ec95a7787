import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkProblem, readLine, type ChainHead, type LineHead } from './chain.ts';

/** What the bytes behind the last good record of the newest segment are. */
export type Tail =
  | { readonly kind: 'none' }
  /** A whole record in its place; only its line feed is missing. */
  | { readonly kind: 'unterminated'; readonly head: LineHead; readonly bytes: number }
  /** What a crash leaves: a record of which only the beginning reached the disk, or blocks that never did. */
  | { readonly kind: 'torn'; readonly bytes: Uint8Array }
  /** Anything else. */
  | { readonly kind: 'changed' };

/**
 * The smallest unit that a disk writes: a run of zeros at least this long, or from such a border to the end of the file,
 * is a block that was never written. So are zeros from the end of a record to such a border or the end of the file: the
 * file was made longer, and its newest block is still the one from before. A single zero anywhere else is not: the journal
 * writes none, so that one was put there.
 */
const SECTOR_BYTES = 512;

/** More than the journal ever holds that is not yet on the disk (`MAX_HELD_BYTES`), so more than a crash can tear. */
const MAX_TAIL_BYTES = 128 * 1024 * 1024;

const LINE_FEED = 0x0a;

/** Says what the end of a segment is, from the byte `start` that follows its last good record. */
export async function readTail(path: string, start: number, before: ChainHead): Promise<Tail> {
  const bytes = await readFrom(path, start);
  if (bytes === null) return { kind: 'changed' };
  if (bytes.length === 0) return { kind: 'none' };
  if (!bytes.includes(LINE_FEED)) {
    const reading = readLine(bytes);
    if (reading.kind === 'intact' && linkProblem(before, reading.head) === null) {
      return { kind: 'unterminated', head: reading.head, bytes: bytes.length };
    }
    if (beginsOneObject(bytes)) return { kind: 'torn', bytes };
  }
  if (beginsUnwritten(bytes, start)) return { kind: 'torn', bytes };
  return hasUnwrittenBlock(bytes, start) && !hasRecord(bytes) ? { kind: 'torn', bytes } : { kind: 'changed' };
}

/**
 * True when the first line behind the last good record goes over into blocks that were never written. A disk writes blocks
 * in any order, so that whole records may stand behind them: none of them was on the disk for sure, and what is known to
 * have been there is compared with elsewhere (`cutProblem`).
 */
function beginsUnwritten(data: Buffer, start: number): boolean {
  const from = data.indexOf(0);
  if (from === -1 || data.subarray(0, from).includes(LINE_FEED)) return false;
  const length = data.subarray(from).findIndex((byte) => byte !== 0);
  const to = length === -1 ? data.length : from + length;
  const begins = from === 0 || (start + from) % SECTOR_BYTES === 0;
  return begins && (to === data.length || (start + to) % SECTOR_BYTES === 0);
}

/**
 * True when the text is the beginning of one JSON object that has not ended: what an interrupted write leaves. Bytes
 * behind a whole object are no interrupted write, since the next byte would have been a line feed.
 */
function beginsOneObject(bytes: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const character = String.fromCharCode(bytes[index] ?? 0);
    if (character < ' ') return false;
    if (inText) {
      if (character === '\\') index += 1;
      else if (character === '"') inText = false;
      continue;
    }
    if (character === '"') inText = true;
    depth += depthChange(character);
    if (depth < 1) return false;
  }
  return true;
}

function depthChange(character: string): number {
  if (character === '{' || character === '[') return 1;
  return character === '}' || character === ']' ? -1 : 0;
}

function hasUnwrittenBlock(data: Buffer, start: number): boolean {
  if (data.includes(Buffer.alloc(SECTOR_BYTES))) return true;
  const zerosFrom = withoutZeros(data).length;
  return zerosFrom < data.length && (start + zerosFrom) % SECTOR_BYTES === 0;
}

/** Whether a whole record stands among the lines: then something before it was changed, not torn off. */
function hasRecord(bytes: Buffer): boolean {
  const data = withoutZeros(bytes);
  let from = 0;
  for (let feed = data.indexOf(LINE_FEED); feed !== -1; feed = data.indexOf(LINE_FEED, from)) {
    if (readLine(data.subarray(from, feed)).kind === 'intact') return true;
    from = feed + 1;
  }
  return readLine(data.subarray(from)).kind === 'intact';
}

function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}

/** Null where there is more than a crash can leave. */
async function readFrom(path: string, start: number): Promise<Buffer | null> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size - start > MAX_TAIL_BYTES) return null;
    const bytes = Buffer.alloc(Math.max(0, size - start));
    await handle.read(bytes, 0, bytes.length, start);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Keeps torn bytes beside the journal, for whoever wants to know what was lost. Returns the name of the file. */
export async function keepTornBytes(dir: string, bytes: Uint8Array, time: string): Promise<string> {
  const stamp = time.replaceAll(/[-:.]/g, '');
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const name = attempt === 0 ? `torn-${stamp}.bin` : `torn-${stamp}-${attempt}.bin`;
    try {
      await writeFile(join(dir, name), bytes, { flag: 'wx', mode: 0o600, flush: true });
      return name;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw new Error(`expected to keep ${bytes.length} torn bytes in ${dir}, but 1000 files of this moment are there`);
}
