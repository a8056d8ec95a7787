import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { CanonicalRequest } from '../../../src/model/request.ts';
import { decodeBody, limitFor, looksStructured, mustJudge, opaqueBody } from '../../../src/request/body.ts';
import { accepted, withHeaders } from './heads.ts';

const LIMITS = { limitBytes: 1_000_000 };

function request(contentType: string | null, encoding?: string): CanonicalRequest {
  const headers: [string, string][] = contentType === null ? [] : [['Content-Type', contentType]];
  if (encoding !== undefined) headers.push(['Content-Encoding', encoding]);
  return accepted(withHeaders(headers, { method: 'POST' }));
}

function decode(contentType: string | null, content: string | Uint8Array, encoding?: string): unknown {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const result = decodeBody(request(contentType, encoding), bytes, LIMITS);
  if (!result.ok) return result.fault.code;
  const { decoded } = result.value;
  if (decoded.kind === 'json') return decoded.value;
  return decoded.kind === 'form' ? [...decoded.fields] : decoded.kind;
}

function utf32(text: string, little: boolean): Buffer {
  const bytes = Buffer.alloc(text.length * 4);
  for (let at = 0; at < text.length; at += 1) {
    if (little) bytes.writeUInt32LE(text.charCodeAt(at), at * 4);
    else bytes.writeUInt32BE(text.charCodeAt(at), at * 4);
  }
  return bytes;
}

describe('a body', () => {
  it('keeps its bytes, and their digest as received', () => {
    const bytes = gzipSync('{"a":1}');
    const result = decodeBody(request('application/json', 'gzip'), bytes, LIMITS);
    expect(result).toEqual({
      ok: true,
      value: {
        kind: 'buffered',
        bytes,
        digest: createHash('sha256').update(bytes).digest('hex'),
        decoded: { kind: 'json', value: new Map([['a', 1n]]) },
      },
    });
  });

  it.each([
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'text/plain',
    null,
  ])('is empty without bytes, as %s', (contentType) => {
    expect(decode(contentType, '')).toBe('empty');
    expect(decode(contentType, gzipSync(''), 'gzip')).toBe('empty');
  });

  it.each([
    'application/json',
    'application/vnd.api+json',
    'text/json',
    'application/json; charset=utf-8',
    'application/x-json',
  ])('is JSON as %s', (contentType) => {
    expect(decode(contentType, ' {"a":[1,2]}\n')).toEqual(new Map([['a', [1n, 2n]]]));
    expect(decode(contentType, '"text"')).toBe('text');
  });

  it('is a form, or the fields of a multipart body', () => {
    expect(decode('application/x-www-form-urlencoded', 'a=1')).toEqual([['a', '1']]);
    const multipart = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--';
    expect(decode('multipart/form-data; boundary=b', multipart)).toEqual([['a', '1']]);
    expect(decode('multipart/form-data; boundary=b', gzipSync(multipart), 'gzip')).toEqual([['a', '1']]);
  });

  it('that need not be opened has a digest all the same', () => {
    expect(opaqueBody(Buffer.from('x'))).toMatchObject({
      decoded: { kind: 'opaque' },
      digest: createHash('sha256').update('x').digest('hex'),
    });
    expect(opaqueBody(Buffer.alloc(0))).toMatchObject({ decoded: { kind: 'empty' } });
  });
});

