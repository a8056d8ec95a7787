import { describe, expect, it } from 'vitest';
import { nonTextKey } from '../../../src/document/key.ts';
import { formatMistake } from '../../../src/document/mistake.ts';
import { pythonFloat } from '../../../src/document/python-number.ts';
import { Timestamp } from '../../../src/document/timestamp.ts';
import { readYaml, type YamlDocument } from '../../../src/document/yaml.ts';
import { Decimal, isMap, type Value } from '../../../src/model/value.ts';

function documentOf(text: string): YamlDocument {
  const read = readYaml(text, 'f.yaml');
  if (!read.ok) throw new Error(read.mistakes.map(formatMistake).join('\n'));
  return read.value;
}

function mistakesOf(text: string): string {
  const read = readYaml(text, 'f.yaml');
  return read.ok ? '' : read.mistakes.map(formatMistake).join('\n');
}

/** The value of a scalar, as Python would print its kind and text. */
function scalar(written: string): string {
  const { root } = documentOf(`v: ${written}\n`);
  const value = isMap(root) ? (root.get('v') ?? null) : null;
  return shown(value);
}

function shown(value: Value): string {
  if (typeof value === 'string') return `text ${value}`;
  if (typeof value === 'bigint') return `int ${value}`;
  if (value instanceof Timestamp) return `date ${value.text}`;
  if (value instanceof Decimal) return `float ${pythonFloat(value.value)}`;
  return value === null ? 'null' : `bool ${JSON.stringify(value)}`;
}

describe('scalars of YAML 1.1 as PyYAML reads them', () => {
  it.each([
    ['yes', 'bool true'],
    ['Off', 'bool false'],
    ['y', 'text y'],
    ['tRue', 'text tRue'],
    ['~', 'null'],
    ['', 'null'],
    ['nULL', 'text nULL'],
    ['010', 'int 8'],
    ['0777', 'int 511'],
    ['08', 'text 08'],
    ['0o10', 'text 0o10'],
    ['0b101', 'int 5'],
    ['0x_1f', 'int 31'],
    ['1_000', 'int 1000'],
    ['+1', 'int 1'],
    ['-0', 'int 0'],
    ['12345678901234567890', 'int 12345678901234567890'],
    ['18:00', 'int 1080'],
    ['1:30', 'int 90'],
    ['-1:30', 'int -90'],
    ['12:30:45', 'int 45045'],
    ['09:00', 'text 09:00'],
    ['1:60', 'text 1:60'],
    ['1e3', 'text 1e3'],
    ['1.0e3', 'text 1.0e3'],
    ['1.0e+3', 'float 1000.0'],
    ['1E+2', 'text 1E+2'],
    ['.5', 'float 0.5'],
    ['+.5', 'text +.5'],
    ['5.', 'float 5.0'],
    ['1_0.5', 'float 10.5'],
    ['190:20:30.15', 'float 685230.15'],
    ['.inf', 'float inf'],
    ['-.INF', 'float -inf'],
    ['.NaN', 'float nan'],
    ['2026-01-01', 'date 2026-01-01'],
    ['2026-1-1', 'text 2026-1-1'],
    ['2026-01-01T10:00:00Z', 'date 2026-01-01 10:00:00+00:00'],
    ['2026-1-2 3:04:05.5 -5:30', 'date 2026-01-02 03:04:05.500000-05:30'],
    ['"010"', 'text 010'],
    ['!!str 010', 'text 010'],
    ['!!int "010"', 'int 8'],
    ['!!float 5', 'float 5.0'],
    ['!!bool ON', 'bool true'],
    ['!!null x', 'null'],
    ['! "12"', 'int 12'],
    ['"\\x41\\u00e9\\U0001F600\\/\\_"', 'text Aé😀/\u00a0'],
    ["'it''s'", "text it's"],
    ['a#b', 'text a#b'],
    ['http://x/y?z=1', 'text http://x/y?z=1'],
  ])('%s is %s', (written, value) => {
    expect(scalar(written)).toBe(value);
  });

  it.each([
    ['v: =\n', 'an unquoted = has no value in YAML 1.1; expected it in quotes'],
    ['v: <<\n', 'an unquoted << has no value in YAML 1.1; expected it in quotes'],
    ['v: !foo x\n', 'the tag "!foo" is not one of YAML\'s own'],
    ['v: !!python/tuple [1]\n', 'the tag !!python/tuple is not supported here'],
    ['v: !!binary aGk=\n', 'the tag !!binary is not supported here'],
    ['v: !!set {a}\n', 'the tag !!set is not supported here'],
    ['v: !!int 5.5\n', '"5.5" is not a whole number of YAML 1.1'],
    ['v: !!bool maybe\n', '"maybe" is not a boolean'],
    ['v: !!float x\n', '"x" is not a number'],
    ['v: 2026-13-01\n', '2026-13-01 is not a date of the calendar'],
    ['v: 2026-02-29\n', '2026-02-29 is not a date of the calendar'],
    ['v: 2026-01-01 25:00:00\n', '2026-01-01 25:00:00 is not a time of the clock'],
    [`v: ${'9'.repeat(4_301)}\n`, 'is not a whole number of YAML 1.1'],
    ['v: "\\ud83d\\ude00"\n', 'the escape d83d is no character'],
    ['v: "\\U00110000"\n', 'the escape 00110000 is no character'],
    ['v: "\\q"\n', '\\ is followed by "q"; expected an escape of YAML'],
    ['v: a\u0000b\n', 'f.yaml:1:5: the character U+0000 is not allowed in YAML'],
    ['\n\nv: \u0007\n', 'f.yaml:3:4: the character U+0007 is not allowed in YAML'],
  ])('refuses %j', (text, message) => {
    expect(mistakesOf(text)).toContain(message);
  });
});

