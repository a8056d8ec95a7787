import { describe, expect, test } from 'vitest';
import { classify } from '../../../src/action/classify.ts';
import { actionOf, form, json, mapOf, noBody, paramsOf, plain, request, verdictOf } from './requests.ts';

function map(actions: string, top = ''): ReturnType<typeof mapOf> {
  return mapOf(`version: 1\nhost: h.example\n${top}actions:\n${actions}`);
}

describe('the most specific entry decides, wherever it stands', () => {
  const MAP = mapOf(
    `
version: 1
actions:
  - match: {host: "*"}
    action: {type: any}
  - match: {host: "*.example"}
    action: {type: any-example}
  - match: {host: h.example, path: "/{rest...}"}
    action: {type: rest}
  - match: {host: h.example, path: "/a/{x}/{rest...}"}
    action: {type: a-rest}
  - match: {host: h.example, path: "/a/{x}"}
    action: {type: a-x}
  - match: {host: h.example, path: "/a/{x}:run"}
    action: {type: a-run}
  - match: {host: h.example, path: "/a/{x}:dry:run"}
    action: {type: a-dry-run}
  - match: {host: h.example, path: /a/b}
    action: {type: a-b}
  - match: {host: h.example, path: /a/b, method: [PUT, POST]}
    action: {type: a-b-write}
  - match: {host: h.example, path: "/{x}/b/c"}
    action: {type: x-b-c}
  - match: {host: h.example, path: "/a/{x}/c"}
    action: {type: a-x-c}
  - match: {host: h.example, path: /}
    action: {type: root}
`,
  );

  test.each([
    ['GET', 'https://other.test/a/b', 'any'],
    ['GET', 'https://x.example/a/b', 'any-example'],
    ['GET', 'https://h.example/', 'root'],
    ['GET', 'https://h.example/z', 'rest'],
    ['GET', 'https://h.example/a', 'rest'],
    ['GET', 'https://h.example/a/z', 'a-x'],
    ['GET', 'https://h.example/a/z:run', 'a-run'],
    ['GET', 'https://h.example/a/z:dry:run', 'a-dry-run'],
    ['GET', 'https://h.example/a/:run', 'a-x'],
    ['GET', 'https://h.example/a/b', 'a-b'],
    ['PUT', 'https://h.example/a/b', 'a-b-write'],
    ['POST', 'https://h.example/a/b', 'a-b-write'],
    ['GET', 'https://h.example/a/b/c', 'a-x-c'],
    ['GET', 'https://h.example/z/b/c', 'x-b-c'],
    ['GET', 'https://h.example/a/b/c/d', 'a-rest'],
  ])('%s %s is %s', (method, url, type) => {
    expect(actionOf(MAP, request(method, url)).type).toBe(type);
  });
});

describe('captures', () => {
  test('are decoded, and a tail is the rest of the path as it is', () => {
    const files = map('  - {match: {path: "/files/{bucket}/{path...}"}, action: {type: t, target: "{bucket}:{path}"}}');
    expect(verdictOf(files, request('GET', 'https://h.example/files/b%20c/x/y%3Fz/'))).toBe('t b c:x/y?z');
    expect(verdictOf(files, request('GET', 'https://h.example/files/b'))).toBe('t b:');
  });

  test('lose an ending that the API takes as a format', () => {
    const orders = map(
      '  - {match: {path: "/orders/{id}"}, action: {type: t, target: "{id}"}}\n',
      'format_suffixes: [.json]\n',
    );
    expect(verdictOf(orders, request('GET', 'https://h.example/orders/5.JSON'))).toBe('t 5');
    expect(verdictOf(orders, request('GET', 'https://h.example/orders.json/5'))).toBe('read h.example');
    const listed = map('  - {match: {path: /orders}, action: {type: t}}\n', 'format_suffixes: [.json]\n');
    expect(verdictOf(listed, request('GET', 'https://h.example/orders.json'))).toBe('t h.example');
  });

  test('keep their letter case unless the API ignores it', () => {
    const strict = map('  - {match: {path: "/u/{user}"}, action: {type: t, target: "{user}"}}');
    expect(verdictOf(strict, request('GET', 'https://h.example/u/Ann'))).toBe('t Ann');
  });
});

