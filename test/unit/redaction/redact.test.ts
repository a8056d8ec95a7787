import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/model/action.ts';
import { Decimal, type Value, type ValueMap } from '../../../src/model/value.ts';
import {
  createRedactor,
  MAX_ALL_PARAMS_BYTES,
  MAX_PARAMS_BYTES,
  redactActions,
  redactRawHead,
  redactRequest,
} from '../../../src/redaction/redact.ts';
import { opaqueBody } from '../../../src/request/body.ts';
import { accepted, head, withHeaders } from '../request/heads.ts';

const digest = (text: string): string => createHmac('sha256', 'a key').update(text).digest('hex');
const redactor = createRedactor({ digest, extraKeys: [] });
const mark = (secret: string): string => `[redacted sha256:${digest(secret).slice(0, 12)} ${secret.length} chars]`;
const SHORTENED = /\[shortened sha256:[0-9a-f]{12} \d+ (?:chars|items|keys)\]/u;
const CARD = '4111111111111111';

function view(params: ValueMap, first: string | null = null, maxBytes = MAX_PARAMS_BYTES): unknown {
  return redactor.params(params, first, maxBytes);
}

function map(...entries: readonly (readonly [string, Value])[]): ValueMap {
  return new Map(entries);
}

function decimal(text: string): Decimal {
  return new Decimal(Number(text), text);
}

function sizeOf(json: unknown): number {
  return Buffer.byteLength(JSON.stringify(json));
}

function action(over: Partial<Action> = {}): Action {
  const base = { type: 'create', target: 'example.com', params: map(), description: '', agentId: 'a' };
  return { ...base, effect: null, amountParam: null, mappedBy: null, ...over };
}

describe('parameters', () => {
  it('are complete and exact: what JSON numbers cannot hold is text', () => {
    expect(
      view(
        map(
          ['safe', 9_007_199_254_740_991n],
          ['large', 9_007_199_254_740_993n],
          ['negative', -9_007_199_254_740_993n],
          ['fraction', decimal('19.99')],
          ['trailing', decimal('1.50')],
          ['exponent', decimal('1e3')],
          ['tiny', decimal('5e-324')],
          ['small', decimal('0.000001')],
          ['many', decimal('0.1000000000000000055')],
          ['long', decimal('123456789012345678.5')],
          ['zero', decimal('0.0')],
          ['minus', decimal('-0.0')],
          ['nothing', null],
          ['yes', true],
          ['empty', ''],
          ['list', []],
          ['map', map()],
        ),
      ),
    ).toEqual({
      safe: 9_007_199_254_740_991,
      large: '9007199254740993',
      negative: '-9007199254740993',
      fraction: 19.99,
      trailing: 1.5,
      exponent: 1000,
      tiny: 5e-324,
      small: 0.000001,
      many: '0.1000000000000000055',
      long: '123456789012345678.5',
      zero: 0,
      minus: '-0.0',
      nothing: null,
      yes: true,
      empty: '',
      list: [],
      map: {},
    });
  });

  it('look the same whatever order they came in, and names of the language mean nothing', () => {
    const forward = view(map(['b', 1n], ['a', map(['d', 1n], ['c', 2n])], ['__proto__', 'x'], ['constructor', 'y']));
    const backward = view(map(['constructor', 'y'], ['__proto__', 'x'], ['a', map(['c', 2n], ['d', 1n])], ['b', 1n]));
    expect(JSON.stringify(forward)).toBe('{"__proto__":"x","a":{"c":2,"d":1},"b":1,"constructor":"y"}');
    expect(JSON.stringify(backward)).toBe(JSON.stringify(forward));
  });

  it('have every leaf of a secret marked but true, false, null and nothing', () => {
    expect(
      view(
        map([
          'credentials',
          map(
            ['user', 'bob'],
            ['pin', 1234n],
            ['rate', new Decimal(1.5, '1.5')],
            ['on', true],
            ['none', null],
            ['list', ['a', '']],
          ),
        ]),
      ),
    ).toEqual({
      credentials: {
        user: mark('bob'),
        pin: mark('1234'),
        rate: mark('1.5'),
        on: true,
        none: null,
        list: [mark('a'), ''],
      },
    });
  });

  it('show tokens where that is a count, and hide them where they are texts', () => {
    expect(view(map(['tokens', 100n]))).toEqual({ tokens: 100 });
    expect(view(map(['tokens', '100']))).toEqual({ tokens: '100' });
    expect(view(map(['tokens', ['abc', 'def']]))).toEqual({ tokens: [mark('abc'), mark('def')] });
    expect(view(map(['device_tokens', 'abc']))).toEqual({ device_tokens: mark('abc') });
  });

  it('hide the value beside the name of a secret, and the data of a Kubernetes Secret', () => {
    expect(
      view(map(['env', [map(['name', 'DB_PASSWORD'], ['value', 'hunter2']), map(['name', 'HOST'], ['value', 'db'])]])),
    ).toEqual({
      env: [
        { name: 'DB_PASSWORD', value: mark('hunter2') },
        { name: 'HOST', value: 'db' },
      ],
    });
    expect(view(map(['kind', 'Secret'], ['data', map(['a', 'Yg=='])], ['stringData', map(['c', 'd'])]))).toEqual({
      kind: 'Secret',
      data: { a: mark('Yg==') },
      stringData: { c: mark('d') },
    });
    expect(view(map(['kind', 'ConfigMap'], ['data', map(['a', 'b'])]))).toEqual({
      kind: 'ConfigMap',
      data: { a: 'b' },
    });
  });

  it('hide card numbers that are numbers, and secrets that are names', () => {
    expect(view(map(['number', BigInt(CARD)]))).toEqual({ number: mark(CARD) });
    const key = `sk-proj-${'aB3'.repeat(10)}`;
    expect(view(map([key, 1n]))).toEqual({ [mark(key)]: 1 });
  });

  it('cannot hold a mark that is not the gateway’s', () => {
    const forged = '[redacted sha256:0123456789ab 8 chars]';
    expect(view(map(['note', `a ${forged} b`]))).toEqual({ note: `a ${mark(forged)} b` });
    expect(view(map([forged, 1n]))).toEqual({ [mark(forged)]: 1 });
    expect(view(map(['note', '[shortened sha256:x']))).toEqual({ note: mark('[shortened sha256:x') });
  });

  it.each(['[Redacted SHA256:0123456789ab 8 chars]', '[ redacted\tsha256: 0123456789ab]', '[redacted sha-256 0123]'])(
    'cannot hold what people would take for a mark: %j',
    (forged) => {
      expect(view(map(['note', forged]))).toEqual({ note: mark(forged) });
      expect(redactor.url(`https://a.test/${encodeURIComponent(forged)}`)).toBe(`https://a.test/${mark(forged)}`);
    },
  );

  it('give the same secret the same mark, and another key another one', () => {
    const other = createRedactor({
      digest: (text) => createHmac('sha256', 'other').update(text).digest('hex'),
      extraKeys: [],
    });
    expect(redactor.text('password=hunter2')).toBe(redactor.text('password=hunter2'));
    expect(redactor.text('password=hunter2')).not.toBe(other.text('password=hunter2'));
  });

  it('hide secrets inside texts inside texts, and keep the digits of what is beside them', () => {
    const inner = JSON.stringify({ password: 'hunter2' }).replace('}', ',"n":12345678901234567890.10}');
    expect(view(map(['message', inner]))).toEqual({
      message: `{"n":12345678901234567890.10,"password":"${mark('hunter2')}"}`,
    });
    expect(JSON.stringify(view(map(['message', JSON.stringify([JSON.stringify({ a: inner })])])))).not.toContain(
      'hunter2',
    );
    expect(view(map(['message', 'x=1&pass%77ord=hunter2']))).toEqual({ message: `x=1&password=${mark('hunter2')}` });
  });

  it('keep a text as it was sent when nothing in it is secret', () => {
    for (const text of ['{"b": 1,  "a": 2}', 'a%20b', '[1,\n2]', '%7B%22a%22%3A1%7D'])
      expect(view(map(['t', text]))).toEqual({ t: text });
  });
});