describe('JSON that readers differ on is refused', () => {
  it.each([
    ['a duplicate key', '{"a":1,"a":2}', 'duplicate-key'],
    ['a duplicate key in another spelling', '{"a":1,"\\u0061":2}', 'duplicate-key'],
    ['a duplicate key deep inside', '[[{"x":{"a":1,"a":1}}]]', 'duplicate-key'],
    ['keys that differ in letter case', '{"amount":1,"Amount":5000}', 'duplicate-key'],
    ['keys that differ in a Kelvin sign', '{"kind":1,"\u212aind":2}', 'duplicate-key'],
    ['keys that differ in a long s', '[{"x":[{"s":1,"\u017f":2}]}]', 'duplicate-key'],
    ['a byte order mark', '\ufeff{"a":1}', 'malformed-body'],
    ['two texts', '{"a":1}{"a":2}', 'malformed-body'],
    ['text behind it', '{"a":1} x', 'malformed-body'],
    ['a NUL behind it', '{"a":1}\0', 'malformed-body'],
    ['a NUL inside', '{"a":"\0"}', 'malformed-body'],
    ['a trailing comma', '{"a":1,}', 'malformed-body'],
    ['a comment', '{"a":1/* x */}', 'malformed-body'],
    ['single quotes', "{'a':1}", 'malformed-body'],
    ['NaN', '{"a":NaN}', 'malformed-body'],
    ['a number beyond doubles', '{"a":1e999}', 'malformed-body'],
    ['half a surrogate pair', '{"a":"\\ud800"}', 'malformed-body'],
    ['white space only', '   ', 'malformed-body'],
    ['nesting without end', '['.repeat(129) + ']'.repeat(129), 'body-too-complex'],
    ['values without end', `[${'0,'.repeat(500_000)}0]`, 'body-too-complex'],
  ])('%s', (_, text, code) => {
    expect(decode('application/json', text)).toBe(code);
  });

  it('other encodings than UTF-8', () => {
    expect(decode('application/json', Buffer.from('{"a":1}', 'utf16le'))).toBe('malformed-body');
    expect(decode('application/json', Buffer.from('{"a":"\xff"}', 'latin1'))).toBe('malformed-body');
  });

  it('JSON up to the limits is read', () => {
    expect(decode('application/json', `${'['.repeat(128)}${']'.repeat(128)}`)).toBeInstanceOf(Array);
  });
});

