import { createHmac } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Clock, Log } from '../model/ports.ts';
import type { HeaderField } from '../model/request.ts';
import { CREDENTIAL_RECHECK_MS, MAX_CREDENTIAL_BYTES } from './limits.ts';
import type { CredentialSettings } from './settings.ts';

/** A credential as it is now. */
export interface Credential {
  readonly field: HeaderField;
  /** Changes whenever the field does; it says nothing of the secret to whoever lacks the key. */
  readonly generation: string;
}

const GENERATION_HEX_CHARS = 16;
const HEADER_TEXT = /^[\x20-\x7e]+$/u;

/**
 * The credential of one route, read from its file and read again when the file changes. The file is opened anew at
 * each look, so a swapped symbolic link (Kubernetes' `..data`) counts as a change like any other. A file that cannot be
 * read makes the credential unavailable: the secret from before is not used any longer, since it may be revoked.
 */
export class CredentialFile {
  readonly #settings: CredentialSettings;
  readonly #generationKey: Uint8Array;
  readonly #clock: Clock;
  readonly #log: Log;
  #current: Outcome<Credential> | null = null;
  #stamp = '';
  #lookedAt = 0;

  constructor(
    settings: CredentialSettings,
    generationKey: Uint8Array,
    world: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#settings = settings;
    this.#generationKey = generationKey;
    this.#clock = world.clock;
    this.#log = world.log;
  }

  /** The credential as its file holds it, at most `CREDENTIAL_RECHECK_MS` old. Fault: credential-unavailable. */
  current(): Outcome<Credential> {
    const now = this.#clock.monotonic();
    if (this.#current === null || now - this.#lookedAt >= CREDENTIAL_RECHECK_MS) {
      this.#current = this.#look(this.#current);
      this.#lookedAt = now;
    }
    return this.#current;
  }

  #look(before: Outcome<Credential> | null): Outcome<Credential> {
    const { file } = this.#settings;
    const after = this.#read(before);
    if (after === before) return after;
    this.#stamp = after.ok ? this.#stamp : '';
    if (after.ok) this.#log.info('forward.credential-read', { file, generation: after.value.generation });
    else if (before === null || before.ok) {
      this.#log.error('forward.credential-unavailable', { file, problem: after.fault.detail });
    }
    return after;
  }

  #read(before: Outcome<Credential> | null): Outcome<Credential> {
    const { file } = this.#settings;
    let descriptor: number | null = null;
    try {
      // Without O_NONBLOCK, opening a named pipe would wait for its writer.
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
      const status = fstatSync(descriptor, { bigint: true });
      if (!status.isFile()) return this.#unavailable('it is not a regular file');
      if (status.size > BigInt(MAX_CREDENTIAL_BYTES))
        return this.#unavailable(`it holds more than ${MAX_CREDENTIAL_BYTES} bytes`);
      const stamp = [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join('/');
      if (before?.ok === true && stamp === this.#stamp) return before;
      this.#stamp = stamp;
      const bytes = Buffer.alloc(MAX_CREDENTIAL_BYTES + 1);
      return this.#parse(bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0)));
    } catch (error) {
      return this.#unavailable(`it cannot be read (${codeOf(error)})`);
    } finally {
      if (descriptor !== null) closeSync(descriptor);
    }
  }

  #parse(bytes: Buffer): Outcome<Credential> {
    const { header, format } = this.#settings;
    const secret = bytes.toString('latin1').replace(/[\r\n]+$/u, '');
    if (secret === '') return this.#unavailable('it is empty');
    if (!HEADER_TEXT.test(secret)) {
      return this.#unavailable('it holds a character that a header cannot carry; expected printable ASCII on one line');
    }
    const value = format.split('{secret}').join(secret);
    const generation = createHmac('sha256', this.#generationKey)
      .update(JSON.stringify(['credential-generation', header.toLowerCase(), value]))
      .digest('hex')
      .slice(0, GENERATION_HEX_CHARS);
    return passed({ field: { name: header.toLowerCase(), value }, generation });
  }

  #unavailable(problem: string): Outcome<Credential> {
    // Without the path: the client reads this sentence, and where secrets are mounted is not its business.
    return failed('credential-unavailable', `the credential file of the route is of no use: ${problem}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
