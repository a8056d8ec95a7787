import { expect, test } from 'vitest';
import { explain } from '../../../src/action/explain.ts';
import { json, mapOf, noBody, request, verdict } from './requests.ts';

const MAP = mapOf(`
version: 1
host: h.example
actions:
  - {match: {path: /q, body: {/state: {in: [closed, 7, true]}}}, action: {type: close}}
  - {match: {path: /q, query: {dry: {exists: false}}, method: [POST, PUT]}, action: {type: "q.{kind}"}, params: {kind: {query: kind}}}
  - {match: {path: /q}, action: {type: other}}
  - {match: {path: /r}, action: {type: r}}
  - {match: {path: /q, method: DELETE}, action: {type: delete-q}}
  - {match: {host: i.example}, action: {type: i}}
`);

test('an explanation says of every entry for the host why it decides or not', () => {
  const found = explain(MAP, request('POST', 'https://h.example/q?kind=k'), json({ state: 'open' }), 'a');
  expect(verdict(found.outcome)).toBe('q.k h.example');
  expect(found.otherHosts).toBe(1);
  expect(found.considered).toMatchObject([
    {
      at: 'map0.yaml:6',
      type: 'q.{kind}',
      verdict: 'decides',
      why: 'host, path and method fit, and 1 of 1 conditions hold',
    },
    {
      at: 'map0.yaml:5',
      type: 'close',
      verdict: 'comes later',
      why: expect.stringContaining('map0.yaml:6 comes first'),
    },
    {
      at: 'map0.yaml:7',
      type: 'other',
      verdict: 'comes later',
      why: expect.stringContaining('map0.yaml:6 comes first'),
    },
    { at: 'map0.yaml:8', type: 'r', verdict: 'does not fit', why: 'the path is not /r' },
    { at: 'map0.yaml:9', type: 'delete-q', verdict: 'does not fit', why: 'the method is POST, expected DELETE' },
  ]);
});

test('a condition that does not hold is named', () => {
  const [first, second] = explain(MAP, request('GET', 'https://h.example/q'), json({ state: 'open' }), 'a').considered;
  expect(first).toMatchObject({
    verdict: 'does not fit',
    why: 'expected: value at "/state" of the body is "closed" or 7 or true',
  });
  expect(second).toMatchObject({ type: 'other', verdict: 'decides', why: 'host, path and method fit' });
});

test('an entry that almost fits is named with the fault', () => {
  const found = explain(MAP, request('GET', 'https://h.example/Q'), noBody, 'a');
  expect(verdict(found.outcome)).toBe('ambiguous-action');
  expect(found.considered[1]).toMatchObject({
    at: 'map0.yaml:7',
    type: 'other',
    verdict: 'almost fits',
    why: 'the path is another spelling of /q, so that the request is refused',
  });
});

test('an entry that cannot be read is named with the fault', () => {
  const found = explain(MAP, request('GET', 'https://h.example/q'), json({ State: 'closed' }), 'a');
  expect(found.considered[0]).toMatchObject({ verdict: 'cannot be read', why: expect.stringContaining('"State"') });
});

test('a head that cannot be decoded has its fault and no entries', () => {
  const found = explain(MAP, request('GET', 'https://h.example/%FF'), noBody, 'a');
  expect(verdict(found.outcome)).toBe('bad-percent-encoding');
  expect(found.considered).toEqual([]);
});