describe('documents', () => {
  it.each([
    ['a: b: c\n', 'f.yaml:1:5: a ":" cannot stand here; expected it in a line of its own'],
    ['rules: [\n', 'f.yaml:2:1: found the end of the file; expected a value'],
    ['a: [1\nb: 2\n', 'f.yaml:2:2: found ":"; expected "," or "]"'],
    ['a: "x\n', 'f.yaml:1:4: a text in quotes is not ended; expected the closing quote'],
    ['a:\n\t- b\n', 'f.yaml:2:1: a tab cannot stand here; expected spaces'],
    ['a: @x\n', 'f.yaml:1:4: found "@", which begins nothing; expected it in quotes'],
    ['a: 1\n  b: 2\n', 'f.yaml:2:4: a ":" cannot stand here'],
    ['- a\nb: 1\n', 'f.yaml:2:1: found a key; expected another item of the list ("- "), or the end of the list'],
    ['a: 1\n---\nb: 1\n', 'f.yaml:2:1: a second document begins here; expected one document in a file'],
    ['%YAML 2.0\n---\n', 'f.yaml:1:1: YAML 2 is not known; expected version 1'],
    ['a: *b\n', 'f.yaml:1:4: *b has no anchor before it; expected &b'],
    ['a: &b [*b]\n', 'f.yaml:1:8: *b stands inside of what it names'],
    ['a: &b 1\nc: &b 2\n', 'f.yaml:2:4: &b is defined a second time'],
    ['? [a]\n: 1\n', 'f.yaml:1:3: a list or mapping cannot be a key; expected text'],
    ['a:\n  b: 1\n  c: 2\n  b: 3\n', 'f.yaml:4:3: a.b: the key "b" is written a second time; expected each key once'],
    ['1: a\ntrue: b\n', 'f.yaml:2:1: [True]: the key True is written a second time'],
    ['<<: {a: 1}\n<<: {b: 1}\n', 'the key "<<" is written a second time'],
    ['<<: 5\n', 'expected a mapping, or a list of mappings, to merge (<<)'],
    ['x: &x {a: 1}\ny: &y {a: 2}\nz: {<<: [*x, *y]}\n', 'two merged mappings set "a"; expected it in one of them'],
  ])('refuses %j at its place', (text, message) => {
    expect(mistakesOf(text)).toContain(message);
  });

  it('reports every bad value at once', () => {
    expect(mistakesOf('a: =\nb: !x 1\nc: {d: 1, d: 2}\n').split('\n')).toHaveLength(3);
  });

  it('reads an empty file, a byte order mark, and line ends of every kind', () => {
    expect(documentOf('').root).toBeNull();
    expect(documentOf('# only a comment').root).toBeNull();
    expect(documentOf('\uFEFFa: 1\r\nb: 2\rc: 3\u0085d: 4\n').root).toEqual(
      new Map([
        ['a', 1n],
        ['b', 2n],
        ['c', 3n],
        ['d', 4n],
      ]),
    );
    expect(documentOf('%YAML 1.2\n---\na: 1\n...\n').root).toEqual(new Map([['a', 1n]]));
  });

  it('follows aliases and merges, the own keys overriding in place', () => {
    const { root } = documentOf('base: &b {x: 1, y: 2}\nuse: {<<: *b, z: 3, x: 4}\n');
    expect(root).toEqual(
      new Map([
        [
          'base',
          new Map([
            ['x', 1n],
            ['y', 2n],
          ]),
        ],
        [
          'use',
          new Map([
            ['x', 4n],
            ['y', 2n],
            ['z', 3n],
          ]),
        ],
      ]),
    );
    const use = isMap(root) ? root.get('use') : null;
    expect(use instanceof Map ? [...use.keys()] : []).toEqual(['x', 'y', 'z']);
  });

  it('keeps a key named __proto__ as any other', () => {
    const { root } = documentOf('{__proto__: {polluted: true}}');
    expect(root).toEqual(new Map([['__proto__', new Map([['polluted', true]])]]));
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('marks keys that are not text so that no text can equal them', () => {
    const { root } = documentOf('{2: a, true: b, null: c, 1.5: d, 2026-01-01: e, "1": f}');
    const keys = isMap(root) ? [...root.keys()] : [];
    expect(keys.map(nonTextKey)).toEqual(['2', 'True', 'None', '1.5', '2026-01-01', null]);
    expect(keys.filter((key) => nonTextKey(key) !== null && key.isWellFormed())).toEqual([]);
  });

  it('refuses deep nesting without exhausting the stack', () => {
    expect(mistakesOf('['.repeat(1_000_000))).toContain('f.yaml:1:65: nested deeper than 64 levels');
    expect(mistakesOf(`a: ${'{b: '.repeat(70)}`)).toContain('nested deeper than 64 levels');
    expect(mistakesOf(Array.from({ length: 100 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'))).toContain(
      'nested deeper',
    );
  });

  it('refuses a billion laughs', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level += 1) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
    }
    expect(mistakesOf(lines.join('\n'))).toContain('more than 1000000 values once every alias is followed');
  });

  it('refuses a file that is too long', () => {
    expect(mistakesOf('#'.repeat(8 * 1024 * 1024 + 1))).toContain('the file is longer than 8388608 characters');
  });

  it('takes a long text with many escapes without exhausting the stack', () => {
    expect(scalar(`"${'\\n'.repeat(100_000)}"`)).toHaveLength('text '.length + 100_000);
  });

  it('knows where everything stands', () => {
    const document = documentOf('a:\n  - b: 1\n    c: [x, y]\nm: &m {k: 1}\nn: {<<: *m}\n');
    expect(document.position(['a', 0, 'c', 1])).toEqual({ file: 'f.yaml', line: 3, column: 12 });
    expect(document.position(['a', 0, 'c'], 'key')).toMatchObject({ line: 3, column: 5 });
    expect(document.position(['n', 'k'])).toMatchObject({ line: 4, column: 11 });
    expect(document.position(['a', 0, 'missing', 'deeper'])).toMatchObject({ line: 2, column: 5 });
    expect(document.position([])).toMatchObject({ line: 1, column: 1 });
    expect([document.anchored(['m']), document.anchored(['a']), document.anchored(['x'])]).toEqual([
      true,
      false,
      false,
    ]);
    expect([document.written(['a', 0, 'b']), document.written(['a']), document.written(['x'])]).toEqual([
      '1',
      null,
      null,
    ]);
  });
});
