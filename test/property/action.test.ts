import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ActionMap } from '../../src/action/action-map.ts';
import { bodyPlan, classify } from '../../src/action/classify.ts';
import { explain } from '../../src/action/explain.ts';
import { loadActionMap } from '../../src/action/load.ts';
import type { CanonicalRequest, RequestBody } from '../../src/model/request.ts';
import { actionOf, form, json, mapOf, noBody, opaque, request, streamed } from '../unit/action/requests.ts';

const SHIPPED = mapOf(...['github', 'slack', 'stripe'].map((name) => readFileSync(`actions/${name}.yaml`, 'utf8')));
const TRICKY = mapOf(`
version: 1
host: ["*", "*.h.example", h.example]
format_suffixes: [.json]
ignore_case: [b]
actions:
  - match: {path: "/a/{b}/{c...}", query: {q: {in: [x, 1, true]}}, body: {/a/0: 1}, arguments: {n: {exists: false}}}
    action: {type: "t.{b}", target: "{b}"}
  - match: {method: POST, path: "/a/{b}"}
    action: {type: t, target: "{x}{y}"}
    each: /a
    params: {x: {item: /a, as: number}, y: [{argument: y, as: lower}, {header: y}], z: {length: /a}}
  - match: {method: PUT}
    action: {type: put}
    params: {count: {body: /count, as: integer}, l: {argument: l, as: list}}
    required: [count]
`);

const names = fc.oneof(
  fc.constantFrom(
    'a',
    'A',
    'b',
    'q',
    'n',
    'y',
    'l',
    'count',
    'path',
    'body',
    '_method',
    'amount',
    'channel',
    '__proto__',
    'a[]',
  ),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const texts = fc.oneof(
  fc.constantFrom('x', 'X', '1', '1e5', '-0', 'true', 'closed', ''),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const segments = fc.oneof(
  fc.constantFrom('a', 'A', 'b', 'repos', 'v1', 'charges', 'api', 'x:y', 'r.json', '.', ' ', ';', ''),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
const paths = fc.array(segments, { maxLength: 5 }).map((parts) => `/${parts.map(encodeURIComponent).join('/')}`);
const rawPaths = fc.oneof(
  paths,
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `/${text.replaceAll('?', '')}`),
);
const queries = fc.oneof(
  fc.constant(null),
  fc.array(fc.tuple(names, texts), { maxLength: 4 }).map((pairs) => new URLSearchParams(pairs).toString()),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const bodies: fc.Arbitrary<RequestBody> = fc.oneof(
  fc.constantFrom(noBody, opaque, streamed),
  fc.jsonValue({ maxDepth: 3 }).map(json),
  fc.dictionary(names, fc.oneof(texts, fc.integer(), fc.array(texts, { maxLength: 3 })), { maxKeys: 5 }).map(json),
  fc.dictionary(names, fc.oneof(texts, fc.array(texts, { minLength: 2, maxLength: 3 })), { maxKeys: 5 }).map(form),
);
const hosts = fc.constantFrom(
  'h.example',
  'x.h.example',
  'api.github.com',
  'slack.com',
  'api.stripe.com',
  '[::1]',
  '10.0.0.1',
);
const requests: fc.Arbitrary<CanonicalRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'post', 'PURGE'),
    host: hosts,
    path: rawPaths,
    query: queries,
    headers: fc.array(fc.record({ name: fc.constantFrom('y', 'stripe-account', 'x'), value: texts }), { maxLength: 3 }),
    framing: fc.constantFrom({ kind: 'none' } as const, { kind: 'chunked' } as const),
  })
  .map(({ method, host, path, ...fields }) => request(method, `https://${host}/`, { path, ...fields }));

