import { expect, it } from 'vitest';
import { opaqueBody } from '../../../src/request/body.ts';
import { requestFacts } from '../../../src/request/facts.ts';
import { accepted, head, withHeaders } from './heads.ts';

it('a policy may ask of a request what was judged and forwarded', () => {
  const request = accepted(
    withHeaders(
      [
        ['X-A', '1'],
        ['x-a', '2'],
        ['Content-Type', 'application/json; charset=utf-8'],
        ['Content-Length', '3'],
      ],
      {
        method: 'POST',
        target: 'http://example.com:8080/%61?q=a+b%21&q=2&&x&y=',
        rawHeaders: [
          'Host',
          'example.com:8080',
          'X-A',
          '1',
          'x-a',
          '2',
          'Content-Type',
          'application/json; charset=utf-8',
        ],
      },
    ),
  );
  expect(requestFacts(request, opaqueBody(Buffer.from('abc')))).toEqual({
    method: 'POST',
    scheme: 'http',
    host: 'example.com',
    port: 8080,
    path: '/a',
    route: '',
    entry: 'forward-proxy',
    query: new Map<string, unknown>([
      ['q', ['a b!', '2']],
      ['x', ''],
      ['y', ''],
    ]),
    headers: new Map([
      ['x-a', '1, 2'],
      ['content-type', 'application/json; charset=utf-8'],
    ]),
    contentType: 'application/json',
    bodyBytes: 3,
  });
});

it('names the route that a request came by', () => {
  const request = accepted(head({ entry: 'route', target: '/routes/tickets/a' }));
  expect(requestFacts(request, { kind: 'none' })).toMatchObject({
    route: 'tickets',
    entry: 'route',
    host: 'api.example.com',
    path: '/v1/a',
  });
});

it('a body that streams counts as long as it says, or as the longest there is', () => {
  const streamed = { kind: 'streamed' } as const;
  expect(requestFacts(accepted(head()), streamed).bodyBytes).toBe(0);
  expect(requestFacts(accepted(withHeaders([['Content-Length', '7']])), streamed).bodyBytes).toBe(7);
  expect(requestFacts(accepted(withHeaders([['Transfer-Encoding', 'chunked']])), streamed).bodyBytes).toBe(
    Number.MAX_SAFE_INTEGER,
  );
  expect(requestFacts(accepted(withHeaders([['Content-Length', '7']])), { kind: 'none' }).bodyBytes).toBe(0);
});
