import { describe, expect, test } from 'vitest';
import { bodyPlan } from '../../../src/action/classify.ts';
import type { CanonicalRequest } from '../../../src/model/request.ts';
import { EMPTY, json, mapOf, opaque, request, streamed, verdictOf } from './requests.ts';

const DEFAULTS = { limitBytes: 1000 };
const JSON_BODY: Partial<CanonicalRequest> = {
  framing: { kind: 'length', bytes: 10 },
  contentType: 'application/json',
};
const UNNAMED: Partial<CanonicalRequest> = { framing: { kind: 'chunked' } };

const MAP = mapOf(`
version: 1
host: h.example
actions:
  - {match: {path: /upload}, action: {type: upload}, body: stream}
  - {match: {path: /mixed, body: {/kind: a}}, action: {type: mixed-a}, body_limit: 4KiB}
  - {match: {path: /mixed, query: {raw: 1}}, action: {type: mixed-raw}, body: stream}
  - {match: {path: /mixed}, action: {type: mixed}, body_limit: 300B}
  - {match: {path: /small}, action: {type: small}, body_limit: 512B}
  - {match: {path: /pay}, action: {type: pay}, params: {amount: {body: /amount}}}
  - {match: {path: /arg, arguments: {force: true}}, action: {type: forced}}
`);

function planOf(path: string, fields: Partial<CanonicalRequest>): unknown {
  return bodyPlan(MAP, request('POST', `https://h.example${path}`, fields), DEFAULTS);
}

describe('what has to be read of a body', () => {
  test.each([
    ['nothing where there is none', '/pay', {}, { kind: 'none' }],
    ['all of a structured one', '/other', JSON_BODY, { kind: 'judge', limitBytes: 1000 }],
    [
      'all where a POST has no type, since some servers take it for a form',
      '/other',
      UNNAMED,
      { kind: 'judge', limitBytes: 1000 },
    ],
    [
      'its beginning where the type may lie',
      '/other',
      { ...UNNAMED, contentType: 'image/png' },
      { kind: 'peek', limitBytes: 1000 },
    ],
    ['nothing of one that streams', '/upload', JSON_BODY, { kind: 'stream' }],
    ['up to the limit of the entry', '/small', JSON_BODY, { kind: 'judge', limitBytes: 512 }],
    ['all where a parameter is read from it, whatever its type', '/pay', UNNAMED, { kind: 'judge', limitBytes: 1000 }],
    [
      'all where a condition is read from it, up to the largest limit of the entries that it chooses from',
      '/mixed',
      UNNAMED,
      { kind: 'judge', limitBytes: 4096 },
    ],
    [
      'all where an earlier entry has to be ruled out first',
      '/mixed?raw=1',
      UNNAMED,
      { kind: 'judge', limitBytes: 4096 },
    ],
    ['all where an argument may be in it', '/arg', UNNAMED, { kind: 'judge', limitBytes: 1000 }],
    ['all where the head cannot be decoded and will be refused', '/%FF', UNNAMED, { kind: 'judge', limitBytes: 1000 }],
  ])('%s', (_, path, fields, plan) => {
    expect(planOf(path, fields)).toEqual(plan);
  });

  test.each([
    'application/json',
    'application/vnd.api+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ])('all of %s in the default mapping', (contentType) => {
    const sent = request('POST', 'https://x.example/', { ...UNNAMED, contentType });
    expect(bodyPlan(EMPTY, sent, DEFAULTS)).toEqual({ kind: 'judge', limitBytes: 1000 });
  });
});

test('the limit of an entry goes before that of a route, which goes before that of the gateway', () => {
  const limits = { limitBytes: 1000, routeLimitBytes: new Map([['r', 2000]]) };
  const plan = (path: string): unknown =>
    bodyPlan(MAP, request('POST', `https://h.example${path}`, { ...JSON_BODY, entry: 'route', route: 'r' }), limits);
  expect(plan('/other')).toEqual({ kind: 'judge', limitBytes: 2000 });
  expect(plan('/small')).toEqual({ kind: 'judge', limitBytes: 512 });
});

test('a streamed body and the same body read whole later are the same action', () => {
  const sent = request('POST', 'https://h.example/upload', JSON_BODY);
  for (const body of [streamed, opaque, json({ amount: 5, list: [1] })]) {
    expect(verdictOf(MAP, sent, body)).toBe('upload h.example');
  }
});
