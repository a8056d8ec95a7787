import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, refusedRange } from '../../src/forward/address-ranges.ts';
import { printable } from '../../src/forward/printable.ts';
import { responseHead, responseTrailers } from '../../src/forward/response-head.ts';

const hextet = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const byte = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte);
const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/u);

function reasonOf(text: string): string | null {
  const address = parseAddress(text);
  if (address === null) throw new Error(`expected an address, found ${text}`);
  return refusedRange(address);
}

describe('the refused ranges', () => {
  it('refuse an IPv4 address in whatever IPv6 form it comes, when they refuse it as it is', () => {
    fc.assert(
      fc.property(ipv4, ([a, b, c, d]) => {
        fc.pre(reasonOf(`${a}.${b}.${c}.${d}`) !== null);
        const high = ((a << 8) | b).toString(16);
        const low = ((c << 8) | d).toString(16);
        const inverted = [~((a << 8) | b) & 0xffff, ~((c << 8) | d) & 0xffff]
          .map((part) => part.toString(16))
          .join(':');
        const forms = [
          `::ffff:${high}:${low}`,
          `::${high}:${low}`,
          `::ffff:0:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
        ];
        forms.push(`64:ff9b:1::${high}:${low}`, `2002:${high}:${low}::1`, `2001:0:1:2:3:4:${inverted}`);
        expect(forms.filter((form) => reasonOf(form) === null)).toEqual([]);
      }),
    );
  });

  it('say the same of an address however it is spelled', () => {
    fc.assert(
      fc.property(fc.array(hextet, { minLength: 8, maxLength: 8 }), (parts) => {
        const long = parts.map((part) => part.padStart(4, '0').toUpperCase()).join(':');
        expect(reasonOf(long)).toBe(reasonOf(parts.join(':')));
      }),
    );
  });
});

describe('the head of an answer', () => {
  it('holds no field of the connection, keeps all others in order, and never throws', () => {
    const field = fc.tuple(
      fc.oneof(token, fc.constantFrom('Connection', 'TE', 'Upgrade', 'X-A')),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.array(field), (status, fields) => {
        const head = responseHead({ status, reason: 'any', rawHeaders: fields.flat() });
        const connection = fields
          .filter(([name]) => name.toLowerCase() === 'connection')
          .map(([, value]) => value.toLowerCase());
        const nominated = new Set(connection.flatMap((value) => value.split(',').map((part) => part.trim())));
        const kept = fields.filter(([name]) => {
          const lower = name.toLowerCase();
          return !['connection', 'te', 'upgrade'].includes(lower) && !nominated.has(lower);
        });
        expect(head.ok ? head.value.headers : head.fault.code).toEqual(head.ok ? kept.flat() : 'upstream-protocol');
      }),
    );
  });

  it('and trailers never hold what would end a line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string({ unit: 'binary' }))), (fields) => {
        const trailers = responseTrailers(fields.flat());
        const text = trailers.ok ? trailers.value.join('') : '';
        expect(text).not.toMatch(/[\r\n\0]/u);
      }),
    );
  });
});

describe('printable text', () => {
  it('is the same when it is made printable again, and holds nothing that does not print', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const shown = printable(text, 10_000);
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(printable(shown, 10_000)).toBe(shown);
      }),
    );
  });
});
