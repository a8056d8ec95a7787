import { describe, expect, test } from 'vitest';
import { actionOf, EMPTY, form, json, mapOf, opaque, paramsOf, request, streamed, verdictOf } from './requests.ts';

const URL = 'https://api.example.com/orders/5';

describe('a request that no entry is for', () => {
  test.each([
    ['GET', 'read'],
    ['HEAD', 'read'],
    ['OPTIONS', 'read'],
    ['POST', 'create'],
    ['PUT', 'update'],
    ['PATCH', 'update'],
    ['DELETE', 'delete'],
    ['PROPFIND', 'http.propfind'],
    ['SEARCH', 'http.search'],
    ['M-SEARCH', 'http.m-search'],
  ])('by %s is the action %s', (method, type) => {
    expect(actionOf(EMPTY, request(method, URL))).toMatchObject({
      type,
      target: 'api.example.com',
      agentId: 'agent-1',
    });
  });

  test('says that no entry made it, and claims neither effect nor amount nor description', () => {
    expect(actionOf(EMPTY, request('POST', URL))).toMatchObject({
      mappedBy: null,
      effect: null,
      amountParam: null,
      description: '',
    });
  });

  test('has the decoded path, the query and the top-level JSON fields as parameters', () => {
    expect(
      paramsOf(
        EMPTY,
        request('POST', 'https://api.example.com/a%20b/c?x=1+2&y=%C3%A4&flag'),
        json({ n: 1, deep: { m: 2 } }),
      ),
    ).toEqual({ path: '/a b/c', x: '1 2', y: 'ä', flag: '', n: 1, deep: { m: 2 } });
  });

  test('keeps whole numbers exact at any size, and fractions with their text', () => {
    const { params } = actionOf(EMPTY, request('POST', URL), json({ big: 2n ** 70n, small: 1.5 }));
    expect(params.get('big')).toBe(2n ** 70n);
    expect(params.get('small')).toMatchObject({ text: '1.5' });
  });

  test('has a list for a query name that repeats', () => {
    expect(paramsOf(EMPTY, request('GET', `${URL}?id=1&id=2&id=3&other=4`))).toMatchObject({
      id: ['1', '2', '3'],
      other: '4',
    });
  });

  test('has form fields as texts', () => {
    expect(paramsOf(EMPTY, request('POST', URL), form({ amount: '5', tag: ['a', 'b'] }))).toMatchObject({
      amount: '5',
      tag: ['a', 'b'],
    });
  });

  test.each([
    ['opaque', opaque],
    ['streamed', streamed],
  ])('has no parameters of an %s body', (_, body) => {
    expect(paramsOf(EMPTY, request('POST', URL), body)).toEqual({ path: '/orders/5' });
  });

  test.each([
    ['a list', json([1, 2]), { path: '/orders/5', body: [1, 2], count: 2 }],
    ['a text', json('x'), { path: '/orders/5', body: 'x' }],
  ])('has a JSON body that is %s as the parameter body', (_, body, params) => {
    expect(paramsOf(EMPTY, request('POST', URL), body)).toEqual(params);
  });
});

describe('a request that opens a channel', () => {
  const MAP = mapOf(
    'version: 1\nhost: h.example\nactions:\n  - {match: {path: /s}, action: {type: listen}, other_params: drop}',
  );
  const upgrade = { upgrade: 'websocket' } as const;

  test.each([
    [
      'by the default mapping',
      'https://x.example/s?upgrade=no',
      { path: '/s', upgrade: 'websocket', 'query.upgrade': 'no' },
    ],
    ['by an entry', 'https://h.example/s', { upgrade: 'websocket' }],
  ])('says so in its parameters: %s', (_, url, params) => {
    expect(paramsOf(MAP, request('GET', url, upgrade))).toEqual(params);
  });
});

