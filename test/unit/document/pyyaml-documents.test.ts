import { describe, expect, it } from 'vitest';
import { nonTextKey } from '../../../src/document/key.ts';
import { pythonFloat } from '../../../src/document/python-number.ts';
import { Timestamp } from '../../../src/document/timestamp.ts';
import { readYaml } from '../../../src/document/yaml.ts';
import { Decimal, isList, isMap, type Value } from '../../../src/model/value.ts';
import { caseLines } from '../../support/case-lines.ts';

/**
 * Random texts with what PyYAML 6.0.4's safe loader makes of them: `{s}` text, `{i}` a whole number, `{f}` a fraction,
 * `{d}` a date, `{m}` a mapping as a list of pairs; `error` when it refuses the text, or a key is repeated.
 */
const LINES = caseLines('pyyaml-documents.jsonl').map((line) => ({ line, given: parse(line) }));

function parse(line: string): { readonly text: string; readonly value?: unknown; readonly error?: true } {
  return JSON.parse(line);
}

function encode(value: Value): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return { s: value };
  if (typeof value === 'bigint') return { i: value.toString() };
  if (value instanceof Timestamp) return { d: value.text };
  if (value instanceof Decimal) return { f: pythonFloat(value.value) };
  if (isList(value)) return value.map(encode);
  if (isMap(value)) return { m: [...value].map(([key, member]) => [encodeKey(key), encode(member)]) };
  throw new Error('not a value');
}

function encodeKey(key: string): unknown {
  const bare = nonTextKey(key);
  if (bare === null) return { s: key };
  if (bare === 'None') return null;
  if (bare === 'True' || bare === 'False') return bare === 'True';
  if (/^-?\d+$/u.test(bare)) return { i: bare };
  return /^\d{4}-/u.test(bare) ? { d: bare } : { f: bare };
}

describe('documents in the dialect of PyYAML', () => {
  it('has 1,200 documents', () => {
    expect(LINES).toHaveLength(1200);
  });

  it.each(LINES)('reads $line as PyYAML does', ({ given }) => {
    const read = readYaml(given.text, 'file.yaml');
    const mistake = {
      file: 'file.yaml',
      path: expect.any(String),
      line: expect.any(Number),
      column: expect.any(Number),
    };
    const refusal = { error: expect.arrayContaining([{ ...mistake, message: expect.stringMatching(/\w/u) }]) };
    const answer = read.ok ? { value: encode(read.value.root) } : { error: read.mistakes };
    expect(answer).toMatchObject(given.error === true ? refusal : { value: given.value });
  });
});
