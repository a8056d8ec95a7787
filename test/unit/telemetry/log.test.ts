import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../../src/model/ports.ts';
import { createLog, SECRET_FIELD, type LogSettings } from '../../../src/telemetry/log.ts';

const CLOCK = { now: () => Date.UTC(2026, 10, 24, 3, 4, 5, 678), monotonic: () => 0 };
const ESCAPE = String.fromCodePoint(27);

function logging(settings: Pick<LogSettings, 'format'> & Partial<LogSettings>): {
  readonly log: Log;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line), clock: CLOCK, colour: false, ...settings });
  return { log, lines };
}

describe('a line of JSON', () => {
  it('has time, level, event and fields, in this order', () => {
    const { log, lines } = logging({ format: 'json' });
    log.info('gateway.ready', { port: 15_001, host: '127.0.0.1', tls: null, ok: true, list: ['a', { b: 1 }] });
    log.warn('gateway.warned');
    log.error('gateway.failed', { code: 'internal' });
    expect(lines).toEqual([
      '{"ts":"2026-11-24T03:04:05.678Z","level":"info","event":"gateway.ready","port":15001,"host":"127.0.0.1","tls":null,"ok":true,"list":["a",{"b":1}]}\n',
      '{"ts":"2026-11-24T03:04:05.678Z","level":"warn","event":"gateway.warned"}\n',
      '{"ts":"2026-11-24T03:04:05.678Z","level":"error","event":"gateway.failed","code":"internal"}\n',
    ]);
  });

  it('leaves out what is undefined', () => {
    const { log, lines } = logging({ format: 'json' });
    log.info('a.b', { gone: undefined, here: 0 });
    expect(JSON.parse(lines[0] ?? '')).toEqual({ ts: expect.any(String), level: 'info', event: 'a.b', here: 0 });
  });

  it('cannot be made to say another time, level or event', () => {
    const { log, lines } = logging({ format: 'json' });
    log.info('a.b', { ts: 'then', level: 'error', event: 'c.d', ['__proto__']: 'x' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      ts: '2026-11-24T03:04:05.678Z',
      level: 'info',
      event: 'a.b',
      event_: 'c.d',
    });
  });
});

describe('a line of text', () => {
  it('has its fields in one column', () => {
    const { log, lines } = logging({ format: 'text' });
    log.info('gateway.ready', { host: '127.0.0.1', port: 15_001 });
    log.error('audit.journal-failing', { problem: 'no space left', detail: '' });
    expect(lines).toEqual([
      '2026-11-24T03:04:05.678Z INFO  gateway.ready                host=127.0.0.1 port=15001\n',
      '2026-11-24T03:04:05.678Z ERROR audit.journal-failing        problem="no space left" detail=""\n',
    ]);
  });

  it('has a coloured level where colour is wanted, and only there', () => {
    const { log, lines } = logging({ format: 'text', colour: true });
    log.warn('a.b', { c: 'd' });
    expect(lines).toEqual([
      `2026-11-24T03:04:05.678Z ${ESCAPE}[33mWARN ${ESCAPE}[0m a.b                          c=d\n`,
    ]);
    const json = logging({ format: 'json', colour: true });
    json.log.warn('a.b');
    expect(json.lines[0]).not.toContain(ESCAPE);
  });
});

describe('a hostile value', () => {
  const HOSTILE: readonly (readonly [name: string, text: string])[] = [
    ['a line feed that forges a line', 'a\n{"level":"info","event":"forged"}'],
    ['a carriage return', 'a\rb'],
    ['an ANSI sequence', `${ESCAPE}[2J${ESCAPE}]0;title\u0007`],
    ['an 8-bit control sequence', '\u009b31m'],
    ['DEL and NUL', '\u007f\u0000'],
    ['bidirectional overrides', 'user\u202e\u2066gpj.exe\u2069'],
    ['zero-width characters', 'ad\u200bmin\ufeff'],
    ['line and paragraph separators', '\u2028\u2029'],
    ['lone surrogates', '\ud800 \udc00'],
    ['a tag character', '\u{e0041}'],
  ];
  it.each(HOSTILE)('with %s stays on its line and is seen', (_name, text) => {
    for (const format of ['json', 'text'] as const) {
      const { log, lines } = logging({ format });
      log.info(`a.${text}`, { value: text, [`name-${text}`]: [text, { deep: text }] });
      expect(lines).toHaveLength(1);
      expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
      expect(lines[0]).toMatch(/\\u[0-9a-f]{4}|\\n|\\r/u);
    }
  });

  it('is the same again when its JSON is read', () => {
    for (const [, text] of HOSTILE) {
      const { log, lines } = logging({ format: 'json' });
      log.info('a.b', { value: text });
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ value: text });
    }
  });

  it('that is long is cut', () => {
    const { log, lines } = logging({ format: 'json' });
    log.info('a.b', { value: 'x'.repeat(100_000), list: Array.from({ length: 10_000 }, () => 'y') });
    expect(lines[0]?.length).toBeLessThan(6_000);
    expect(lines[0]).toContain('(97952 characters more)');
  });
});

describe('a secret', () => {
  it.each([
    'token',
    'access_token',
    'Authorization',
    'x-api-key',
    'private_key',
    'cookie',
    'password',
    'client_secret',
    'url',
    'query',
    'body',
  ])('under the name %s is withheld', (name) => {
    const { log, lines } = logging({ format: 'json' });
    log.info('a.b', { [name]: 's3cr3t' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ [name]: '[withheld]' });
  });

  it.each(['problem', 'detail', 'code', 'file', 'key', 'keyed', 'exchange', 'tokenizer'])(
    'is not suspected under %s',
    (name) => {
      expect(SECRET_FIELD.test(name)).toBe(false);
    },
  );

  it('is logged nowhere in the code under a name that tells', async () => {
    const root = fileURLToPath(new URL('../../../src/', import.meta.url));
    const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'));
    const names: string[] = [];
    for (const file of files) {
      const text = await readFile(`${root}${file}`, 'utf8');
      for (const [, fields = ''] of text.matchAll(/\blog\.(?:info|warn|error)\(\s*[^,()]+,\s*\{([^}]*)\}/gu)) {
        for (const [, name = ''] of fields.matchAll(/(?:^|,)\s*(\w+)/gu)) names.push(name);
      }
    }
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => SECRET_FIELD.test(name))).toEqual([]);
  });
});
