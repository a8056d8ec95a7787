import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnText, fromAscii, paramsText, toAscii } from '../../../src/approval/kubernetes-text.ts';

/** What the schema of ApprovalRequest asks of its columns. */
const COLUMN = /^[^\p{C}\p{Z}]*(?: [^\p{C}\p{Z}]+)*$/u;
const anyText = fc.string({ unit: 'binary', maxLength: 200 });
const spacedText = fc.string({
  unit: fc.constantFrom(' ', 'a', '\u00a0', '\u202e', '\u0430', '\u0301', '\\', '\n', '漢'),
  maxLength: 200,
});

describe('a text in an ApprovalRequest', () => {
  it('is printable ASCII, and comes back as it was', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(toAscii(text)).toMatch(/^[ -~]*$/u);
        expect(fromAscii(toAscii(text))).toBe(text);
      }),
    );
  });

  it('is refused in a spelling that the gateway does not write', () => {
    expect([String.raw`\u0041`, String.raw`\x41`, '\\', 'é', String.raw`\u00E9`].map(fromAscii)).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it('keeps parameters as JSON with sorted keys', () => {
    expect(paramsText({ b: ['é\u202e', 1.5, null], a: { d: true, c: '\\' } })).toBe(
      String.raw`{"a":{"c":"\\","d":true},"b":["\u00e9\u202e",1.5,null]}`,
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = paramsText(JSON.parse(JSON.stringify(value)));
        expect(text).toMatch(/^[ -~]*$/u);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('fits its column, whatever an agent wrote', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, spacedText), (text) => {
        const shown = columnText(text, 72);
        expect(shown).toMatch(COLUMN);
        expect(Array.from(shown).length).toBeLessThanOrEqual(128);
      }),
      { numRuns: 500 },
    );
  });
});
