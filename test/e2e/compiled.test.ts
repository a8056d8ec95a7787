import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const DIST = resolve('dist');
const DIGEST_BYTES = 32;

describe('the compiled form of the product', () => {
  let copy = '';
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'aegis-compiled-'));
    cpSync(DIST, copy, { recursive: true });
  });
  afterEach(() => rmSync(copy, { recursive: true, force: true }));

  const version = (): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(copy, 'aegis-gateway.mjs'), '--version'], {
      encoding: 'utf8',
    });
    return stdout + stderr;
  };

  it('belongs to the script beside it, and V8 takes it', () => {
    const code = readFileSync(join(DIST, 'main.cjs'));
    const cache = readFileSync(join(DIST, 'main.cache'));
    expect(cache.subarray(0, DIGEST_BYTES)).toEqual(createHash('sha256').update(code).digest());
    const cachedData = cache.subarray(DIGEST_BYTES);
    expect(new Script(code.toString('latin1'), { cachedData }).cachedDataRejected).toBe(false);
  });

  it('holds no translation of messages, which one import of zod by name would bring in', () => {
    const script = readFileSync(join(DIST, 'main.cjs'), 'utf8');
    expect(script).toContain('zod/v4/locales/en');
    expect(script).not.toContain('zod/v4/locales/de');
  });

  it('is not used for another script of the same length', () => {
    const script = join(copy, 'main.cjs');
    const code = readFileSync(script, 'utf8');
    const { version: own } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    writeFileSync(script, code.replaceAll(`"${own}"`, `"${own.replaceAll(/\d/gu, '9')}"`));
    expect(version().trim()).toBe(own.replaceAll(/\d/gu, '9'));
  });

  it.each([
    ['is cut off', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    ['is empty', () => Buffer.alloc(0)],
    ['is of another V8', (cache: Buffer) => Buffer.concat([cache.subarray(0, DIGEST_BYTES), Buffer.alloc(64, 1)])],
  ])('is done without where it %s', (_what, change) => {
    const file = join(copy, 'main.cache');
    writeFileSync(file, change(readFileSync(file)));
    expect(version()).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });

  it('is done without where it is missing', () => {
    rmSync(join(copy, 'main.cache'));
    expect(version()).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });
});