describe('the size of what is stored', () => {
  it('is that of the parameters where they are small', () => {
    expect(view(map(['a', 'x'.repeat(60_000)]))).toEqual({ a: 'x'.repeat(60_000) });
  });

  it('is bounded by cutting long texts, with digest and length, before anything else', () => {
    const long = 'word '.repeat(100_000);
    const json = view(map(['prompt', long], ['amount', 5000n], ['to', 'bob']));
    expect(json).toMatchObject({ amount: 5000, to: 'bob' });
    expect(sizeOf(json)).toBeLessThanOrEqual(MAX_PARAMS_BYTES);
    expect(json).toHaveProperty('prompt', expect.stringMatching(/^(?:word )+/u));
    expect(json).toHaveProperty(
      'prompt',
      expect.stringContaining(`[shortened sha256:${digest(long).slice(0, 12)} 500000 chars]`),
    );
  });

  it.each([
    [
      'many texts',
      map(...Array.from({ length: 500 }, (_, index): [string, Value] => [`key${index}`, 'x'.repeat(1000)])),
    ],
    [
      'many keys',
      map(...Array.from({ length: 50_000 }, (_, index): [string, Value] => [`key${index}`, BigInt(index)])),
    ],
    ['many items', map(['items', Array.from({ length: 500_000 }, () => 1n)])],
    ['many control characters', map(['a', '\u0001'.repeat(60_000)])],
    ['many characters of three bytes', map(['a', '€'.repeat(60_000)])],
    ['many short secrets', map(['a', 'pin=1 '.repeat(10_000)])],
    [
      'long keys',
      map(...Array.from({ length: 100 }, (_, index): [string, Value] => [`${index}${'k'.repeat(10_000)}`, null])),
    ],
    ['lists of lists', map(['a', Array.from({ length: 1000 }, () => Array.from({ length: 500 }, () => 'x'))])],
  ])('is bounded for %s, and says what is missing', (_, params) => {
    const json = view(params);
    expect(sizeOf(json)).toBeLessThanOrEqual(MAX_PARAMS_BYTES);
    expect(JSON.stringify(json)).toMatch(SHORTENED);
  });

  it('is bounded for deep values', () => {
    const deep = Array.from({ length: 120 }).reduce<Value>((inner) => [inner, 'x'.repeat(2000)], 'end');
    expect(sizeOf(view(map(['a', deep])))).toBeLessThanOrEqual(MAX_PARAMS_BYTES);
  });

  it('always leaves the amount in view, however much is put around it', () => {
    const flood = Array.from({ length: 50_000 }, (_, index): [string, Value] => [`a${index}`, 'x']);
    expect(view(map(...flood, ['zz_amount', 5000n]), 'zz_amount')).toMatchObject({ zz_amount: 5000 });
  });

  it('never shows a part of a secret that a cut goes through', () => {
    const secret = `ghp_${'aB3dE5'.repeat(10)}`;
    for (let offset = -70; offset <= 5; offset += 1) {
      const text = `${'x '.repeat(600)}${' '.repeat(80 + offset)}${secret}${' y'.repeat(5000)}`;
      const shown = JSON.stringify(view(map(['a', text]), null, 2000));
      expect(shown).toMatch(SHORTENED);
      expect(shown).not.toMatch(/gh?p?_?aB3|ghp_/u);
    }
    const key = `${'x'.repeat(200)} ghp_${'aB3dE5'.repeat(20)}`;
    expect(JSON.stringify(view(map([key, 1n])))).not.toContain('aB3');
  });

  it('is shared by the actions of one request', () => {
    const actions = Array.from({ length: 40 }, () => action({ params: map(['a', 'x'.repeat(50_000)]) }));
    const views = redactActions(actions, redactor);
    expect(views).toHaveLength(40);
    expect(sizeOf(views.map(({ params }) => params))).toBeLessThanOrEqual(MAX_ALL_PARAMS_BYTES + 100);
  });
});

