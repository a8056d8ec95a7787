import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../../src/cli/run.ts';

/** What a command printed, and what the process would have exited with. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The time at which the commands of these tests are called. */
const CALLED_AT = Date.parse('2026-03-20T12:00:00Z');

/** Runs `aegis-gateway policy ...` in a folder. */
export async function runPolicy(cwd: string, ...argv: readonly string[]): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await runCommand(['policy', ...argv], {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    colour: false,
    columns: null,
    env: {},
    cwd,
    clock: { now: () => CALLED_AT, monotonic: () => 0 },
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

/** A folder with these files, removed when it is disposed of. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'aegis-policy-'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true }) };
}

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}
