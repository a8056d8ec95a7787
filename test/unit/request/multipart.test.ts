import { describe, expect, it } from 'vitest';
import { readMultipart } from '../../../src/request/multipart.ts';

type Part = readonly [header: string | readonly string[], content: string];
const B = 'b0undary';

function body(parts: readonly Part[]): string {
  const lines = parts.map(([header, content]) => `--${B}\r\n${[header].flat().join('\r\n')}\r\n\r\n${content}\r\n`);
  return `${lines.join('')}--${B}--\r\n`;
}

function read(text: string | Uint8Array): unknown {
  const result = readMultipart(typeof text === 'string' ? Buffer.from(text) : text, B);
  return result.ok ? [...result.value] : result.fault.code;
}

const named = (name: string): string => `Content-Disposition: form-data; name="${name}"`;
const file = (name: string, filename: string): string => `${named(name)}; filename="${filename}"`;

describe('a multipart body', () => {
  it('gives field names with their texts, and files by name, type and size', () => {
    const text = body([
      [named('amount'), '5000'],
      [named('note'), 'two\r\nlines, --almost a boundary'],
      [[file('doc', 'a é.pdf'), 'Content-Type: application/pdf'], '%PDF'],
      [named('tag'), 'x'],
      [named('tag'), 'y'],
    ]);
    expect(read(text)).toEqual([
      ['amount', '5000'],
      ['note', 'two\r\nlines, --almost a boundary'],
      [
        'doc',
        new Map<string, unknown>([
          ['filename', 'a é.pdf'],
          ['content_type', 'application/pdf'],
          ['bytes', 4n],
        ]),
      ],
      ['tag', ['x', 'y']],
    ]);
  });

  it('is read as browsers, curl, Python and Java write it', () => {
    const header = [
      'content-disposition: form-data; name="a"',
      'Content-Type: text/plain; charset=UTF-8',
      'Content-Transfer-Encoding: 8bit',
    ];
    expect(read(body([[header, 'é']]))).toEqual([['a', 'é']]);
    expect(read(body([[[named('a'), 'Content-Length: 2'], 'é']]))).toEqual([['a', 'é']]);
    expect(read(body([['Content-Disposition: form-data; name=a', '1']]))).toEqual([['a', '1']]);
    expect(read(body([[[named('a'), 'Content-Type: application/json'], '{"x":1}']]))).toEqual([['a', '{"x":1}']]);
    expect(read(body([[named('a'), '1']]).slice(0, -2))).toEqual([['a', '1']]);
    expect(read(`--${B}--\r\n`)).toEqual([]);
    expect(read(body([[file('a', ''), '']]))).toMatchObject([
      [
        'a',
        new Map<string, unknown>([
          ['filename', ''],
          ['content_type', ''],
          ['bytes', 0n],
        ]),
      ],
    ]);
  });

  it('takes files of any bytes', () => {
    const bytes = Buffer.from([0, 255, 13, 10, 45, 45]);
    const whole = Buffer.concat([
      Buffer.from(`--${B}\r\n${file('a', 'x')}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${B}--`),
    ]);
    expect(read(whole)).toEqual([
      [
        'a',
        new Map<string, unknown>([
          ['filename', 'x'],
          ['content_type', ''],
          ['bytes', 6n],
        ]),
      ],
    ]);
  });

  const good = body([[named('a'), '1']]);
  it.each([
    ['a preamble', `preamble\r\n${good}`],
    ['a line end before the first boundary', `\r\n${good}`],
    ['an epilogue', `${good}epilogue`],
    ['a second line end at the end', `${good}\r\n`],
    ['another body behind it', `${good}${good}`],
    ['no final boundary', good.replace('--\r\n', '\r\n')],
    ['no boundary at all', 'a=1'],
    ['another boundary', good.replaceAll(B, 'other')],
    ['white space behind a boundary', good.replace(`${B}\r\n`, `${B} \r\n`)],
    ['bare line feeds', good.replaceAll('\r\n', '\n')],
    ['a bare line feed before a boundary', good.replace(`1\r\n--`, '1\n--')],
    ['a bare carriage return before a boundary', good.replace(`1\r\n--`, '1\r--')],
    ['a boundary inside a line', body([[named('a'), `x--${B}`]])],
    ['a boundary that goes on', body([[named('a'), `x\r\n--${B}x\r\ny`]])],
    [
      'a final boundary in the middle',
      body([[named('a'), `1\r\n--${B}--\r\n--${B}\r\n${named('amount')}\r\n\r\n5000`]]),
    ],
    ['a part without a header', `--${B}\r\n\r\n1\r\n--${B}--`],
    ['a part without an empty line', `--${B}\r\n${named('a')}\r\n--${B}--`],
    ['an empty part', `--${B}\r\n--${B}--`],
    ['no Content-Disposition', body([['Content-Type: text/plain', '1']])],
    ['two Content-Dispositions', body([[[named('a'), named('amount')], '1']])],
    ['another disposition', body([['Content-Disposition: attachment; name="a"', '1']])],
    ['no name', body([['Content-Disposition: form-data', '1']])],
    ['two names', body([['Content-Disposition: form-data; name="a"; name="amount"', '1']])],
    ['an extended name', body([['Content-Disposition: form-data; name="a"; name*=utf-8\'\'amount', '1']])],
    ['an extended file name', body([['Content-Disposition: form-data; name="a"; filename*=utf-8\'\'x', '1']])],
    ['two file names', body([[`${file('a', 'x')}; filename="y"`, '1']])],
    ['another parameter', body([[`${named('a')}; size=1`, '1']])],
    ['a backslash in a name', body([[named('a\\"; filename=\\"x'), '1']])],
    ['a quote in a name', body([[named('a"b'), '1']])],
    ['an escaped quote in a name', body([[named('a%22b'), '1']])],
    ['an escaped line end in a name', body([[named('a%0d%0Ab'), '1']])],
    ['an open quote', body([['Content-Disposition: form-data; name="a', '1']])],
    ['a NUL in a name', body([[named('a\0b'), '1']])],
    ['a tab in a header', body([['Content-Disposition: form-data;\tname="a"', '1']])],
    ['a folded header', body([[['Content-Disposition: form-data;', ' name="a"'], '1']])],
    ['a header without a colon', body([[[named('a'), 'Content-Type'], '1']])],
    ['a space before the colon', body([[['Content-Disposition : form-data; name="a"'], '1']])],
    ['an unknown header', body([[[named('a'), 'X-Name: amount'], '1']])],
    ['a repeated Content-Type', body([[[named('a'), 'Content-Type: text/plain', 'Content-Type: text/html'], '1']])],
    ['an invalid Content-Type', body([[[named('a'), 'Content-Type: text'], '1']])],
    ['base64', body([[[named('a'), 'Content-Transfer-Encoding: base64'], 'MQ==']])],
    ['quoted-printable', body([[[named('a'), 'Content-Transfer-Encoding: quoted-printable'], '=31']])],
    ['a wrong Content-Length', body([[[named('a'), 'Content-Length: 2'], '1']])],
    ['a field in another charset', body([[[named('a'), 'Content-Type: text/plain; charset=utf-16'], '1']])],
    [
      '_charset_',
      body([
        [named('_charset_'), 'utf-16le'],
        [named('a'), '1'],
      ]),
    ],
    ['a NUL in a field', body([[named('a'), '1\0']])],
    ['a field that servers take for a file', body([[[named('a'), 'Content-Type: application/octet-stream'], '1']])],
    ['a file without a name but with content', body([[file('a', ''), '1']])],
    [
      'a name for a field and a file',
      body([
        [named('a'), '1'],
        [file('a', 'x'), '2'],
      ]),
    ],
    [
      'names that differ in letter case',
      body([
        [named('amount'), '1'],
        [named('Amount'), '5000'],
      ]),
    ],
    [
      'a name with and without brackets',
      body([
        [named('a'), '1'],
        [named('a[]'), '2'],
      ]),
    ],
    ['a name behind white space', body([[named(' a'), '1']])],
    ['a name that PHP folds onto _method', body([[named('.method'), 'delete']])],
    ['nothing', ''],
  ])('is refused with %s', (_, text) => {
    expect(read(text)).toBe('malformed-body');
  });

  it('is refused when a field or a header is not UTF-8', () => {
    expect(read(Buffer.from(body([[named('a'), '\xff']]), 'latin1'))).toBe('malformed-body');
    expect(read(Buffer.from(body([[named('\xff'), '1']]), 'latin1'))).toBe('malformed-body');
  });

  it('has at most 1000 parts, and headers of at most 8 KiB', () => {
    expect(read(body(Array.from({ length: 1000 }, (): Part => [named('a'), '1'])))).toHaveLength(1);
    expect(read(body(Array.from({ length: 1001 }, (): Part => [named('a'), '1'])))).toBe('body-too-complex');
    expect(read(body([[named('a'.repeat(9000)), '1']]))).toBe('malformed-body');
  });
});
