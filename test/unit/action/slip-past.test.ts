import { describe, expect, test } from 'vitest';
import { form, json, mapOf, noBody, opaque, request, streamed, verdictOf } from './requests.ts';

/** An API as an operator maps it, who then blocks `repo.delete` and lets `default` types pass. */
const MAP = mapOf(`
version: 1
host: api.example.com
ignore_case: [owner, repo]
actions:
  - match: {method: DELETE, path: "/repos/{owner}/{repo}"}
    action: {type: repo.delete, target: "{owner}/{repo}"}
  - match: {method: GET, path: "/repos/{owner}/{repo}"}
    action: {type: repo.read, target: "{owner}/{repo}"}
  - match: {method: POST, path: /purge}
    action: {type: purge, target: all}
  - match: {method: POST, path: "/jobs/{id}:cancel"}
    action: {type: job.cancel, target: "{id}"}
  - match: {method: PATCH, path: "/issues/{number}", body: {/state: closed}}
    action: {type: issue.close, target: "{number}"}
  - match: {method: PATCH, path: "/issues/{number}"}
    action: {type: issue.update, target: "{number}"}
  - match: {method: POST, path: /rpc, headers: {x-target: Table.Drop}}
    action: {type: table.drop, target: t}
  - match: {method: POST, path: /rpc}
    action: {type: rpc, target: t}
  - match: {method: POST, path: /charges}
    action: {type: charge, target: "{customer}"}
    params: {amount: {argument: amount, as: integer}, customer: {argument: customer}}
    required: [amount]
    amount: amount
`);

const HOST = 'https://api.example.com';

describe('another spelling of a mapped path never falls through to the default mapping', () => {
  test.each([
    ['blanks around a capture', 'DELETE', '/repos/o/r%20', 'ambiguous-action'],
    ['a no-break space around a capture', 'DELETE', '/repos/%C2%A0o/r', 'ambiguous-action'],
    ['a final slash is ignored', 'DELETE', '/repos/o/r/', 'repo.delete o/r'],
    ['escaped letters are letters', 'DELETE', '/%72epos/o/%72', 'repo.delete o/r'],
    ['captures that ignore case become lower case', 'DELETE', '/repos/PROD/Main', 'repo.delete prod/main'],
    ['HEAD is GET', 'HEAD', '/repos/o/r', 'repo.read o/r'],
    ['capital letters', 'DELETE', '/Repos/o/r', 'ambiguous-action'],
    ['escaped capital letters', 'DELETE', '/%52epos/o/r', 'ambiguous-action'],
    ['a path parameter on text', 'DELETE', '/repos;x=1/o/r', 'ambiguous-action'],
    ['a path parameter on a capture', 'DELETE', '/repos/o/r;x=1', 'ambiguous-action'],
    ['an escaped path parameter on text', 'DELETE', '/repos%3Bx/o/r', 'ambiguous-action'],
    ['an empty segment before', 'DELETE', '//repos/o/r', 'ambiguous-action'],
    ['an empty segment inside', 'DELETE', '/repos//o/r', 'ambiguous-action'],
    ['two final slashes', 'DELETE', '/repos/o/r//', 'ambiguous-action'],
    ['a format ending', 'POST', '/purge.json', 'ambiguous-action'],
    ['a format ending in capital letters', 'POST', '/purge.JSON', 'ambiguous-action'],
    ['a format ending behind a verb', 'POST', '/jobs/5:cancel.json', 'ambiguous-action'],
    ['a verb in capital letters', 'POST', '/jobs/5:CANCEL', 'ambiguous-action'],
    ['a final dot, which Windows drops', 'POST', '/purge.', 'ambiguous-action'],
    ['a final blank, which Windows drops', 'POST', '/purge%20', 'ambiguous-action'],
    ['a segment that servers drop', 'POST', '/%20/purge', 'ambiguous-action'],
    ['the long s, which some readers take for an s', 'DELETE', '/repo%C5%BF/o/r', 'ambiguous-action'],
  ])('%s', (_, method, path, expected) => {
    expect(verdictOf(MAP, request(method, `${HOST}${path}`))).toBe(expected);
  });

  test('a method in lower case is the method', () => {
    expect(verdictOf(MAP, request('delete', `${HOST}/repos/o/r`))).toBe('repo.delete o/r');
  });

  test('another port of the host is the host', () => {
    expect(verdictOf(MAP, request('DELETE', 'https://api.example.com:8443/repos/o/r'))).toBe('repo.delete o/r');
  });

  test('what no entry comes near keeps the default mapping, odd segments included', () => {
    expect(verdictOf(MAP, request('GET', `${HOST}/archive/https://x.example/a;v=1`))).toBe('read api.example.com');
  });
});

