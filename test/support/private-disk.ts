import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Elsewhere } from './gateway-process.ts';

/** The file system has this size, and the memory under it some more, until it is taken away. */
const DISK_MB = 24;
const MEMORY_MB = 48;
const CHUNK = Buffer.alloc(64 * 1024, 1);

/** The programs that make file systems stand where only root looks. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** Whether this machine lets a test mount a file system of its own: as root, on Linux, with loop devices. */
export const CAN_MOUNT =
  existsSync('/dev/loop-control') &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt && command -v mkfs.ext4 nsenter'], {
    stdio: 'ignore',
    env: ENVIRONMENT,
  }).status === 0;

/**
 * A real block device with a real file system in a mount namespace of its own, which nobody else sees and which is gone
 * with its holder: it can be full, it can fail to sync, and it can go read-only.
 */
export class PrivateDisk implements AsyncDisposable {
  /** The folder of the gateway whose data it takes. */
  readonly folder: string;
  readonly #holder: ChildProcess;
  readonly #data: string;
  readonly #memory: string;

  private constructor(holder: ChildProcess, folder: string) {
    this.folder = folder;
    this.#holder = holder;
    this.#data = join(folder, 'data');
    this.#memory = join(folder, 'memory');
  }

  /** Mounts it where a gateway in `folder` has its data. */
  static async mountIn(folder: string): Promise<PrivateDisk> {
    const [data, memory] = [join(folder, 'data'), join(folder, 'memory')];
    mkdirSync(data, { mode: 0o700 });
    mkdirSync(memory);
    const image = join(memory, 'image');
    const steps = [
      `mount -t tmpfs -o size=${MEMORY_MB}m tmpfs ${memory}`,
      `truncate -s ${DISK_MB}M ${image}`,
      // Without a journal of its own, so that it works again as soon as the device does.
      `mkfs.ext4 -q -O ^has_journal -E nodiscard -m 0 ${image}`,
      `mount -o loop ${image} ${data}`,
      `rmdir ${join(data, 'lost+found')}`,
      `chmod 700 ${data}`,
      'echo mounted',
      'exec sleep infinity',
    ];
    const holder = spawn('unshare', ['--mount', 'sh', '-ec', steps.join('\n')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: ENVIRONMENT,
    });
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit').then(() => {
        throw new Error('the disk was not mounted');
      }),
    ]);
    return new PrivateDisk(holder, folder);
  }

  get elsewhere(): Elsewhere {
    const pid = String(this.#holder.pid);
    return { command: ['nsenter', '--target', pid, '--mount', '--'], root: `/proc/${pid}/root` };
  }

  /** Leaves no room in the file system. */
  fill(): void {
    fillUp(this.#outside(join(this.#data, 'ballast')));
  }

  makeRoom(): void {
    rmSync(this.#outside(join(this.#data, 'ballast')));
  }

  /** Takes the memory under the device away: what the file system takes, it cannot bring to the device. */
  failDevice(): void {
    fillUp(this.#outside(join(this.#memory, 'ballast')));
  }

  repairDevice(): void {
    rmSync(this.#outside(join(this.#memory, 'ballast')));
  }

  /** What the kernel does when a file system is damaged: it is read-only from now on, until it is mounted anew. */
  goReadOnly(): void {
    this.#run('mount', '-o', 'remount,abort', this.#data);
  }

  /** Mounts it anew; nothing may be open on it. */
  mountAgain(mode: 'ro' | 'rw'): void {
    this.#run('umount', this.#data);
    this.#run('mount', '-o', `loop,${mode}`, join(this.#memory, 'image'), this.#data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
  }

  #run(...command: readonly string[]): void {
    const [program = '', ...args] = [...this.elsewhere.command, ...command];
    execFileSync(program, args, { stdio: 'pipe' });
  }

  #outside(path: string): string {
    return `${this.elsewhere.root}${path}`;
  }
}

function fillUp(path: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    for (let size = CHUNK.length; size > 0;) size = tryWrite(file, size) ? size : Math.floor(size / 2);
  } finally {
    closeSync(file);
  }
}

function tryWrite(file: number, size: number): boolean {
  try {
    return writeSync(file, CHUNK, 0, size) === size;
  } catch {
    return false;
  }
}