describe('count', () => {
  test.each([
    ['the length of a top-level array', json([1, 2, 3]), 3],
    ['zero for an empty array', json([]), 0],
    ['the length of the only array field', json({ ids: [1, 2], name: 'x' }), 2],
    [
      'the length of the longest of several, so that a dummy list cannot hide a long one',
      json({ ids: [1, 2, 3], x: [] }),
      3,
    ],
    ['what the request says where there is no list', json({ count: 120 }), 120],
    ['never less than the list', json({ ids: [1, 2, 3], count: 1 }), 3],
    ['never less than the request says', json({ x: [1], count: 500 }), 500],
    ['that of the list where the field is null', json({ ids: [1, 2], count: null }), 2],
    ['the number of values of a repeated form field', form({ id: ['1', '2', '3'] }), 3],
    ['no larger for a list called count', json({ count: [1, 2] }), 2],
  ])('is %s', (_, body, count) => {
    expect(paramsOf(EMPTY, request('POST', URL), body)).toMatchObject({ count });
  });

  test('keeps the field that it displaces visible', () => {
    expect(paramsOf(EMPTY, request('POST', URL), json({ ids: [1, 2, 3], count: 1 }))).toMatchObject({
      'body.count': 1,
    });
    expect(paramsOf(EMPTY, request('POST', `${URL}?count=1`), json({ ids: [1, 2, 3] }))).toMatchObject({
      count: 3,
      'query.count': '1',
    });
  });

  test.each([
    ['a text', json({ x: [1], count: 'many' })],
    ['a fraction', json({ x: [1], count: 1.5 })],
    ['a boolean', json({ x: [1], count: true })],
  ])('is refused where the request says %s beside a list', (_, body) => {
    expect(verdictOf(EMPTY, request('POST', URL), body)).toBe('ambiguous-action');
  });

  test('is absent for a nested array only', () => {
    expect(paramsOf(EMPTY, request('POST', URL), json({ data: { ids: [1, 2] } }))).not.toHaveProperty('count');
  });
});

describe('names that collide', () => {
  test('path is always that of the URL; a field of the same name stands under its origin', () => {
    expect(paramsOf(EMPTY, request('POST', `${URL}?path=/q`), json({ path: '/etc/passwd' }))).toEqual({
      path: '/orders/5',
      'body.path': '/etc/passwd',
      'query.path': '/q',
    });
  });

  test('body is a list where the body is one; a query parameter cannot take its place', () => {
    expect(paramsOf(EMPTY, request('POST', `${URL}?body=x`), json([1]))).toMatchObject({
      body: [1],
      'query.body': 'x',
    });
  });

  test('a field that calls itself body.x or query.x cannot pass as one of another origin', () => {
    expect(paramsOf(EMPTY, request('POST', `${URL}?body.path=q`), json({ path: 'b', 'query.x': 1 }))).toEqual({
      path: '/orders/5',
      'body.path': 'b',
      'query.body.path': 'q',
      'body.query.x': 1,
    });
  });

  test('query and body that say the same agree', () => {
    expect(paramsOf(EMPTY, request('POST', `${URL}?id=5`), json({ id: 5 }))).toEqual({ path: '/orders/5', id: 5 });
  });

  test.each([
    ['query and body that differ', `${URL}?amount=1`, json({ amount: 5000 })],
    ['a name in two letter cases', URL, json({ amount: 1, Amount: 5000 })],
    ['a name in two letter cases in query and body', `${URL}?AMOUNT=1`, json({ amount: 5000 })],
    ['the Kelvin sign for a k, which Go takes for the same', URL, json({ key: 1, '\u212Aey': 2 })],
  ])('%s are refused', (_, url, body) => {
    expect(verdictOf(EMPTY, request('POST', url), body)).toBe('ambiguous-action');
  });
});

describe('a head that cannot be decoded', () => {
  test.each([
    ['a path that is not UTF-8', 'https://h.example/%FF'],
    ['a query value that is not UTF-8', 'https://h.example/?a=%C3%28'],
    ['a query name with half an escape', 'https://h.example/?%4=1'],
  ])('%s is refused', (_, url) => {
    expect(verdictOf(EMPTY, request('GET', url))).toBe('bad-percent-encoding');
  });

  test('a segment of dots and blanks, which some servers drop, is refused', () => {
    expect(verdictOf(EMPTY, request('GET', 'https://h.example/a/%20.%20/b'))).toBe('ambiguous-action');
  });
});
