import { nodeDisk, type JournalDisk, type SegmentFile } from '../../../src/audit/segment.ts';

/** What the disk does next; each entry is used once, in order, and then the real file answers. */
export interface Faults {
  /** Bytes that a write takes before it fails; 'short' takes them and says so. */
  readonly write: (
    | { readonly kind: 'fail' | 'short'; readonly after: number; readonly code?: string }
    | Promise<void>
  )[];
  readonly sync: (string | Promise<void>)[];
  readonly truncate: string[];
  readonly opening: string[];
}

/** A real file whose calls fail as told, the way a disk does. */
export function faultyDisk(): JournalDisk & Faults & { readonly calls: { writes: number; syncs: number } } {
  const faults: Faults = { write: [], sync: [], truncate: [], opening: [] };
  const calls = { writes: 0, syncs: 0 };
  return {
    ...faults,
    calls,
    async open(path) {
      const code = faults.opening.shift();
      if (code !== undefined) throw systemError(code);
      return faultyFile(await nodeDisk.open(path), faults, calls);
    },
  };
}

function faultyFile(file: SegmentFile, faults: Faults, calls: { writes: number; syncs: number }): SegmentFile {
  return {
    async write(bytes, offset) {
      calls.writes += 1;
      const fault = faults.write.shift();
      if (fault instanceof Promise) await fault;
      else if (fault !== undefined) {
        const taken = fault.after === 0 ? 0 : await file.write(bytes.subarray(0, fault.after), offset);
        if (fault.kind === 'short') return taken;
        throw systemError(fault.code ?? 'ENOSPC');
      }
      return await file.write(bytes, offset);
    },
    async sync() {
      calls.syncs += 1;
      const fault = faults.sync.shift();
      if (fault instanceof Promise) await fault;
      else if (fault !== undefined) throw systemError(fault);
      await file.sync();
    },
    async truncate(length) {
      const code = faults.truncate.shift();
      if (code !== undefined) throw systemError(code);
      await file.truncate(length);
    },
    close: () => file.close(),
  };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk was told to fail`), { code });
}
