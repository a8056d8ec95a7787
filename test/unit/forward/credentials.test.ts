import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CredentialFile } from '../../../src/forward/credentials.ts';
import { CREDENTIAL_RECHECK_MS } from '../../../src/forward/limits.ts';
import type { CredentialSettings } from '../../../src/forward/settings.ts';
import { destination, Gateway, httpServer, MemoryLog, RawClient, Recorder } from './support.ts';

const SECRET = 'hunter2-do-not-tell';
let folder = '';
let now = 0;
let log = new MemoryLog();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-credential-'));
  now = 0;
  log = new MemoryLog();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function credential(further: Partial<CredentialSettings> = {}): CredentialFile {
  const settings = { header: 'Authorization', format: 'Bearer {secret}', file: join(folder, 'token'), ...further };
  return new CredentialFile(settings, Buffer.from('key'), { clock: { now: () => now, monotonic: () => now }, log });
}

function valueOf(file: CredentialFile): string {
  const current = file.current();
  return current.ok ? current.value.field.value : `${current.fault.code}: ${current.fault.detail}`;
}

function generationOf(file: CredentialFile): string {
  const current = file.current();
  return current.ok ? current.value.generation : '';
}

function write(text: string | Uint8Array, name = 'token'): void {
  writeFileSync(join(folder, name), text);
}

