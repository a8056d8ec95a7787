import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkShape } from '../../../src/document/check.ts';
import { formatMistake } from '../../../src/document/mistake.ts';
import { readYaml } from '../../../src/document/yaml.ts';

const SCHEMA = z.strictObject({
  listen: z.string(),
  port: z.number().int().min(1).max(65_535).optional(),
  mode: z.enum(['block', 'auto']).optional(),
  names: z.array(z.string().min(1)).max(2).optional(),
  limits: z.record(z.string().regex(/^[a-z]+$/u), z.number()).optional(),
  sink: z
    .union([
      z.literal('none'),
      z.strictObject({ kind: z.literal('file'), path: z.string() }),
      z.strictObject({ kind: z.literal('web'), url: z.string() }),
    ])
    .optional(),
  tagged: z
    .discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })])
    .optional(),
  own: z.string({ error: 'say it in words' }).optional(),
});

function check(text: string): unknown {
  const document = readYaml(text, 'f.yaml');
  if (!document.ok) throw new Error(document.mistakes.map(formatMistake).join('\n'));
  const checked = checkShape(document.value, SCHEMA);
  return checked.ok ? checked.value : checked.mistakes.map(formatMistake);
}

describe('checking the shape of a document', () => {
  it('answers the value of a good one', () => {
    expect(check('listen: x\nport: 0x50\nlimits: {a: 1.5}\nsink: {kind: web, url: u}\n')).toEqual({
      listen: 'x',
      port: 80,
      limits: { a: 1.5 },
      sink: { kind: 'web', url: 'u' },
    });
  });

  it('reports every mistake at once, at its place, in the order of the file', () => {
    const text =
      'lisen: x\nport: 99999\nmode: blok\nnames: [a, "", c]\nlimits: {A: 1, b: x}\nsink: {kind: web, urll: u}\nown: 5\n';
    expect(check(text)).toEqual([
      'f.yaml:1:1: listen: missing; expected text',
      'f.yaml:1:1: unknown key "lisen"; did you mean "listen"?',
      'f.yaml:2:7: port: the number 99999 is too large; expected at most 65535',
      'f.yaml:3:7: mode: found "blok"; expected one of block, auto; did you mean "block"?',
      'f.yaml:4:8: names: a list is too large; expected at most 2 items',
      'f.yaml:5:10: limits.A: "A" does not have the expected form /^[a-z]+$/u',
      'f.yaml:5:19: limits.b: found "x"; expected a number',
      'f.yaml:6:7: sink.url: missing; expected text',
      'f.yaml:6:19: sink: unknown key "urll"; did you mean "url"?',
      'f.yaml:7:6: own: say it in words',
    ]);
  });

  it.each([
    ['listen: 5\n', 'listen: found the number 5; expected text'],
    ['listen: yes\n', 'listen: found the boolean true; expected text'],
    ['listen: 2026-01-01\n', 'listen: found a date (quote it where text is meant); expected text'],
    ['listen: [a]\n', 'listen: found a list; expected text'],
    ['listen: {}\n', 'listen: found a mapping; expected text'],
    ['listen: null\n', 'listen: found null; expected text'],
    ['', 'found null; expected a mapping'],
    ['listen: x\nport: 1.5\n', 'port: found the number 1.5; expected a whole number'],
    ['listen: x\nport: 99999999999999999999\n', 'port: found the number 99999999999999999999; expected a number'],
    ['listen: x\nsink: 5\n', 'sink: found the number 5; expected none or a mapping'],
    ['listen: x\nsink: {kind: other}\n', 'sink.kind: found "other"; expected one of file, web'],
    ['listen: x\nnames: [a, ""]\n', 'names[1]: "" is too small; expected at least 1 characters'],
    ['listen: x\ntagged: {kind: c}\n', 'tagged.kind: found "c"; expected one of a, b'],
    ['listen: x\n1: y\n', 'the key 1 is not text; expected it in quotes'],
    ['listen: x\nlimits: {__proto__: 1}\n', 'the key "__proto__" is not allowed; expected another name'],
  ])('refuses %j', (text, message) => {
    expect(JSON.stringify(check(text))).toContain(JSON.stringify(message).slice(1, -1));
  });
});