describe('a body that does not say that it is JSON', () => {
  it.each(['text/plain', 'application/octet-stream', 'text/html', 'application/x-ndjson', 'application/graphql', null])(
    'is judged as JSON when it is, as %s',
    (contentType) => {
      expect(decode(contentType, '\n {"amount":5000}')).toEqual(new Map([['amount', 5000n]]));
      expect(decode(contentType, '[{"a":1}]')).toEqual([new Map([['a', 1n]])]);
      expect(decode(contentType, '{"a":1,"a":2}')).toBe('duplicate-key');
      expect(decode(contentType, '{"a":1,"A":2}')).toBe('duplicate-key');
      expect(decode(contentType, '['.repeat(200))).toBe('body-too-complex');
    },
  );

  it('is judged as JSON inside a content coding', () => {
    expect(decode('text/plain', gzipSync('{"amount":5000}'), 'gzip')).toEqual(new Map([['amount', 5000n]]));
  });

  const json = '{"amount":5000}';
  it.each([
    ['behind a byte order mark', Buffer.from(`\ufeff${json}`)],
    ['in UTF-16, little-endian', Buffer.from(json, 'utf16le')],
    ['in UTF-16, little-endian, marked', Buffer.from(`\ufeff${json}`, 'utf16le')],
    ['in UTF-16, big-endian', Buffer.from(json, 'utf16le').swap16()],
    ['in UTF-16, big-endian, marked', Buffer.from(`\ufeff${json}`, 'utf16le').swap16()],
    ['in UTF-32, little-endian', utf32(json, true)],
    ['in UTF-32, big-endian, marked', utf32(`\ufeff${json}`, false)],
    ['with broken UTF-8, which Go replaces', Buffer.from('{"amount":5000,"x":"\xff"}', 'latin1')],
    ['with half a surrogate pair', Buffer.from('{"amount":5000,"x":"\\ud800"}')],
    ['with a number beyond doubles', Buffer.from('{"amount":5000,"x":1e999}')],
    ['with NaN, which Python takes', Buffer.from('{"amount":5000,"x":NaN}')],
    ['with text behind it, where Go stops', Buffer.from('{"amount":5000} x')],
    ['twice, where Go takes the first', Buffer.from(`${json}\n{"amount":1}`)],
    ['in a list with text behind it', Buffer.from('["id-1","id-2"] x')],
    ['in a list with a comma too many', Buffer.from('[{"amount":5000},]')],
    ['with a comment', Buffer.from('{"amount":5000/**/}')],
    ['cut off', Buffer.from('{"amount":5000')],
    ['with an escape in its first name', Buffer.from('{"am\\"ount":5000,')],
    ['behind a comment, which Ruby and .NET skip', Buffer.from(`/* */${json}`)],
    ['behind a line comment', Buffer.from(`// \n# \n${json}`)],
    ['behind a guard, which Gson skips', Buffer.from(`)]}'\n${json}`)],
    ['behind wide white space, which .NET skips', Buffer.from(`\u00a0\u2028\u0085${json}`)],
    ['with single quotes, which .NET takes', Buffer.from("{'amount':5000}")],
    ['with a bare name, which .NET takes', Buffer.from('{amount:5000}')],
    ['with a comment before its first name', Buffer.from('{/**/"amount":5000}')],
    ['in a list with NaN, which Python takes', Buffer.from('[NaN,1,2]')],
    ['in a list of texts with a comma too many', Buffer.from('["id-1","id-2",]')],
    ['many times over', Buffer.from('{"index":{}}\n{"a":1}\n')],
  ])('but that some servers read as JSON is refused: %s', (_, bytes) => {
    expect(decode('text/plain', bytes)).toBe('malformed-body');
    expect(decode('application/octet-stream', gzipSync(bytes), 'gzip')).toBe('malformed-body');
  });

  it.each([
    ['text', 'hello'],
    ['text that looks like a form', 'amount=5000'],
    ['XML', '<a/>'],
    ['a link in Markdown', '[link](https://example.com)'],
    ['a to-do list', '[ ] write\n[x] test'],
    ['a template', '{{name}} said'],
    ['an empty object and text', '{} and more'],
    ['a stamp', '[2026-11-24T10:00:00Z] started'],
    ['a brace alone', '{'],
    ['a path', '/usr/bin'],
    ['a heading', '# Title\n\nwords'],
    ['a script', '#!/bin/sh\n[ -f x ] && y'],
    ['settings', '# all of them\n[section]\na=1'],
    ['a quote alone', '{"'],
  ])('is opaque when it is none: %s', (_, text) => {
    expect(decode('text/plain', text)).toBe('opaque');
  });

  it('is opaque when it is bytes', () => {
    expect(decode('application/octet-stream', Buffer.from([0, 0, 0, 0, 0x7b, 0x0a, 1, 2]))).toBe('opaque');
    expect(decode('application/octet-stream', Buffer.from([0xff, 0xfe, 0x00, 0x01]))).toBe('opaque');
    expect(decode('image/jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xe0]))).toBe('opaque');
  });

  it('is refused when it is many JSON texts and says so, since Go takes the first', () => {
    expect(decode('application/x-ndjson', '{"index":{}}\n{"a":1}\n')).toBe('malformed-body');
  });
});

describe('a multipart body that does not say form-data', () => {
  const field = '--b\r\nContent-Disposition: form-data; name="amount"\r\n\r\n5000\r\n--b--\r\n';

  it('is a form when it has fields, as Rack and formidable take it', () => {
    expect(decode('multipart/mixed; boundary=b', field)).toEqual([['amount', '5000']]);
    expect(decode('multipart/related; boundary=b; type="text/json"', field)).toEqual([['amount', '5000']]);
    expect(decode('multipart/mixed; boundary=b', '--b\r\nContent-ID: amount\r\n\r\n5000\r\n--b--')).toBe(
      'malformed-body',
    );
  });

  it('is opaque when it has none', () => {
    const upload = '--b\r\nContent-Type: application/json\r\n\r\n{"name":"x"}\r\n--b\r\n\r\nfile\r\n--b--';
    expect(decode('multipart/related; boundary=b', upload)).toBe('opaque');
  });
});

describe('a form under another name', () => {
  it.each(['application/urlencoded', 'text/x-www-form-urlencoded'])('is a form: %s', (type) => {
    expect(decode(type, 'amount=5000')).toEqual([['amount', '5000']]);
  });
});

describe('a form that is JSON', () => {
  const form = 'application/x-www-form-urlencoded';

  it.each([
    '{"amount":5000}',
    ' [{"amount":5000}]',
    '{"amount":5000} x',
    '{"a":1,"a":2}',
    '{"amount":5000,"x":NaN}',
    '\ufeff{"amount":5000}',
    '{"a":"&amount=1"}',
  ])('is refused, since servers differ: %s', (text) => {
    expect(decode(form, text)).toBe('malformed-body');
  });

  it('is a form when it only starts like JSON', () => {
    expect(decode(form, '{name}=1')).toEqual([['{name}', '1']]);
    expect(decode(form, '[a]=1')).toEqual([['[a]', '1']]);
  });
});

describe('a body without Content-Type', () => {
  it('is a form when it looks like one, as Rack takes it', () => {
    expect(decode(null, 'amount=5000&to=x')).toEqual([
      ['amount', '5000'],
      ['to', 'x'],
    ]);
    expect(decode(null, 'amount')).toEqual([['amount', '']]);
  });

  it('is refused when it looks like one and is malformed', () => {
    expect(decode(null, 'amount=5000%')).toBe('malformed-body');
    expect(decode(null, 'amount=1\nother=2')).toBe('malformed-body');
    expect(decode(null, 'amount=1;amount=2')).toBe('malformed-body');
  });

  it.each(['&amount=5000', 'a b=1&amount=5000', '$a=1&amount=5000', '\u00e9=1&amount=5000'])(
    'is a form whatever it starts with: %s',
    (text) => {
      expect(decode(null, text)).toContainEqual(['amount', '5000']);
    },
  );

  it('is opaque otherwise', () => {
    expect(decode(null, 'no form at all')).toBe('opaque');
    expect(decode(null, Buffer.from([1, 2, 0xff, 0xd8]))).toBe('opaque');
  });
});

describe('whether a body has to be read whole', () => {
  it('is known from the head for JSON, forms and compressed bodies', () => {
    expect(mustJudge(request('application/json'))).toBe('judge');
    expect(mustJudge(request('application/scim+json'))).toBe('judge');
    expect(mustJudge(request('application/x-www-form-urlencoded'))).toBe('judge');
    expect(mustJudge(request('multipart/form-data; boundary=b'))).toBe('judge');
    expect(mustJudge(request('image/png', 'gzip'))).toBe('judge');
    expect(mustJudge(request('image/png'))).toBe('peek');
    expect(mustJudge(request('multipart/mixed; boundary=b'))).toBe('judge');
    expect(mustJudge(request(null))).toBe('judge');
  });

  it.each([
    ['{', true],
    ['[', true],
    ['  \r\n\t{', true],
    ['   ', true],
    ['\f\v{', true],
    ['\ufeff{', true],
    ['\0{', true],
    ['\0', true],
    ['hello', false],
    ['"text"', false],
    ['amount=5000', false],
    ['', false],
  ])('is known from the first bytes %j of text', (text, structured) => {
    expect(looksStructured(request('text/plain'), Buffer.from(text))).toBe(structured);
  });

  it.each([
    ['amount=5', true],
    ['am', true],
    ['a%20b', true],
    ['hello world', false],
    ['<xml', false],
    ['{', true],
  ])('is known from the first bytes %j of a PUT without a type', (text, structured) => {
    expect(looksStructured({ ...request(null), method: 'PUT' }, Buffer.from(text))).toBe(structured);
    expect(looksStructured(request(null), Buffer.from(text))).toBe(true);
  });

  it.each([['/* c */'], ['//'], ['#'], [")]}'"], ['\u00a0'], ['\u2028{'], ['\u3000[']])(
    'is known from the first bytes %j of text, which some reader of JSON skips',
    (text) => {
      expect(looksStructured(request('text/plain'), Buffer.from(text))).toBe(true);
      expect(looksStructured(request('text/plain'), Buffer.from(text).subarray(0, 1))).toBe(true);
    },
  );

  it('holds for the first bytes of every encoding that JSON can hide in', () => {
    for (const bytes of [
      Buffer.from('\ufeff{', 'utf16le'),
      Buffer.from('{', 'utf16le'),
      Buffer.from([0xfe, 0xff]),
      Buffer.from([0, 0, 0, 0x7b]),
    ]) {
      expect(looksStructured(request('text/plain'), bytes)).toBe(true);
    }
    expect(looksStructured(request('image/jpeg'), Buffer.from([0xff, 0xd8, 0xff]))).toBe(false);
    expect(looksStructured(request('application/json'), Buffer.from('x'))).toBe(true);
  });
});

describe('limits', () => {
  it('hold for what a body expands to', () => {
    const bomb = gzipSync(`[${' '.repeat(2_000_000)}]`);
    expect(decode('application/json', bomb, 'gzip')).toBe('body-too-complex');
  });

  it('may differ for a route', () => {
    const limits = { limitBytes: 10, routeLimitBytes: new Map([['tickets', 20]]) };
    expect(limitFor({ ...request(null), route: 'tickets' }, limits)).toBe(20);
    expect(limitFor({ ...request(null), route: 'other' }, limits)).toBe(10);
    expect(limitFor(request(null), limits)).toBe(10);
  });
});
