import type { CursorFile } from './cursor-file.ts';
import type { Sink } from './sink.ts';

/** Writes each record as the line that the journal has of it. `write` throws where that is not possible. */
export function openStdoutSink(write: (text: string) => void, cursor: CursorFile): Sink {
  return {
    name: 'stdout',
    cursor: async () => await cursor.read(),
    async deliver(batch) {
      write(batch.records.map(({ line }) => `${line}\n`).join(''));
      await cursor.write(batch.cursor);
    },
    close: async () => await Promise.resolve(),
  };
}
