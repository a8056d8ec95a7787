import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf, visibleCell } from '../../src/visible/cell.ts';
import { visibleJson } from '../../src/visible/json.ts';
import { makeVisible } from '../../src/visible/text.ts';

/** Any UTF-16 text, lone surrogates too, with a taste for what is dangerous. */
const dangerous = fc.constantFrom(
  '\\',
  '…',
  '"',
  '\n',
  '\u202E',
  '\u200B',
  '\u0301',
  '\u0338',
  '\uD800',
  '\uDC00',
  '\u0430',
  'a',
  ' ',
  '{',
  '}',
  'u',
  '\x1b',
  'ש',
  '1',
  '\u0430\u0430',
  '\\u{0430}',
  '\\n',
  '\u09EA',
  '\u1100',
  '\u1161',
  '\u{E0041}',
  '\u3002',
  '一',
  '\uFF1A',
);
const anyText = fc
  .array(
    fc.oneof(
      dangerous,
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));
const UNSAFE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;
const MARK = /\\\{[^}]*\} |\\u\{(?<code>[0-9A-F]+)(?: [A-Za-z ]+)?\}|\\(?<short>[\\nrt])/gu;

/** Reads a visible text back: only an unambiguous form can be read. */
function read(shown: string): string {
  return shown.replace(MARK, (_all, code: string | undefined, short: string | undefined) => {
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    switch (short) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      default:
        return short ?? '';
    }
  });
}

describe('any text made visible', () => {
  it('holds only characters that are safe to print', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(makeVisible(text)).not.toMatch(UNSAFE);
      }),
    );
  });

  it('can be read back, so different texts never look the same', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('keep', 'escape'), (text, rightToLeft) => {
        expect(read(makeVisible(text, { rightToLeft }))).toBe(text);
      }),
    );
  });

  it('is itself in the composed form, so that no two spellings of one letter are shown', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = makeVisible(text);
        expect(shown.normalize('NFC')).toBe(shown);
      }),
    );
  });

  it('differs for different texts when it is cut', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.integer({ min: 0, max: 8 }), (left, right, limit) => {
        fc.pre(left !== right);
        expect(makeVisible(left, { limit })).not.toBe(makeVisible(right, { limit }));
      }),
    );
  });

  it('has a bounded length', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 20 }), (text, limit) => {
        expect(makeVisible(text, { limit }).length).toBeLessThan(30 * limit + 120);
      }),
    );
  });

  it('never outgrows its cell nor breaks its line', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, columns) => {
        const cell = visibleCell(text, columns);
        expect(columnsOf(cell)).toBeLessThanOrEqual(columns);
        expect(cell).not.toMatch(UNSAFE);
      }),
    );
  });

  it('stays within its quotes in JSON', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = visibleJson({ text }, { width: 10_000 });
        const body = /"text": "(?<body>(?:[^"\\]|\\.)*)"\s*\}$/u.exec(shown)?.groups?.['body'];
        // A backslash is doubled already, so that each quote gets exactly one of its own.
        expect(body).toBe(makeVisible(text).replaceAll('"', String.raw`\"`));
      }),
      { examples: [[String.raw`\"`]] },
    );
  });
});