describe('an action', () => {
  it('is stored with every part but the agent, each redacted', () => {
    const given = action({
      type: 'password=hunter2',
      target: 'https://bob:hunter2@example.com/',
      description: `card ${CARD}`,
      params: map(['amount', 5n]),
      effect: 'irreversible',
      amountParam: 'amount',
      mappedBy: 'actions.yaml:3',
    });
    expect(redactActions([given], redactor)).toEqual([
      {
        type: `password=${mark('hunter2')}`,
        target: `https://${mark('bob:hunter2')}@example.com/`,
        description: `card ${mark(CARD)}`,
        params: { amount: 5 },
        effect: 'irreversible',
        amountParam: 'amount',
        mappedBy: 'actions.yaml:3',
      },
    ]);
  });

  it('is stored in bounds', () => {
    const [stored] = redactActions([action({ target: 'a'.repeat(100_000) })], redactor);
    expect(stored?.target.length).toBeLessThan(1100);
    expect(stored?.target).toMatch(SHORTENED);
  });
});

describe('a request', () => {
  it('is stored with its URL redacted, and the digest and size of its body', () => {
    const request = accepted(head({ target: 'http://example.com/a?token=hunter2&q=x%20y&q=2' }));
    const body = opaqueBody(Buffer.from('abc'));
    expect(redactRequest(request, body, redactor)).toEqual({
      entry: 'forward-proxy',
      route: null,
      method: 'GET',
      url: `http://example.com/a?token=${mark('hunter2')}&q=x%20y&q=2`,
      bodyDigest: body.digest,
      bodyBytes: 3,
    });
  });

  it('has no size of a body that streamed or was not read', () => {
    const request = accepted(withHeaders([]));
    expect(redactRequest(request, { kind: 'none' }, redactor)).toMatchObject({ bodyDigest: null, bodyBytes: 0 });
    expect(redactRequest(request, { kind: 'streamed' }, redactor)).toMatchObject({ bodyDigest: null, bodyBytes: null });
    expect(redactRequest(request, null, redactor)).toMatchObject({ bodyDigest: null, bodyBytes: null });
  });

  it('names the route that it came by', () => {
    const request = accepted(head({ entry: 'route', target: '/routes/tickets/a' }));
    expect(redactRequest(request, null, redactor)).toMatchObject({
      route: 'tickets',
      url: 'https://api.example.com/v1/a',
    });
  });

  it('that could not be read is stored as sent, redacted and in bounds', () => {
    const raw = head({
      entry: 'unknown',
      method: 'G'.repeat(5000),
      target: `http://bob:hunter2@example.com\\/?password=x&a=%zz${'a'.repeat(20_000)}`,
    });
    const stored = redactRawHead(raw, redactor);
    expect(stored).toMatchObject({ entry: 'unknown', route: null, bodyDigest: null, bodyBytes: null });
    expect(stored.method).toMatch(SHORTENED);
    expect(stored.url).toMatch(SHORTENED);
    expect(stored.url.startsWith(`http://${mark('bob:hunter2')}@example.com\\/?password=${mark('x')}&a=%zzaaa`)).toBe(
      true,
    );
    expect(stored.url.length).toBeLessThan(9000);
  });
});
