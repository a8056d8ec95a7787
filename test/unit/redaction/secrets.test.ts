import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../../src/redaction/redact.ts';
import { NAMED_IN_TEXT, PLAIN_NAMES, PLAIN_TEXTS, SECRET_NAMES, SHAPED } from './corpus.ts';

const digest = (text: string): string => createHmac('sha256', 'a key').update(text).digest('hex');
const redactor = createRedactor({ digest, extraKeys: ['Tax-Number'] });
const mark = (secret: string): string => `[redacted sha256:${digest(secret).slice(0, 12)} ${secret.length} chars]`;
const params = (key: string, value: string): unknown => redactor.params(new Map([[key, value]]), null, 65_536);

it('the corpus is large enough to mean something', () => {
  expect(SHAPED.length).toBeGreaterThanOrEqual(60);
  expect(SECRET_NAMES.length).toBeGreaterThanOrEqual(60);
  expect(PLAIN_NAMES.length).toBeGreaterThanOrEqual(60);
  expect(PLAIN_TEXTS.length).toBeGreaterThanOrEqual(60);
});

describe('a secret is known by its form', () => {
  it.each(SHAPED)('$name', ({ secret, before, after }) => {
    const redacted = `${before}${mark(secret)}${after}`;
    expect(redactor.text(`${before}${secret}${after}`)).toBe(redacted);
    expect(params('note', `${before}${secret}${after}`)).toEqual({ note: redacted });
  });

  it.each(SHAPED)('$name, in JSON, in percent-encoding, in a query and in a list', ({ secret, before, after }) => {
    const text = `${before}${secret}${after}`;
    const needle = secret.slice(-12);
    for (const given of [
      JSON.stringify({ deep: [{ note: text }] }),
      encodeURIComponent(text),
      JSON.stringify(JSON.stringify([text])),
    ]) {
      expect(redactor.text(given)).toContain('[redacted sha256:');
      expect(redactor.text(given)).not.toContain(needle);
    }
    expect(redactor.url(`https://example.com/?q=${encodeURIComponent(text)}`)).not.toContain(
      encodeURIComponent(needle),
    );
    expect(JSON.stringify(redactor.params(new Map([['a', [[text]]]]), null, 65_536))).not.toContain(needle);
  });
});

describe('a secret is known by the name before it', () => {
  it.each(NAMED_IN_TEXT)('in a text: $name', ({ secret, before, after }) => {
    expect(redactor.text(`${before}${secret}${after}`)).toBe(`${before}${mark(secret)}${after}`);
  });

  it.each(SECRET_NAMES)('as the parameter %s', (name) => {
    expect(params(name, 'hunter2')).toEqual({ [name]: mark('hunter2') });
    expect(redactor.url(`https://example.com/a?x=1&${encodeURIComponent(name)}=hunter2`)).toBe(
      `https://example.com/a?x=1&${encodeURIComponent(name)}=${mark('hunter2')}`,
    );
    const inJson = JSON.stringify({ a: { [name]: 'hunter2' } });
    expect(redactor.text(inJson)).toBe(JSON.stringify({ a: { [name]: mark('hunter2') } }));
  });

  it('as a name of the operator, in any spelling', () => {
    for (const name of ['tax_number', 'taxNumber', 'TAX NUMBER', 'tax-number', 'taxnumber']) {
      expect(params(name, '12/345')).toEqual({ [name]: mark('12/345') });
    }
  });
});

describe('what only looks like a secret stays as it is', () => {
  it.each(PLAIN_NAMES)('the parameter %s', (name) => {
    expect(params(name, 'shown')).toEqual({ [name]: 'shown' });
    expect(redactor.url(`https://example.com/?${name}=shown`)).toBe(`https://example.com/?${name}=shown`);
    expect(redactor.text(`${name}=shown`)).toBe(`${name}=shown`);
  });

  it.each(PLAIN_TEXTS)('the text %j', (text) => {
    expect(redactor.text(text)).toBe(text);
    expect(params('note', text)).toEqual({ note: text });
  });
});