describe('conditions choose among entries of one path, in the order of the file', () => {
  const MAP = map(`
  - {match: {path: /q, query: {mode: {in: [wipe, drop]}}}, action: {type: destroy}}
  - {match: {path: /q, query: {mode: {exists: true}}}, action: {type: with-mode}}
  - {match: {path: /q, body: {/list/1/n: 7}}, action: {type: seven}}
  - {match: {path: /q, body: {/flag: true}}, action: {type: flagged}}
  - {match: {path: /q, query: {v: 2}, headers: {X-Kind: a}}, action: {type: both}}
  - {match: {path: /q, body: {/none: {exists: false}, /some: {exists: true}}}, action: {type: some}}
  - {match: {path: /q}, action: {type: plain}}
`);
  test.each([
    ['one of several values', '?mode=drop', noBody, 'destroy'],
    ['any value', '?mode=x', noBody, 'with-mode'],
    ['an empty value', '?mode', noBody, 'with-mode'],
    ['a number deep in the body', '', json({ list: [{}, { n: 7 }] }), 'seven'],
    ['a field of a form in brackets', '', form({ 'list[1][n]': '7' }), 'seven'],
    ['another number', '', json({ list: [{}, { n: 8 }] }), 'plain'],
    ['true', '', json({ flag: true }), 'flagged'],
    ['true as a form writes it', '', form({ flag: 'true' }), 'flagged'],
    ['there and not there', '', json({ some: 1 }), 'some'],
    ['null is not there', '', json({ some: null }), 'plain'],
    ['one of two conditions', '?v=2', noBody, 'plain'],
    ['nothing', '', noBody, 'plain'],
  ])('%s', (_, query, body, type) => {
    expect(actionOf(MAP, request('POST', `https://h.example/q${query}`), body).type).toBe(type);
  });

  test.each([
    ['7.0 is almost 7', json({ list: [{}, { n: 7.5 }] }), 'plain'],
    ['a text of the number', json({ list: [{}, { n: '7' }] }), 'ambiguous-action'],
    ['a text of the boolean', json({ flag: 'true' }), 'ambiguous-action'],
  ])('a value of another type is no match: %s', (_, body, expected) => {
    expect(verdictOf(MAP, request('POST', 'https://h.example/q'), body).split(' ')[0]).toBe(expected);
  });

  test('both conditions have to hold', () => {
    const headers = [{ name: 'x-kind', value: 'a' }];
    expect(actionOf(MAP, request('POST', 'https://h.example/q?v=2', { headers })).type).toBe('both');
  });
});

function sent(query: string): ReturnType<typeof request> {
  return request('POST', `https://h.example/p/42?${query}`);
}

