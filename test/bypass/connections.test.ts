import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { BYPASS_POLICY } from '../support/bypass-port.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { WireClient } from '../support/wire-client.ts';

let gateway: GatewayProcess;
let upstream: HttpUpstream;
beforeAll(async () => {
  upstream = await startHttpUpstream((_request, response, { url }) => {
    if (url === '/moved') response.writeHead(307, { location: '/landed' }).end();
    else response.end('answered');
  });
  gateway = await startGatewayProcess({
    policy: BYPASS_POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

function message(line: string, body = '', ...fields: readonly string[]): string {
  const [method = '', path = ''] = line.split(' ');
  const head = [`${method} ${upstream.origin}${path} HTTP/1.1`, `Host: 127.0.0.1:${upstream.port}`, ...fields];
  const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`];
  return [...head, ...length, '', body].join('\r\n');
}
const LARGE = '{"amount":9999}';
const paths = (): readonly string[] => upstream.seen.map(({ url }) => url);

describe('requests behind one another on a connection', () => {
  it('are each judged, however fast they come', async () => {
    using client = await WireClient.open(gateway.port);
    client.send(message('GET /a1') + message('POST /a2', LARGE) + message('GET /a3', '', 'Connection: close'));
    const text = await client.closed();
    expect(text.match(/HTTP\/1\.1 \d+/gu)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403', 'HTTP/1.1 200']);
    expect(paths().filter((url) => url.startsWith('/a'))).toEqual(['/a1', '/a3']);
  });

  it('are not read out of the body of one that was refused', async () => {
    using client = await WireClient.open(gateway.port);
    client.send(message('DELETE /b1', message('GET /b2')) + message('GET /b3', '', 'Connection: close'));
    await client.closed();
    expect(paths().filter((url) => url.startsWith('/b') && url !== '/b3')).toEqual([]);
  });

  it('are not read at all behind one whose framing is doubtful', async () => {
    using client = await WireClient.open(gateway.port);
    client.send(message('POST /c1', '', 'Content-Length: 0', 'Transfer-Encoding: chunked') + message('GET /c2'));
    expect(await client.closed()).toContain('conflicting-framing');
    expect(paths().filter((url) => url.startsWith('/c'))).toEqual([]);
  });
});

describe('a request that is never complete', () => {
  it.each(['end', 'reset'] as const)('is not forwarded when its client goes away by %s', async (how) => {
    const whole = message(`POST /d-${how}`, '{"amount":1}');
    const client = await WireClient.open(gateway.port);
    client.send(whole.slice(0, -3));
    if (how === 'end') client.socket.end();
    else client.socket.resetAndDestroy();
    await client.closed();
    // Another request through the same gateway: what the first did is done by then.
    expect((await throughProxy(gateway.port, `${upstream.origin}/after-${how}`)).status).toBe(200);
    expect(paths()).not.toContain(`/d-${how}`);
  });

  it('is told of its verdict before it may send the body that it announces', async () => {
    using client = await WireClient.open(gateway.port);
    client.send(message('DELETE /e', 'x'.repeat(100), 'Expect: 100-continue', 'Connection: close').slice(0, -100));
    client.socket.end();
    await client.closed();
    expect(paths()).not.toContain('/e');
  });
});

describe('an answer', () => {
  it('that redirects is handed to the agent, and nobody follows it', async () => {
    const answer = await throughProxy(gateway.port, `${upstream.origin}/moved`, { body: { amount: 1 } });
    expect([answer.status, answer.headers['location']]).toEqual([307, '/landed']);
    expect(paths()).not.toContain('/landed');
  });
});