describe('a mapper', () => {
  test.each([
    ['the shipped maps', SHIPPED],
    ['a map with every feature', TRICKY],
    ['no map', mapOf()],
  ])('never throws, whatever the request: %s', (_, map) => {
    fc.assert(
      fc.property(requests, bodies, (sent, body) => {
        const outcome = classify(map, sent, body, 'agent');
        expect(outcome.ok ? outcome.value.length : outcome.fault.detail.length).toBeGreaterThan(0);
        expect(explain(map, sent, body, 'agent').outcome).toEqual(outcome);
        expect(['none', 'judge', 'peek', 'stream']).toContain(bodyPlan(map, sent, { limitBytes: 10 }).kind);
      }),
      { numRuns: 500 },
    );
  });

  test('never throws, whatever the map', () => {
    const values = fc.oneof(fc.jsonValue({ maxDepth: 4 }), texts);
    const files = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      values.map((value) => JSON.stringify(value)),
      fc
        .record({
          match: values,
          action: fc.record({ type: texts, target: texts }),
          params: values,
          each: texts,
          amount: names,
        })
        .map((entry) => JSON.stringify({ version: 1, host: 'h.example', actions: [entry] })),
    );
    fc.assert(
      fc.property(files, (text) => {
        const loaded = loadActionMap([{ file: 'f.yaml', text }]);
        expect(loaded.ok || loaded.mistakes.every(({ line, message }) => line > 0 && message !== '')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('gives the same answer for the same request', () => {
    fc.assert(
      fc.property(requests, bodies, (sent, body) => {
        expect(classify(TRICKY, sent, body, 'a')).toEqual(classify(TRICKY, sent, body, 'a'));
      }),
      { numRuns: 200 },
    );
  });
});

describe('the default mapping', () => {
  test('loses nothing that the request names: each value is there under its name or behind its origin', () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, texts, { maxKeys: 5 }),
        fc.dictionary(names, texts, { maxKeys: 5 }),
        (query, fields) => {
          const sent = request('POST', 'https://h.example/p', { query: new URLSearchParams(query).toString() });
          const outcome = classify(mapOf(), sent, json(fields), 'a');
          if (!outcome.ok) return;
          const { params } = outcome.value[0];
          expect(params.get('path')).toBe('/p');
          for (const [name, value] of Object.entries(query)) {
            expect([params.get(`query.${name}`), params.get(name)]).toContain(value);
          }
          for (const [name, value] of Object.entries(fields)) {
            expect([params.get(`body.${name}`), params.get(name)]).toContain(value);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('another spelling of a mapped request', () => {
  const known = fc.constantFrom(
    ['DELETE', 'https://api.github.com', '/repos/o/r'],
    ['PUT', 'https://api.github.com', '/repos/o/r/pulls/1/merge'],
    ['POST', 'https://slack.com', '/api/chat.delete'],
    ['POST', 'https://api.stripe.com', '/v1/payouts'],
    ['POST', 'https://api.stripe.com', '/v1/refunds'],
  );
  const endings = new Set(['merge', 'chat.delete', 'payouts', 'refunds']);
  const twist = fc.constantFrom<(part: string) => string>(
    (part) => part.toUpperCase(),
    (part) => `${part};a=1`,
    (part) => `${part}%3Ba`,
    (part) => `${part}.`,
    (part) => `${part}%20`,
    (part) => `/${part}`,
    (part) => `${part}/`,
    (part) => part.replaceAll(/[a-z]/gu, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    (part) => (endings.has(part) ? `${part}.json` : part),
  );

  test('is the same entry or refused, and never an action of the default mapping', () => {
    fc.assert(
      fc.property(known, twist, fc.nat({ max: 5 }), ([method = '', host = '', path = ''], change, at) => {
        const parts = path.split('/');
        const index = 1 + (at % (parts.length - 1));
        const twisted = parts.map((part, position) => (position === index ? change(part) : part)).join('/');
        const outcome = classify(
          SHIPPED,
          request(method, `${host}${twisted}`),
          json({ channel: 'C', ts: '1', amount: 1, currency: 'eur' }),
          'a',
        );
        if (!outcome.ok) return;
        expect(outcome.value[0].mappedBy).not.toBeNull();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the index', () => {
  const part = fc.constantFrom('a', 'b', '{x}', '{x}:v');
  const template = fc.tuple(fc.array(part, { maxLength: 3 }), fc.boolean()).map(([parts, open]) => {
    const named = parts.map((text, index) => text.replace('{x}', `{x${index}}`));
    return `/${[...named, ...(open ? ['{rest...}'] : [])].join('/')}`;
  });
  const host = fc.constantFrom('h.example', '*.example', '*', 'a.*.example', '*.a.example', 'h.example:443');
  const method = fc.constantFrom(null, 'GET', 'POST', 'HEAD');
  const entries = fc.uniqueArray(fc.record({ host, template, method }), {
    maxLength: 12,
    selector: ({ host: of, template: path, method: by }) => `${of} ${path.replaceAll(/\{x\d\}/gu, '{}')} ${by}`,
  });

  test('finds the entry that comes first of all that fit, compared one by one', () => {
    const sent = fc.record({
      host: fc.constantFrom('h.example', 'a.example', 'b.a.example', 'a.b.example', 'other.test'),
      path: fc.array(fc.constantFrom('a', 'b', 'c', 'c:v', 'a:v'), { maxLength: 4 }),
      method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT'),
    });
    fc.assert(
      fc.property(entries, sent, (given, asked) => {
        const map = mapFrom(given);
        const url = `https://${asked.host}/${asked.path.join('/')}`;
        const found = actionOf(map, request(asked.method, url));
        const best = given.filter((entry) => fits(entry, asked)).toSorted(byRank(asked.method))[0];
        expect(found.mappedBy === null ? null : found.type).toBe(best === undefined ? null : `t${given.indexOf(best)}`);
      }),
      { numRuns: 1_000 },
    );
  });
});

interface Given {
  readonly host: string;
  readonly template: string;
  readonly method: string | null;
}

function mapFrom(given: readonly Given[]): ActionMap {
  const actions = given.map(({ host, template, method }, index) => ({
    match: { host, path: template, ...(method === null ? {} : { method }) },
    action: { type: `t${index}` },
  }));
  return mapOf(JSON.stringify({ version: 1, actions }));
}

/** A second, slower reading of the format: regular expressions for paths and hosts. */
function fits(
  entry: Given,
  asked: { readonly host: string; readonly path: readonly string[]; readonly method: string },
): boolean {
  const { method } = entry;
  const methods = asked.method === 'HEAD' ? ['HEAD', 'GET'] : [asked.method];
  if (method !== null && !methods.includes(method)) return false;
  const labels = entry.host.replace(/:443$/u, '').split('.');
  const hostPattern = labels.map((label, index) => (label !== '*' ? label : index === 0 ? '.+' : '[^.]+')).join('\\.');
  if (!new RegExp(`^${hostPattern}$`, 'u').test(asked.host)) return false;
  const parts = entry.template === '/' ? [] : entry.template.slice(1).split('/');
  const pathPattern = parts
    .map((part) => (part === '{rest...}' ? '(?:/[^/]+)*' : `/${part.replace(/\{x\d\}/u, '[^/]+')}`))
    .join('');
  return new RegExp(`^${pathPattern}$`, 'u').test(asked.path.map((part) => `/${part}`).join(''));
}

/** The order of the format, as a key that sorts: host labels from the right, port, path from the left, method. */
function byRank(method: string): (left: Given, right: Given) => number {
  return (left, right) => {
    const [one, other] = [rank(left, method), rank(right, method)];
    return one < other ? -1 : Number(one > other);
  };
}

function rank({ host, template, method }: Given, asked: string): string {
  const [name = '', port] = host.split(':');
  const labels = name.split('.');
  const hostRank = labels
    .toReversed()
    .map((label, index, all) => (label !== '*' ? '0' : index === all.length - 1 ? '2' : '1'))
    .join('');
  const parts = template === '/' ? [] : template.slice(1).split('/');
  const pathRank = parts
    .map((part) => ({ '{rest...}': '3' })[part] ?? (part.startsWith('{') ? (part.endsWith(':v') ? '1' : '2') : '0'))
    .join('');
  const methodRank = method === asked ? 0 : method === null ? 2 : 1;
  return `${hostRank.padEnd(8, '0')} ${port === undefined ? 1 : 0} ${pathRank.padEnd(8, '0')} ${methodRank}`;
}
