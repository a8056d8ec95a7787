import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileWatcher, mountedOneByOne, readTexts } from '../../../src/config/watcher.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-watch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Starts a watcher on one file; `next` resolves at the next change that it reports. */
async function watch(file: string): Promise<{ watcher: FileWatcher; next: () => Promise<void> }> {
  let report: () => void = () => undefined;
  const watcher = new FileWatcher({ files: [file], intervalMs: 5, changed: async () => report() });
  await watcher.start();
  return { watcher, next: async () => await new Promise<void>((done) => (report = done)) };
}

describe('watching files', () => {
  it('sees a file that is written over', async () => {
    const file = join(folder, 'p.yaml');
    await writeFile(file, 'a');
    const { watcher, next } = await watch(file);
    const changed = next();
    await writeFile(file, 'bb');
    await changed;
    await watcher[Symbol.asyncDispose]();
  });

  it('sees the link of a ConfigMap volume being swapped', async () => {
    await mkdir(join(folder, '..v1'));
    await mkdir(join(folder, '..v2'));
    await writeFile(join(folder, '..v1', 'p.yaml'), 'same');
    await writeFile(join(folder, '..v2', 'p.yaml'), 'same');
    await symlink('..v1', join(folder, '..data'));
    await symlink('..data/p.yaml', join(folder, 'p.yaml'));
    const { watcher, next } = await watch(join(folder, 'p.yaml'));
    const changed = next();
    await symlink('..v2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await changed;
    await watcher[Symbol.asyncDispose]();
  });

  it('sees a file that goes and comes back', async () => {
    const file = join(folder, 'p.yaml');
    await writeFile(file, 'a');
    const { watcher, next } = await watch(file);
    const gone = next();
    await rm(file);
    await gone;
    const back = next();
    await writeFile(file, 'a');
    await back;
    await watcher[Symbol.asyncDispose]();
  });
});

describe('reading files', () => {
  it('reports every file that cannot be read, and which', async () => {
    await writeFile(join(folder, 'latin'), Buffer.from([0x61, 0xe9]));
    const loaded = await readTexts([join(folder, 'none.yaml'), join(folder, 'latin')]);
    expect(loaded.ok).toBe(false);
    expect(loaded.ok ? [] : loaded.mistakes.map(({ message }) => message)).toEqual([
      expect.stringMatching(/cannot be read: there is no such file/u),
      'expected text in UTF-8, found other bytes',
    ]);
  });
});

describe('files that are mounted one by one', () => {
  it('are found among the mount points', () => {
    const mounts = '36 35 98:0 / / rw - ext4 /dev/root rw\n40 36 98:0 /v /etc/aegis/p.yaml ro - ext4 /dev/root ro\n';
    expect(mountedOneByOne(['/etc/aegis/p.yaml', '/etc/aegis/q.yaml'], mounts)).toEqual(['/etc/aegis/p.yaml']);
  });
});
