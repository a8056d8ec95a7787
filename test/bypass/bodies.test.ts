import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBypassPort, type BypassPort } from '../support/bypass-port.ts';

let port: BypassPort;
beforeAll(async () => {
  port = await startBypassPort();
});
afterAll(async () => await port[Symbol.asyncDispose]());

const part = (header: string): string => `--x\r\n${header}\r\n\r\n9999\r\n--x--\r\n`;
const json = '{"amount":9999}';

describe('an amount that is hidden from the judge and not from the server', () => {
  it.each([
    ['in a form without Content-Type, behind an empty field', null, '&amount=9999', 'policy-block'],
    ['in a form without Content-Type, behind a space', null, 'a b=1&amount=9999', 'policy-block'],
    ['in a form without Content-Type, behind another letter', null, '\u00e9=1&amount=9999', 'policy-block'],
    ['in a form of an unregistered type', 'application/urlencoded', 'amount=9999', 'policy-block'],
    [
      'in multipart/mixed',
      'multipart/mixed; boundary=x',
      part('Content-Disposition: form-data; name="amount"'),
      'policy-block',
    ],
    [
      'in multipart/related',
      'multipart/related; boundary=x',
      part('Content-Disposition: form-data; name="amount"'),
      'policy-block',
    ],
    ['in multipart/mixed, by Content-ID', 'multipart/mixed; boundary=x', part('Content-ID: amount'), 'malformed-body'],
    ['in the first of several JSON texts', 'application/x-ndjson', `${json}\n{}`, 'malformed-body'],
    ['in JSON with text behind it', 'application/jsonl', `${json}x`, 'malformed-body'],
    ['in JSON behind a comment', 'text/plain', `/**/${json}`, 'malformed-body'],
    ['in JSON behind a line comment', 'text/plain', `//\n${json}`, 'malformed-body'],
    ['in JSON behind a guard', 'text/plain', `)]}'\n${json}`, 'malformed-body'],
    ['in JSON behind wide white space', 'text/plain', `\u00a0\u2028${json}`, 'malformed-body'],
    ['in JSON with single quotes', 'text/plain', "{'amount':9999}", 'malformed-body'],
    ['in JSON with bare names', 'text/plain', '{amount:9999}', 'malformed-body'],
    ['under a name in capitals', 'application/json', '{"Amount":9999}', 'policy-block'],
    ['under a name with a space', 'application/json', '{"amount ":9999}', 'policy-block'],
    ['under a name with NUL', 'application/json', '{"amount\\u0000x":9999}', 'policy-block'],
  ])('%s is refused', async (_name, type, body, code) => {
    const fields = type === null ? [] : [`Content-Type: ${type}`];
    expect(await port.attempt(port.request('POST /refunds', fields, body))).toMatchObject({ code, forwarded: false });
  });

  it.each([
    ['with NaN', '[NaN,1,2,3,4,5,6,7,8,9,10,11]'],
    ['with a comma too many', '[1,2,3,4,5,6,7,8,9,10,11,]'],
  ])('is refused as a list of many %s', async (_name, body) => {
    const attempt = await port.attempt(port.request('POST /orders', ['Content-Type: text/plain'], body));
    expect(attempt).toMatchObject({ code: 'malformed-body', forwarded: false });
  });

  it('an amount that the policy lets pass still passes', async () => {
    for (const [type, body] of [
      ['application/json', '{"amount":9}'],
      ['text/plain', 'amount=9999 is a sentence'],
      ['text/markdown', '# Amount\n\n[link](x)'],
    ]) {
      const attempt = await port.attempt(port.request('POST /refunds', [`Content-Type: ${type}`], body));
      expect(attempt).toEqual({ status: 200, code: '', forwarded: true });
    }
  });
});