describe('parameters', () => {
  const MAP = map(`
  - match: {path: "/p/{id}"}
    action: {type: "kind.{kind}", target: "{id}/{to}"}
    description: "Send {amount} to {to} for {note} {list}"
    effect: reversible
    amount: amount
    params:
      id: {path: id, as: integer}
      kind: {query: kind}
      to: [{body: /to}, {header: X-To}]
      amount: {body: /money/amount, as: number}
      note: {query: note}
      list: {query: list, as: list}
      sure: {query: sure, as: boolean}
      size: {length: /items}
      fixed: {value: 7}
`);

  test('come from path, query, header, body and constants, with exact types', () => {
    const body = json({ to: 'ann', money: { amount: 2n ** 60n }, items: [1, 2], other: 1 });
    const action = actionOf(MAP, sent('kind=x.y&list=a&list=b&sure=true&extra=e'), body);
    expect(action).toMatchObject({
      type: 'kind.x.y',
      target: '42/ann',
      description: `Send ${2n ** 60n} to ann for  ["a","b"]`,
      effect: 'reversible',
      amountParam: 'amount',
      mappedBy: 'map0.yaml:5',
    });
    expect(action.params.get('amount')).toBe(2n ** 60n);
    expect(action.params.get('id')).toBe(42n);
    expect(plain(action.params)).toMatchObject({ list: ['a', 'b'], sure: true, size: 2, fixed: 7 });
  });

  test('that the entry does not name stay visible under their own names', () => {
    expect(paramsOf(MAP, sent('kind=x&extra=e'), json({ to: 'a', money: { amount: 1 }, other: 1 }))).toMatchObject({
      extra: 'e',
      other: 1,
      money: { amount: 1 },
    });
  });

  test('that take the name of one that the entry names stand under their origin', () => {
    expect(
      paramsOf(MAP, sent('kind=x&id=9&fixed=1'), json({ to: 'a', amount: 5, size: 99, items: [1] })),
    ).toMatchObject({
      id: 42,
      'query.id': '9',
      fixed: 7,
      'query.fixed': '1',
      size: 1,
      'body.amount': 5,
      'body.size': 99,
    });
  });

  test.each([
    ['a type made of a value that is no plain name', 'kind=a/b', json({ to: 'a' }), 'body-mismatch'],
    ['a type made of nothing', 'kind=', json({ to: 'a' }), 'body-mismatch'],
    ['a parameter of the target that is missing', 'kind=x', json({}), 'body-mismatch'],
    ['a boolean that is none', 'kind=x&sure=1', json({ to: 'a' }), 'body-mismatch'],
    ['a length of what is no list', 'kind=x', json({ to: 'a', items: 'abc' }), 'body-mismatch'],
    ['a query parameter given twice', 'kind=x&kind=y', json({ to: 'a' }), 'ambiguous-action'],
    ['a capital spelling of a query parameter', 'kind=x&Kind=y', json({ to: 'a' }), 'ambiguous-action'],
  ])('are refused: %s', (_, query, body, code) => {
    expect(verdictOf(MAP, sent(query), body)).toBe(code);
  });

  test('with several sources agree or are refused', () => {
    const headers = [{ name: 'x-to', value: 'ann' }];
    const url = 'https://h.example/p/1?kind=x';
    expect(verdictOf(MAP, request('POST', url, { headers }), json({}))).toBe('kind.x 1/ann');
    expect(verdictOf(MAP, request('POST', url, { headers }), json({ to: 'ann' }))).toBe('kind.x 1/ann');
    expect(verdictOf(MAP, request('POST', url, { headers }), json({ to: 'bob' }))).toBe('ambiguous-action');
  });

  test('a JSON field that is called like the form field of a pointer is not taken for it', () => {
    const nested = map('  - {match: {path: /o}, action: {type: t}, params: {a: {body: /m/a}}}');
    const sending = request('POST', 'https://h.example/o');
    expect(paramsOf(nested, sending, json({ m: { a: 1 }, 'm[a]': 2 }))).toEqual({ a: 1, m: { a: 1 }, 'm[a]': 2 });
    expect(paramsOf(nested, sending, form({ 'm[a]': '1', 'm[b]': '2' }))).toEqual({ a: '1', 'm[b]': '2' });
  });

  test('are bounded in number', () => {
    const fields = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, index]));
    expect(verdictOf(map('  []'), request('POST', 'https://h.example/o'), json(fields))).toBe('body-too-complex');
  });

  test('can be left to those that are named', () => {
    const only = map('  - {match: {path: /o}, action: {type: t}, params: {a: {body: /a}}, other_params: drop}');
    expect(paramsOf(only, request('POST', 'https://h.example/o?x=1'), json({ a: 1, b: 2, list: [1] }))).toEqual({
      a: 1,
    });
  });

  test('as lower are in lower case', () => {
    const lower = map('  - {match: {path: /o}, action: {type: t, target: "{a}"}, params: {a: {body: /a, as: lower}}}');
    expect(verdictOf(lower, request('POST', 'https://h.example/o'), json({ a: 'PROD' }))).toBe('t prod');
    expect(verdictOf(lower, request('POST', 'https://h.example/o'), json({ a: 1 }))).toBe('body-mismatch');
  });

  test('read a list of a form in PHP and Rails spelling', () => {
    const list = map('  - {match: {path: /o}, action: {type: t}, params: {ids: {body: /ids, as: list}}}');
    const sending = request('POST', 'https://h.example/o');
    expect(paramsOf(list, sending, form({ 'ids[]': ['1', '2'] }))).toMatchObject({ ids: ['1', '2'] });
    expect(paramsOf(list, sending, form({ ids: '1' }))).toMatchObject({ ids: ['1'] });
    expect(verdictOf(list, sending, form({ ids: '1', 'ids[]': '2' }))).toBe('ambiguous-action');
  });

  test('a description is cut, a target never', () => {
    const long = map('  - {match: {path: "/o/{a}"}, action: {type: t, target: "{a}"}, description: "{a}"}');
    const action = actionOf(long, request('GET', `https://h.example/o/${'x'.repeat(2000)}`));
    expect(action.target).toHaveLength(2000);
    expect(action.description).toBe(`${'x'.repeat(1000)}…`);
  });
});

