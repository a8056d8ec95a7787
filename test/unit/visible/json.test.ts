import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/value.ts';
import { visibleJson } from '../../../src/visible/json.ts';

describe('JSON made visible', () => {
  it('has its keys in one order, and lists and maps on one line where they fit', () => {
    const value = { order: 'A-17', amount: 50, lines: [1, 2], empty: {}, none: [], nothing: null, ok: true };
    expect(visibleJson(value, { width: 40 })).toBe(
      [
        '{',
        '  "amount": 50,',
        '  "empty": {},',
        '  "lines": [1, 2],',
        '  "none": [],',
        '  "nothing": null,',
        '  "ok": true,',
        '  "order": "A-17"',
        '}',
      ].join('\n'),
    );
    expect(visibleJson({ a: 1, b: { c: [] } }, { width: 40 })).toBe('{ "a": 1, "b": { "c": [] } }');
  });

  it('lets no text end its own quotes or begin a line', () => {
    expect(visibleJson({ a: 'x", "amount": "1\n  "b": 2' }, { width: 200 })).toBe(
      String.raw`{ "a": "x\", \"amount\": \"1\n  \"b\": 2" }`,
    );
    expect(visibleJson('\\"', { width: 80 })).toBe(String.raw`"\\\""`);
  });

  it('marks right-to-left letters in keys, whose values follow on their line', () => {
    expect(visibleJson({ ש: 1 }, { width: 80 })).toBe(String.raw`{ "\u{05E9}": 1 }`);
  });

  it('gives a text that runs in both directions a line of its own', () => {
    expect(visibleJson({ a: 'ש 100', b: 5 }, { width: 80 })).toBe(
      '{\n  "a": "\\{right-to-left text} ש 100",\n  "b": 5\n}',
    );
  });

  it('ends in a remark where values nest without end', () => {
    let value: Json = 1;
    for (let depth = 0; depth < 200; depth += 1) value = [value];
    expect(visibleJson(value, { width: 10 })).toContain('… (nested more than 64 deep)');
  });

  it('limits every text', () => {
    expect(visibleJson(['x'.repeat(20)], { width: 200, limit: 4 })).toMatch(
      /^\["xxxx… \(\+16 more chars, sha256:[0-9a-f]{32}\)"\]$/u,
    );
  });
});
