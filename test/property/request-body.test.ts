import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalText } from '../../src/model/canonical.ts';
import { FAULTS } from '../../src/model/fault.ts';
import type { ValueMap } from '../../src/model/value.ts';
import { decodeBody, looksStructured } from '../../src/request/body.ts';
import { readForm } from '../../src/request/form.ts';
import { readMultipart } from '../../src/request/multipart.ts';
import { accepted, withHeaders } from '../unit/request/heads.ts';

const RUNS = 3_000;
const LIMITS = { limitBytes: 100_000 };

/** The counterexample that a property has; empty when it has none. */
function counterexample(property: fc.IProperty<unknown>): string {
  return fc.defaultReportMessage(fc.check(property, { numRuns: RUNS })) ?? '';
}

const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '"a"',
  '"A"',
  ':',
  ',',
  '1',
  '5e3',
  'null',
  ' ',
  '\n',
  '\\',
  '\ufeff',
  '\0',
  '\u00ff',
  'a=1',
  '&',
  '%41',
  '%',
  ';',
  '--b',
  '\r\n',
  '--b\r\n',
  '--b--',
  'Content-Disposition: form-data; name="a"',
  '\r\n\r\n',
  'filename="x"',
];
const content = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 20 }).map((parts) => Buffer.from(parts.join(''))),
  fc.json().map((json) => Buffer.from(json)),
  fc.json().map((json) => Buffer.from(json, 'utf16le')),
);
const compressed = fc
  .tuple(content, fc.constantFrom(gzipSync, deflateSync, brotliCompressSync, zstdCompressSync), fc.option(fc.nat(80)))
  .map(([bytes, compress, flip]) => {
    const output = Buffer.from(compress(bytes));
    if (flip !== null && flip < output.length) output.writeUInt8(output.readUInt8(flip) ^ 0x55, flip);
    return output;
  });
const requests = fc
  .tuple(
    fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=b',
      'text/plain',
      'application/x-ndjson',
      null,
    ),
    fc.oneof(fc.constant([]), fc.subarray(['gzip', 'deflate', 'br', 'zstd', 'compress'])),
  )
  .map(([type, codings]) => {
    const fields: [string, string][] = type === null ? [] : [['Content-Type', type]];
    if (codings.length > 0) fields.push(['Content-Encoding', codings.join(', ')]);
    return accepted(withHeaders(fields, { method: 'POST' }));
  });

/** True when the fields are those that another reader found. */
function agree(fields: ValueMap, getAll: (name: string) => readonly unknown[]): boolean {
  return [...fields].every(([name, value]) => {
    const values = getAll(name);
    return isDeepStrictEqual(value, values.length === 1 ? values[0] : values);
  });
}

describe('any body', () => {
  it('is read in one way or refused, never thrown at', () => {
    const property = fc.property(requests, fc.oneof(content, compressed), (request, bytes) => {
      const result = decodeBody(request, bytes, LIMITS);
      return result.ok ? result.value.bytes === bytes : result.fault.code in FAULTS && result.fault.detail !== '';
    });
    expect(counterexample(property)).toBe('');
  });

  it('that is judged as structured, or refused, also looks so from any first part of it', () => {
    const property = fc.property(requests, content, fc.integer({ min: 1, max: 60 }), (request, bytes, length) => {
      const result = decodeBody(request, bytes, LIMITS);
      const structured = !result.ok || ['json', 'form'].includes(result.value.decoded.kind);
      return !structured || bytes.length === 0 || looksStructured(request, bytes.subarray(0, length));
    });
    expect(counterexample(property)).toBe('');
  });

  it('of JSON means what the platform reads of it', () => {
    const request = accepted(withHeaders([['Content-Type', 'application/json']], { method: 'POST' }));
    const property = fc.property(content, (bytes) => {
      const result = decodeBody(request, bytes, LIMITS);
      if (!result.ok || result.value.decoded.kind !== 'json') return true;
      return isDeepStrictEqual(
        JSON.parse(canonicalText(result.value.decoded.value)),
        JSON.parse(Buffer.from(bytes).toString()),
      );
    });
    expect(counterexample(property)).toBe('');
  });

  const pairs = fc.array(
    fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 20 })),
    {
      maxLength: 5,
    },
  );

  it('of a form means what the platform reads of it', () => {
    const property = fc.property(pairs, (given) => {
      const params = new URLSearchParams(given);
      const result = readForm(Buffer.from(params.toString()));
      return !result.ok || agree(result.value, (name) => params.getAll(name));
    });
    expect(counterexample(property)).toBe('');
  });

  it('of multipart means what the platform reads of it', async () => {
    const property = fc.asyncProperty(pairs, async (given) => {
      const form = new FormData();
      for (const [name, value] of given) form.append(name, value);
      const response = new Response(form);
      const type = response.headers.get('content-type') ?? '';
      const bytes = new Uint8Array(await response.arrayBuffer());
      const result = readMultipart(bytes, /boundary=(.*)$/u.exec(type)?.[1] ?? '');
      if (!result.ok) return true;
      const read = await new Response(bytes, { headers: { 'content-type': type } }).formData();
      return agree(result.value, (name) => read.getAll(name));
    });
    expect(fc.defaultReportMessage(await fc.check(property, { numRuns: 300 })) ?? '').toBe('');
  });
});