describe('a request that carries several actions', () => {
  const MAP = map(`
  - match: {method: POST, path: /batch}
    action: {type: "item.{op}", target: "{id}"}
    each: /items
    params: {op: {item: /op}, id: {item: /id}, room: {body: /room}}
    required: [op]
`);
  const batch = request('POST', 'https://h.example/batch');

  test('is one action for each item', () => {
    const body = json({
      room: 'r',
      items: [
        { op: 'add', id: 1, x: 1 },
        { op: 'drop', id: 2, room: 'other' },
      ],
    });
    const outcome = classify(MAP, batch, body, 'a');
    if (!outcome.ok) throw new Error(outcome.fault.detail);
    expect(outcome.value.map(({ type, target, params }) => ({ type, target, params: plain(params) }))).toEqual([
      { type: 'item.add', target: '1', params: { op: 'add', id: 1, room: 'r', x: 1, count: 2 } },
      { type: 'item.drop', target: '2', params: { op: 'drop', id: 2, room: 'r', 'item.room': 'other', count: 2 } },
    ]);
  });

  test.each([
    ['no list', json({}), 'body-mismatch'],
    ['an empty list', json({ items: [] }), 'body-mismatch'],
    ['an object instead of a list', json({ items: { op: 'drop' } }), 'body-mismatch'],
    ['another spelling of the list', json({ items: [{ op: 'add', id: 1 }], Items: [] }), 'ambiguous-action'],
    ['an item without what is required', json({ items: [{ op: 'add', id: 1 }, { id: 2 }] }), 'body-mismatch'],
    ['another spelling in an item', json({ items: [{ op: 'add', OP: 'drop', id: 1 }] }), 'ambiguous-action'],
    ['no body', noBody, 'body-mismatch'],
    [
      'more beside the list than may be repeated',
      json({ pad: 'x'.repeat(100_000), items: Array.from({ length: 100 }, () => ({ op: 'add', id: 1 })) }),
      'body-too-complex',
    ],
    [
      'more items than are judged',
      json({ items: Array.from({ length: 1001 }, () => ({ op: 'add', id: 1 })) }),
      'body-too-complex',
    ],
  ])('is refused: %s', (_, body, code) => {
    expect(verdictOf(MAP, batch, body)).toBe(code);
  });

  test('shows what stands beside a nested list, and the list once', () => {
    const nested = map('  - {match: {path: /b}, action: {type: t}, each: /data/items, params: {id: {item: /id}}}');
    const body = json({ data: { items: [{ id: 1 }], note: 'n' }, 'data[items]': 'x' });
    expect(paramsOf(nested, request('POST', 'https://h.example/b'), body)).toEqual({
      id: 1,
      data: { note: 'n' },
      'data[items]': 'x',
    });
  });

  test('may be the whole body', () => {
    const whole = map('  - {match: {path: /b}, action: {type: t, target: "{v}"}, each: "", params: {v: {item: ""}}}');
    expect(verdictOf(whole, request('POST', 'https://h.example/b'), json(['x', 'y']))).toBe('t x, t y');
  });
});
