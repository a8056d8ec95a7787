import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalText, keysInOrder } from '../../src/model/canonical.ts';
import { Decimal, isList, isMap, type Json, type Value, type ValueMap } from '../../src/model/value.ts';
import { createRedactor } from '../../src/redaction/redact.ts';
import { WHOLE } from '../../src/redaction/cuts.ts';
import { JsonForm } from '../../src/redaction/exact-json.ts';
import { isPlain } from '../../src/redaction/plain-text.ts';
import { judgeName } from '../../src/redaction/secret-names.ts';
import { findShapes, RUN_SHAPES, SHAPES, spansOf } from '../../src/redaction/secret-shapes.ts';
import { redactText } from '../../src/redaction/secret-text.ts';
import { redactUrl } from '../../src/redaction/secret-url.ts';
import { ValueView, type Form } from '../../src/redaction/value-view.ts';
import { SHAPED } from '../unit/redaction/corpus.ts';

const digest = (text: string): string => createHmac('sha256', 'a key').update(text).digest('hex');
const redactor = createRedactor({ digest, extraKeys: [] });
const MAX_BYTES = 4_096;

/** The counterexample that a property has; empty when it has none. */
function counterexample(property: fc.IProperty<unknown>, numRuns = 1_000): string {
  return fc.defaultReportMessage(fc.check(property, { numRuns })) ?? '';
}

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.json(), fc.webUrl());
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.bigInt(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => new Decimal(number, String(number))),
    anyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(anyText, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}));
const params: fc.Arbitrary<ValueMap> = fc
  .array(fc.tuple(anyText, value), { maxLength: 6 })
  .map((entries) => new Map(entries));

const PLANTED = 'k7Qz';
/** The value with every text in it replaced by one to look for. */
function plant(given: Value): Value {
  if (typeof given === 'string') return PLANTED;
  if (isList(given)) return given.map(plant);
  if (!isMap(given)) return given;
  return new Map([...given.values()].map((member, index) => [`x${index}`, plant(member)]));
}

describe('any parameters', () => {
  it('are redacted within the bound, the same each time, and never thrown at', () => {
    const property = fc.property(params, (given) => {
      const json = JSON.stringify(redactor.params(given, null, MAX_BYTES));
      return Buffer.byteLength(json) <= MAX_BYTES && json === JSON.stringify(redactor.params(given, null, MAX_BYTES));
    });
    expect(counterexample(property)).toBe('');
  });

  it('never show a secret, wherever in them it stands', () => {
    const shaped = fc.constantFrom(...SHAPED);
    const wrap = fc.constantFrom<((text: string) => Value)[]>(
      (text) => text,
      (text) => [[text]],
      (text) => new Map([['a', text]]),
      (text) => JSON.stringify({ a: [text] }),
      (text) => encodeURIComponent(text),
      (text) => JSON.stringify(JSON.stringify(text)),
      (text) => `see ${text} there`,
      (text) => encodeURIComponent(JSON.stringify([text])),
    );
    const property = fc.property(shaped, wrap, fc.nat(6000), ({ secret: text, before, after }, wrapped, padding) => {
      const given = wrapped(`${' '.repeat(padding)}${before}${text}${after}`);
      const json = JSON.stringify(redactor.params(new Map([['note', given]]), null, MAX_BYTES));
      return !json.includes(text.slice(-10)) && !json.includes(text.slice(-30, -20) || text);
    });
    expect(counterexample(property, 2_000)).toBe('');
  });

  it('never show a value under the name of a secret', () => {
    const property = fc.property(fc.constantFrom('password', 'api_key', 'clientSecret'), value, (name, given) => {
      return !JSON.stringify(redactor.params(new Map([[name, plant(given)]]), null, MAX_BYTES)).includes(PLANTED);
    });
    expect(counterexample(property)).toBe('');
  });
});

