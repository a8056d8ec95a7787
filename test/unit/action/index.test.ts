import { expect, test } from 'vitest';
import { candidatesFor } from '../../../src/action/action-map.ts';
import { readFacts } from '../../../src/action/facts.ts';
import { mapOf, request } from './requests.ts';

test('a request is held against the entries for its host, path and method only, however many others there are', () => {
  const actions = Array.from({ length: 1_000 }, (_, index) => ({
    match: { host: `h${index % 10}.example`, method: index % 2 === 0 ? 'GET' : 'POST', path: `/v1/r${index}/{id}` },
    action: { type: `t${index}` },
  }));
  const map = mapOf(
    JSON.stringify({ version: 1, actions: [...actions, { match: { host: '*' }, action: { type: 'any' } }] }),
  );
  const facts = readFacts(request('GET', 'https://h4.example/v1/r14/x'));
  if (!facts.ok) throw new Error(facts.fault.detail);
  const asked = [...candidatesFor(map, facts.value)].map(({ entry }) => entry.type.pieces[0]);
  expect(asked).toEqual(['t14', 'any']);
});
