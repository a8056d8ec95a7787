import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBypassPort, type BypassPort } from '../support/bypass-port.ts';

let port: BypassPort;
beforeAll(async () => {
  port = await startBypassPort();
});
afterAll(async () => await port[Symbol.asyncDispose]());

describe('a request that the server takes for another one', () => {
  it.each([
    ['_method in the query', 'POST /orders/5?_method=DELETE', [], undefined],
    ['_method in a form', 'POST /orders/5', ['Content-Type: application/x-www-form-urlencoded'], '_method=DELETE'],
    ['_method in JSON', 'POST /orders/5', ['Content-Type: application/json'], '{"_method":"DELETE"}'],
    ['_method twice', 'POST /orders/5?_method=POST&_method=DELETE', [], undefined],
    ['a mapped path, encoded twice', 'POST /%2563ancel', [], undefined],
    ['a mapped path, encoded four times', 'POST /%25252563ancel', [], undefined],
    ['a mapped path with an encoded query', 'POST /cancel%3Fx', [], undefined],
    ['a mapped path with an encoded fragment', 'POST /cancel%23x', [], undefined],
    ['a mapped path in wide letters', 'POST /%EF%BD%83ancel', [], undefined],
    ['a mapped header with an underscore', 'POST /deploy/1', ['X_Environment: production'], undefined],
  ] as const)('by %s is refused', async (_name, line, fields, body) => {
    const attempt = await port.attempt(port.request(line, fields, body));
    expect(attempt).toEqual({ status: 400, code: 'ambiguous-action', forwarded: false });
  });

  it('by a method that is called like an action is not that action', async () => {
    const attempt = await port.attempt(port.request('SEARCH /orders', ['Content-Type: application/json'], '{"a":1}'));
    expect(attempt).toEqual({ status: 403, code: 'policy-block', forwarded: false });
  });

  it.each([
    ['an entry that streams', '/blob', 'application/octet-stream'],
    ['a text that nobody has to read', '/notes', 'text/plain'],
  ])('by a trailer of %s loses the trailer', async (_name, path, type) => {
    const before = port.upstream.received().length;
    const late = ['X-Method-Override: DELETE', 'X-Original-URL: /cancel', 'X-Environment: production', 'X-Api-Key: z'];
    const bytes = [
      `POST http://${port.authority}${path} HTTP/1.1`,
      `Host: ${port.authority}`,
      `Content-Type: ${type}`,
      'Trailer: X-Environment',
      'Transfer-Encoding: chunked',
      '',
      '3',
      'abc',
      '0',
      ...late,
      '',
      '',
    ].join('\r\n');
    expect(await port.attempt(bytes)).toEqual({ status: 200, code: '', forwarded: true });
    await expect.poll(() => port.upstream.received().slice(before)).toMatch(/\r\n0\r\n\r\n$/u);
    expect(port.upstream.received().slice(before)).not.toMatch(/override|original-url|environment|api-key/iu);
  });
});

describe('a request that only looks like one of those', () => {
  it.each([
    ['_method that is the method', 'POST /orders?_method=post', [], undefined],
    ['a name that starts with #', 'GET /rooms/%23general', [], undefined],
    ['a path that ends in a percent sign', 'GET /share/100%25', [], undefined],
    ['another header with an underscore', 'POST /deploy/1', ['X_Other: 1'], undefined],
  ] as const)('passes: %s', async (_name, line, fields, body) => {
    expect(await port.attempt(port.request(line, fields, body))).toEqual({ status: 200, code: '', forwarded: true });
  });
});