describe('a credential file', () => {
  it.each([
    ['secret', 'Bearer {secret}', 'Bearer secret'],
    ['secret\n', 'Bearer {secret}', 'Bearer secret'],
    ['secret\r\n\n', '{secret}', 'secret'],
    ["$& $' $1", 'Bearer {secret}', "Bearer $& $' $1"],
  ])('that holds %j gives with the format %j the value %j', (text, format, value) => {
    write(text);
    expect(valueOf(credential({ format }))).toBe(value);
  });

  it.each([
    ['', 'it is empty'],
    ['\n', 'it is empty'],
    ['two\nlines', 'a header cannot carry'],
    ['null\0byte', 'a header cannot carry'],
    ['escape\x1b[31m', 'a header cannot carry'],
    ['snow\u2603man', 'a header cannot carry'],
    ['x'.repeat(20_000), 'more than 16384 bytes'],
  ])('that holds %j is unavailable', (text, problem) => {
    write(text);
    const value = valueOf(credential());
    expect(value).toMatch(/^credential-unavailable: /u);
    expect(value).toContain(problem);
  });

  it('that is missing, a folder or a named pipe is unavailable and holds nobody up', () => {
    expect(valueOf(credential())).toContain('cannot be read (ENOENT)');
    mkdirSync(join(folder, 'token'));
    expect(valueOf(credential())).toContain('not a regular file');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(valueOf(credential({ file: join(folder, 'pipe') }))).toContain('not a regular file');
  });

  it('is read again when it has changed, at most a moment later', () => {
    write('one');
    const file = credential();
    expect(valueOf(file)).toBe('Bearer one');
    write('two');
    now += CREDENTIAL_RECHECK_MS - 1;
    expect(valueOf(file)).toBe('Bearer one');
    now += 1;
    expect(valueOf(file)).toBe('Bearer two');
  });

  it('is read again when it was replaced by one of the same size and time', () => {
    const at = new Date('2026-11-24T10:00:00Z');
    write('one');
    utimesSync(join(folder, 'token'), at, at);
    const file = credential();
    expect(valueOf(file)).toBe('Bearer one');
    write('two', 'new');
    utimesSync(join(folder, 'new'), at, at);
    renameSync(join(folder, 'new'), join(folder, 'token'));
    now += CREDENTIAL_RECHECK_MS;
    expect(valueOf(file)).toBe('Bearer two');
  });

  it('follows the swap of the ..data link of a Kubernetes volume', () => {
    for (const [version, text] of [
      ['..v1', 'one'],
      ['..v2', 'two'],
    ] as const) {
      mkdirSync(join(folder, version));
      write(text, join(version, 'token'));
    }
    symlinkSync('..v1', join(folder, '..data'));
    symlinkSync(join('..data', 'token'), join(folder, 'token'));
    const file = credential();
    expect(valueOf(file)).toBe('Bearer one');
    symlinkSync('..v2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    now += CREDENTIAL_RECHECK_MS;
    expect(valueOf(file)).toBe('Bearer two');
  });

  it('that goes away takes the credential with it, and gives it back when it returns', () => {
    write('one');
    const file = credential();
    expect(valueOf(file)).toBe('Bearer one');
    unlinkSync(join(folder, 'token'));
    now += CREDENTIAL_RECHECK_MS;
    expect(valueOf(file)).toContain('credential-unavailable');
    write('one');
    now += CREDENTIAL_RECHECK_MS;
    expect(valueOf(file)).toBe('Bearer one');
  });
});

describe('the generation of a credential', () => {
  it('is the same in another process, and changes with secret, header, format and key', () => {
    write(SECRET);
    const generation = generationOf(credential());
    expect(generation).toMatch(/^[0-9a-f]{16}$/u);
    expect(generationOf(credential())).toBe(generation);
    expect(generationOf(credential({ header: 'X-Api-Key' }))).not.toBe(generation);
    expect(generationOf(credential({ format: 'token {secret}' }))).not.toBe(generation);
    write(`${SECRET}x`);
    expect(generationOf(credential())).not.toBe(generation);
  });

  it('and the log hold nothing of the secret', () => {
    write(SECRET);
    const file = credential();
    file.current();
    write(`${SECRET}\0`);
    now += CREDENTIAL_RECHECK_MS;
    const broken = file.current();
    expect(broken.ok).toBe(false);
    expect(log.lines.map(({ event }) => event)).toEqual(['forward.credential-read', 'forward.credential-unavailable']);
    expect(JSON.stringify([log.lines, broken])).not.toContain('hunter2');
  });
});

describe.each(['buffered', 'streamed'] as const)('a route with a credential, %s', (body) => {
  async function sendOne(
    headers: readonly string[],
    route: string | null = 'tickets',
    trailer = '',
  ): Promise<Recorder> {
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    const to = destination(upstream.port);
    const file = { header: 'Authorization', format: 'Bearer {secret}', file: join(folder, 'token') };
    const settings = { routes: new Map([['tickets', { upstream: to, credential: file }]]) };
    await using gateway = await Gateway.start({ to, body, settings, canonical: { route }, world: { log } });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', [...headers, 'Transfer-Encoding: chunked'], `2\r\n{}\r\n0\r\n${trailer}\r\n`);
    await client.until('HTTP/1.1 ');
    await gateway.next();
    return recorder;
  }

  it('puts the secret in the place of whatever the agent sent, every time it sent it', async () => {
    write(SECRET);
    const { requests } = await sendOne(
      ['authorization: Bearer mine', 'X-Kept: 1', 'AUTHORIZATION: Basic other'],
      'tickets',
      'Authorization: late\r\n',
    );
    expect(requests).toHaveLength(1);
    const [seen] = requests;
    const values = (seen?.rawHeaders ?? []).filter(
      (_text, index, all) => all[index - 1]?.toLowerCase() === 'authorization',
    );
    expect(values).toEqual([`Bearer ${SECRET}`]);
    expect(seen?.rawTrailers).toEqual([]);
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });

  it('gives it to no request that came another way', async () => {
    write(SECRET);
    const { requests } = await sendOne(['authorization: Bearer mine'], null);
    expect(JSON.stringify(requests)).toContain('Bearer mine');
    expect(JSON.stringify(requests)).not.toContain(SECRET);
  });

  it('sends nothing while the file is missing', async () => {
    const { requests } = await sendOne(['authorization: Bearer mine']);
    expect(requests).toEqual([]);
  });

  it('gives it to no other destination', async () => {
    write(SECRET);
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    const file = { header: 'Authorization', format: '{secret}', file: join(folder, 'token') };
    const settings = { routes: new Map([['tickets', { upstream: destination(1), credential: file }]]) };
    await using gateway = await Gateway.start({
      to: destination(upstream.port),
      body,
      settings,
      canonical: { route: 'tickets' },
    });
    using client = new RawClient(gateway.port);
    client.request('GET /x HTTP/1.1');
    await client.until('tag:aegis.dev,2026:fault:internal');
    expect(recorder.requests).toEqual([]);
  });
});