/** Texts of which many are plain, made of what secrets and their names are made of as well. */
const wordy = fc
  .array(
    fc.oneof(
      fc.constantFrom(' ', '-', '--', '.', '/', '+', '~', '_', '1234', '4111', ',', '@', '$', '(', ')', '!', '?', '&'),
      fc.constantFrom('password', 'token', 'secret', 'u', 'Bearer', 'basic', 'BEGIN', 'eyJ', 'AKIA', 'sk', 'PuTTY'),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'X', 'Y', 'Z', '0', '1', '8', '9'), maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('a text that is plain', () => {
  it('has nothing in it that a search would find', () => {
    let plain = 0;
    const rules = {
      isSecret: () => true,
      mark: () => '[MARK]',
      value: () => 'found',
    };
    // A colon behind which nothing stands is telling, and names nothing: it only makes the search look.
    const property = fc.property(wordy, (text) => {
      if (!isPlain(text)) return true;
      plain += 1;
      return redactText(`${text} :`, rules) === `${text} :`;
    });
    expect(counterexample(property, 20_000)).toBe('');
    expect(plain).toBeGreaterThan(1_000);
  });
});

/** What `isPlain` says, as two patterns. */
const HARMLESS = /^[ !"#$&'()*+,\-./0-9;<>?@A-Z\\\]^_`a-z|}~]*$/;
const TELLING = /[\w.+/~-]{14}|(?<!\w)-|\d{4}[ -]|[Bb][Ee][Aa][Rr][Ee][Rr]|[Bb][Aa][Ss][Ii][Cc]/;

describe('the search for plain texts', () => {
  it('says what its definition by patterns says', () => {
    const property = fc.property(fc.oneof(wordy, anyText), (text) => {
      return isPlain(text) === (HARMLESS.test(text) && !TELLING.test(text));
    });
    expect(counterexample(property, 20_000)).toBe('');
  });
});

const NOTHING_HIDDEN = {
  nameOf: () => ({ verdict: 'plain', clean: true }) as const,
  text: (text: string) => text,
  secret: () => 'hidden',
  shortened: () => 'shortened',
};
const AS_THEY_ARE: Form<Value> = {
  scalar: (scalar) => scalar,
  list: (items) => items,
  map: (keys, members) => new Map(keys.map((key, at) => [key, members[at] ?? null])),
};

/** Pieces of secrets, whole secrets and what may stand around them. */
const shapely = fc
  .array(
    fc.oneof(
      fc.constantFrom(...SHAPED).map(({ secret }) => secret),
      fc.constantFrom(...SHAPED, ...SHAPED).map(({ before, secret, after }) => `${before}${secret}${after}`),
      fc.constantFrom(
        ' ',
        '-',
        '_',
        '.',
        '/',
        ':',
        '@',
        '=',
        '[',
        '\u017f',
        '\u212a',
        'é',
        '://',
        'BEARER ',
        'Ba\u017fic ',
      ),
      fc.string({ unit: fc.constantFrom('a', 'Z', '4', '1', '-', '_', '.', '='), maxLength: 20 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

describe('the search for forms', () => {
  it('finds what each form finds when it is looked for in the whole text', () => {
    let found = 0;
    const property = fc.property(fc.oneof(shapely, anyText), (text) => {
      const spans = new Set(findShapes(text).map(({ start, end }) => `${start}-${end}`));
      const plain = [...RUN_SHAPES, ...SHAPES.map(({ pattern }) => pattern)].flatMap((shape) => spansOf(shape, text));
      found += plain.length;
      return plain.every(({ start, end }) => spans.has(`${start}-${end}`));
    });
    expect(counterexample(property, 5_000)).toBe('');
    expect(found).toBeGreaterThan(1_000);
  });
});

describe('the view of a value', () => {
  it('is the value where nothing is hidden and nothing is cut', () => {
    const property = fc.property(value, (given) => {
      const view = new ValueView(NOTHING_HIDDEN, { cut: WHOLE, depth: 0, form: AS_THEY_ARE });
      return canonicalText(view.value(given)) === canonicalText(given) && !view.changed;
    });
    expect(counterexample(property)).toBe('');
  });

  it('as JSON says every number in full, and its bound is never below its length', () => {
    const digits = fc.stringMatching(/^-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d{1,3})?$/u);
    const decimal = digits.map((text) => new Decimal(Number(text), text));
    const longest = fc.constant(new Decimal(-0.000_001_005_113_068_319_485_3, '-0.0000010051130683194853'));
    const property = fc.property(fc.oneof(value, decimal, fc.array(decimal), longest), (given) => {
      const form = new JsonForm();
      const json = new ValueView(NOTHING_HIDDEN, { cut: WHOLE, depth: 0, form }).value(given);
      const exact = JSON.stringify(json) === JSON.stringify(plainJson(given));
      return exact && form.mostBytes >= Buffer.byteLength(JSON.stringify(json));
    });
    expect(counterexample(property, 5_000)).toBe('');
  });
});

/** A value as JSON that loses nothing: a number as text where a double would be written with other digits. */
function plainJson(given: Value): Json {
  if (given === null || typeof given === 'boolean' || typeof given === 'string') return given;
  if (typeof given === 'bigint') return Number.isSafeInteger(Number(given)) ? Number(given) : String(given);
  if (given instanceof Decimal) return sameDigits(String(given.value), given.text) ? given.value : given.text;
  if (isList(given)) return given.map(plainJson);
  const keys = [...given.keys()].sort((left, right) => (left < right ? -1 : 1));
  return Object.fromEntries(keys.map((key) => [key, plainJson(given.get(key) ?? null)]));
}

/** Whether two number texts mean the same number, and the same zero: both as a whole number and a power of ten. */
function sameDigits(left: string, right: string): boolean {
  const parts = [left, right].map((text) => {
    const [, sign = '', whole = '', fraction = '', exponent = '0'] =
      /^(-?)(\d+)\.?(\d*)(?:e([+-]?\d+))?$/iu.exec(text) ?? [];
    return { negative: sign !== '', digits: BigInt(`${whole}${fraction}`), power: Number(exponent) - fraction.length };
  });
  const [first, second] = parts;
  if (first === undefined || second === undefined || first.negative !== second.negative) return false;
  const lowest = Math.min(first.power, second.power);
  const scaled = (part: { digits: bigint; power: number }): bigint => part.digits * 10n ** BigInt(part.power - lowest);
  return scaled(first) === scaled(second);
}

describe('the texts of a value', () => {
  it('are canonical as written plainly', () => {
    const property = fc.property(value, (given) => canonicalText(given) === plainCanonical(given));
    expect(counterexample(property)).toBe('');
  });

  it('has its keys in the order of code units, however many there are', () => {
    const property = fc.property(fc.array(anyText, { maxLength: 40 }), (keys) => {
      const map = new Map(keys.map((key) => [key, null]));
      const sorted = [...map.keys()].sort((left, right) => (left < right ? -1 : 1));
      return JSON.stringify(keysInOrder(map)) === JSON.stringify(sorted);
    });
    expect(counterexample(property)).toBe('');
  });
});

function plainCanonical(given: Value): string {
  if (isList(given)) return `[${given.map(plainCanonical).join(',')}]`;
  if (!isMap(given)) return typeof given === 'string' ? JSON.stringify(given) : canonicalText(given);
  const keys = [...given.keys()].sort((left, right) => (left < right ? -1 : 1));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${plainCanonical(given.get(key) ?? null)}`).join(',')}}`;
}

describe('any text', () => {
  it('is redacted without being thrown at', () => {
    const property = fc.property(
      fc.oneof(
        anyText,
        fc
          .array(
            fc.constantFrom(
              '%',
              '%7B',
              '"',
              '{',
              '\\',
              ':',
              '=',
              'password',
              'Bearer ',
              '://',
              '@',
              '-----BEGIN PRIVATE KEY-----',
              '\ud800',
              '\0',
            ),
          )
          .map((parts) => parts.join('')),
      ),
      (text) => {
        return typeof redactor.text(text) === 'string' && typeof redactor.url(text) === 'string';
      },
    );
    expect(counterexample(property, 3_000)).toBe('');
  });
});

describe('the work for a text grows no faster than the text', () => {
  const UNITS = [
    'a',
    ' ',
    '=',
    ':',
    '%',
    '%25',
    '%7B',
    '"',
    '\\"',
    '{',
    '[',
    '{"a":',
    '-',
    '--a ',
    '-u a:b ',
    'eyJ',
    'eyJ.',
    'sk-',
    'sk-a',
    'xox',
    'AKIA',
    'ghp_',
    '1//0',
    'SG.a',
    'bearer ',
    'bearer a',
    'basic ',
    'basic a',
    '://',
    '://a:',
    '://a@',
    'a:a@',
    '4111 ',
    '4',
    '4111-1111-',
    '4111111111111111 ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    '-----END',
    'password=',
    'password="',
    'authorization: ',
    'cookie:',
    '_',
    'a_',
    'aB',
    'a.',
    'a-',
    'A1',
    'a="',
    'a &',
    '/',
    '?',
    '&a=',
    '\n',
    'pypi-',
    'discord.com/api/webhooks/1',
    'hooks.slack.com/services/',
    '[redacted sha256:',
  ];

  // 200,000 characters take about a tenth of a second; with work that grows by the square they would take longer than
  // a test may.
  it.each(UNITS)('also when it repeats %j', (unit) => {
    const text = unit.repeat(Math.ceil(200_000 / unit.length));
    expect(redactText(text, RULES)).not.toBe('');
    expect(redactUrl(text, RULES)).not.toBe('');
    expect(judgeName(text, new Set(['x']))).toMatch(/^(?:plain|texts|all)$/u);
  });
});

const RULES = {
  isSecret: (name: string) => judgeName(name, new Set()) !== 'plain',
  mark: () => '[secret]',
  value: (given: Value) => given,
};
