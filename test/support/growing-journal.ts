import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRecord } from '../../src/audit/chain.ts';
import type { AuditRecord } from '../../src/model/record.ts';

/** A journal that is read on where it was left, so that many looks at a long one stay cheap. */
export class GrowingJournal {
  readonly #dir: string;
  readonly #read = new Map<string, number>();
  readonly lines: string[] = [];
  readonly records: AuditRecord[] = [];

  constructor(dataDir: string) {
    this.#dir = join(dataDir, 'journal');
  }

  /** The records that came since the last look, in order. What stands behind the last line feed is being written. */
  async readOn(): Promise<readonly AuditRecord[]> {
    const from = this.records.length;
    for (const name of (await readdir(this.#dir)).filter((entry) => entry.endsWith('.jsonl')).toSorted()) {
      const start = this.#read.get(name) ?? 0;
      const bytes = await readFrom(join(this.#dir, name), start);
      const end = bytes.lastIndexOf(0x0a) + 1;
      this.#read.set(name, start + end);
      const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
      this.lines.push(...lines);
      this.records.push(...lines.map((line) => parseRecord(Buffer.from(line))));
    }
    return this.records.slice(from);
  }

  /** How many segments there are. */
  get segments(): number {
    return this.#read.size;
  }
}

async function readFrom(path: string, start: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const bytes = Buffer.alloc((await handle.stat()).size - start);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