describe('a condition on the body cannot be dodged', () => {
  const patch = request('PATCH', `${HOST}/issues/7`);

  test.each([
    ['the value itself', json({ state: 'closed' }), 'issue.close 7'],
    ['the value in a form', form({ state: 'closed' }), 'issue.close 7'],
    ['no body', noBody, 'issue.update 7'],
    ['another value', json({ state: 'open' }), 'issue.update 7'],
    ['null', json({ state: null }), 'issue.update 7'],
    ['capital letters in the value', json({ state: 'Closed' }), 'ambiguous-action'],
    ['blanks around the value', json({ state: ' closed' }), 'ambiguous-action'],
    ['capital letters in the key', json({ State: 'closed' }), 'ambiguous-action'],
    ['both spellings of the key', json({ state: 'open', STATE: 'closed' }), 'ambiguous-action'],
    ['a repeated form field', form({ state: ['open', 'closed'] }), 'ambiguous-action'],
    ['a bracketed form field', form({ 'state[]': 'closed' }), 'ambiguous-action'],
    ['a body that nobody can read', opaque, 'body-mismatch'],
    ['a body that was not read', streamed, 'body-mismatch'],
  ])('%s', (_, body, expected) => {
    expect(verdictOf(MAP, patch, body)).toBe(expected);
  });
});

describe('a condition on a header cannot be dodged', () => {
  test.each([
    ['the value', ['Table.Drop'], 'table.drop t'],
    ['no header', [], 'rpc t'],
    ['capital letters', ['TABLE.DROP'], 'ambiguous-action'],
    ['two headers', ['Table.Read', 'Table.Drop'], 'ambiguous-action'],
  ])('%s', (_, values, expected) => {
    const headers = values.map((value) => ({ name: 'x-target', value }));
    expect(verdictOf(MAP, request('POST', `${HOST}/rpc`, { headers }))).toBe(expected);
  });
});

describe('an amount has one value, in one place', () => {
  test.each([
    ['in the body', '', json({ amount: 5, customer: 'c' }), 'charge c'],
    ['in a form', '', form({ amount: '5', customer: 'c' }), 'charge c'],
    ['in the query', '?amount=5&customer=c', noBody, 'charge c'],
    ['the same in both', '?amount=5', json({ amount: 5, customer: 'c' }), 'charge c'],
    ['different in both', '?amount=1', json({ amount: 5000, customer: 'c' }), 'ambiguous-action'],
    ['twice in the query', '?amount=1&amount=5000&customer=c', noBody, 'ambiguous-action'],
    ['twice in a form', '', form({ amount: ['1', '5000'], customer: 'c' }), 'ambiguous-action'],
    ['beside a bracketed one', '', form({ amount: '1', 'amount[]': '5000', customer: 'c' }), 'ambiguous-action'],
    ['beside a capital one', '', json({ amount: 1, Amount: 5000, customer: 'c' }), 'ambiguous-action'],
    ['only in capitals', '', json({ AMOUNT: 5000, customer: 'c' }), 'ambiguous-action'],
    ['missing', '', json({ customer: 'c' }), 'body-mismatch'],
    ['null', '', json({ amount: null, customer: 'c' }), 'body-mismatch'],
    ['a fraction', '', json({ amount: 5.5, customer: 'c' }), 'body-mismatch'],
    ['a list', '', json({ amount: [5], customer: 'c' }), 'body-mismatch'],
    ['with an exponent', '', form({ amount: '1e9', customer: 'c' }), 'body-mismatch'],
    ['with a leading zero, octal to some', '', form({ amount: '0100', customer: 'c' }), 'body-mismatch'],
    ['with a plus sign', '', form({ amount: '+5', customer: 'c' }), 'body-mismatch'],
    ['with a blank', '', form({ amount: ' 5', customer: 'c' }), 'body-mismatch'],
    ['hexadecimal', '', form({ amount: '0x10', customer: 'c' }), 'body-mismatch'],
    ['in other digits', '', form({ amount: '٥', customer: 'c' }), 'body-mismatch'],
    ['longer than any amount', '', form({ amount: '9'.repeat(101), customer: 'c' }), 'body-mismatch'],
    ['in a body that nobody can read', '', opaque, 'body-mismatch'],
    ['a target with control characters', '', json({ amount: 5, customer: 'c\u0000d' }), 'body-mismatch'],
    ['a target that is an object', '', json({ amount: 5, customer: { a: 1 } }), 'body-mismatch'],
    ['a target beyond the bound', '', json({ amount: 5, customer: 'c'.repeat(8001) }), 'body-mismatch'],
  ])('%s', (_, query, body, expected) => {
    expect(verdictOf(MAP, request('POST', `${HOST}/charges${query}`), body)).toBe(expected);
  });
});
