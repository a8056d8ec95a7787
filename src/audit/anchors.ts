import { appendFile, readFile } from 'node:fs/promises';
import type { Log } from '../model/ports.ts';
import type { AuditRecord, CheckpointBody } from '../model/record.ts';
import { messageOf } from './append-queue.ts';
import { digestOf, type ChainHead } from './chain.ts';

const ANCHOR = /^(\d{1,15}):([0-9a-f]{64})$/i;

/** Reads `seq:hash`; null where the text is none. */
export function parseAnchor(text: string): ChainHead | null {
  const found = ANCHOR.exec(text);
  return found === null ? null : { seq: Number(found[1]), hash: digestOf((found[2] ?? '').toLowerCase()) };
}

/**
 * The anchors of a file: one a line, `seq:hash` and whatever follows a space. Lines that are none are passed over: a full
 * disk may have torn one. Throws where there is no anchor at all.
 */
export async function readAnchors(file: string): Promise<readonly ChainHead[]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const anchors = lines.flatMap((line) => parseAnchor(line.trim().split(' ', 1)[0] ?? '') ?? []);
  if (anchors.length === 0) throw new Error(`${file}: expected lines that begin with an anchor (seq:hash), found none`);
  return anchors;
}

/** Tells the world of every checkpoint that is on the disk: a log line, and a line in the file of anchors. */
export class Anchors {
  readonly #file: string | null;
  readonly #log: Log;
  #problem: string | null = null;
  #owed: string | null = null;
  /** What was written last may have ended in the middle of a line. */
  #onNewLine = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string | null, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  /** Why the newest anchor is not in the file; null where it is, or where there is no file. */
  problem(): string | null {
    return this.#problem;
  }

  readonly announce = ({ seq, hash, time, reason }: AuditRecord & CheckpointBody): void => {
    this.#log.info('audit.checkpoint', { anchor: `${seq}:${hash}`, reason });
    if (this.#file === null) return;
    // A newer one proves all that an older one does: of those that wait, only the newest is written.
    this.#owed = `${seq}:${hash} ${time} ${reason}\n`;
    this.#writing = this.#writing.then(async () => await this.#write());
  };

  /** Resolves when what was announced is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const line = this.#owed;
    if (line === null || this.#file === null) return;
    this.#owed = null;
    try {
      await appendFile(this.#file, this.#onNewLine ? line : `\n${line}`, { mode: 0o600, flush: true });
      this.#onNewLine = true;
      if (this.#problem !== null) this.#log.info('audit.anchors-written-again', { file: this.#file });
      this.#problem = null;
    } catch (error) {
      this.#onNewLine = false;
      this.#problem = messageOf(error);
      this.#log.error('audit.anchor-not-written', { file: this.#file, problem: this.#problem });
    }
  }
}
