import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/data-folder.ts';
import { keptLog } from './audit/bodies.ts';

let base = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'aegis-folder-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const open = async (folder: string, log = keptLog()): Promise<Uint8Array> =>
  await openDataFolder(folder, join(folder, 'redaction.key'), log);

describe('the data folder', () => {
  it('is made with what is above it, for its owner alone, and keeps its key', async () => {
    const folder = join(base, 'a', 'b');
    const log = keptLog();
    const key = await open(folder, log);
    expect(await open(folder, log)).toEqual(key);
    expect(key).toHaveLength(32);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'redaction.key')).mode & 0o777).toBe(0o600);
    expect(log.events).toEqual([]);
    expect(readdirSync(folder)).toEqual(['redaction.key']);
  });

  it('is refused where its key is none, rather than given another: digests would not be comparable', async () => {
    writeFileSync(join(base, 'redaction.key'), 'short');
    await expect(open(base)).rejects.toThrow(/expected a key of 32 bytes in \S+, found 5/u);
  });

  it('is warned of when others can write it: they could swap the files in it', async () => {
    const folder = join(base, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const log = keptLog();
    await open(folder, log);
    expect(log.events).toEqual(['data.folder-writable-by-others']);
  });

  it.each([
    ['is a file', 'file'],
    ['lies below a file', 'file/data'],
  ])('is refused with what to do when it %s', async (_what, name) => {
    writeFileSync(join(base, 'file'), '');
    await expect(open(join(base, name))).rejects.toThrow(/the data folder \S+ cannot be used: .*--data-dir/u);
  });

  // Node's own recursive mkdir never returns here.
  it.runIf(process.platform === 'linux')(
    'is refused where no folder can be made although its parent is there',
    async () => {
      await expect(open('/proc/aegis-data')).rejects.toThrow(/cannot be used: ENOENT/u);
    },
  );
});
