import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, codeOf, UPGRADE } from '../support/ask.ts';
import { describeWhere } from '../support/counterparts.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { openTls, sendConnect, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

/*
 * A name whose address changes between the check and the connection (DNS rebinding). The first answer is an address of
 * this machine that is no loopback address, the second is loopback, on the same port.
 */

const POLICY = `version: "1"
rules:
  - {name: secret-names, match: {target: "*.secret.test"}, risk_level: high, approval: block}
  - {name: all, risk_level: low, approval: auto}
`;
const OUTSIDE = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
const ENTRIES = [
  'plain proxy',
  'WebSocket',
  'CONNECT that is opened',
  'CONNECT that is a tunnel',
  'TLS unasked',
] as const;

const authority = new TestAuthority();
let plain: HttpUpstream;
let secure: HttpUpstream;
let dns: DnsServer;
let gateway: GatewayProcess;
let ca: string;
/** Addresses of this machine that were connected to. */
const reached: string[] = [];

const nameOf = (entry: string): string => `changing-${ENTRIES.findIndex((one) => one === entry)}.test`;

/** Lets nobody use a connection twice. */
function close(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { connection: 'close' }).end();
}

beforeAll(async () => {
  const everywhere = { host: '0.0.0.0', port: 0 };
  const names = ENTRIES.map((entry) => `DNS:${nameOf(entry)}`).join(',');
  plain = await startHttpUpstream(close, null, everywhere);
  secure = await startHttpUpstream(close, authority.issue(names), everywhere);
  for (const { server } of [plain, secure])
    server.on('connection', (socket) => reached.push(socket.localAddress ?? ''));
  const changing = { A: [[OUTSIDE ?? ''], ['127.0.0.1']] };
  dns = await startDnsServer({
    ...Object.fromEntries(ENTRIES.map((entry) => [nameOf(entry), changing])),
    'broken.test': { failure: 2 },
    'half.test': { A: [['127.0.0.1']], AAAA: [['0:0:0:0:0:0:0:1']] },
  });
  gateway = await startGatewayProcess({
    policy: POLICY,
    files: { 'upstream-ca.pem': authority.cert },
    config: [
      `upstream: {resolvers: ["127.0.0.1:${dns.port}"], ca_files: [upstream-ca.pem], allow: ["half.test:${plain.port}"]}`,
      `tunnel: ["${nameOf('CONNECT that is a tunnel')}:${secure.port}"]`,
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
beforeEach(() => {
  reached.splice(0);
  dns.asked.splice(0);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await Promise.all([plain, secure, dns].map(async (one) => await one[Symbol.asyncDispose]()));
  authority[Symbol.dispose]();
});

async function call(entry: (typeof ENTRIES)[number]): Promise<string> {
  const host = nameOf(entry);
  const [http, https] = [`${host}:${plain.port}`, `${host}:${secure.port}`];
  switch (entry) {
    case 'plain proxy':
      return await ask({ on: gateway.port, path: `http://${http}/x`, host: http });
    case 'WebSocket':
      return await ask({ on: gateway.port, path: `http://${http}/x`, host: http, fields: UPGRADE });
    case 'CONNECT that is opened':
      return await ask({
        on: await tlsThrough(gateway.port, https, { servername: host, ca }),
        path: '/x',
        host: https,
      });
    case 'CONNECT that is a tunnel': {
      const { socket, answer } = await sendConnect(gateway.port, https);
      if (answer.status !== 200) return codeOf(answer.body);
      const tls = await openTls({ socket }, { servername: host, ca: authority.cert });
      return await ask({ on: tls, path: '/x', host: https });
    }
    case 'TLS unasked':
      return await ask({
        on: await openTls({ port: gateway.port }, { servername: host, ca }),
        path: '/x',
        host: https,
      });
    default:
      return entry satisfies never;
  }
}

const NEEDS = {
  missing: OUTSIDE === undefined ? 'an address that is not loopback' : '',
  hint: 'any network interface with an IPv4 address will do',
};

describeWhere(NEEDS, 'a name that changes its address', () => {
  it.each(ENTRIES)('is looked up once for a connection, which goes where it was checked to go: %s', async (entry) => {
    expect(await call(entry)).toBe('200');
    expect(reached).toEqual([OUTSIDE]);
    expect(dns.asked.toSorted()).toEqual([`${nameOf(entry)} A`, `${nameOf(entry)} AAAA`]);
    expect(await call(entry)).toBe('upstream-address-refused');
    expect(reached).toEqual([OUTSIDE]);
    expect(dns.asked).toHaveLength(4);
  });
});

describe('a name server of one own', () => {
  it('is not asked for what policy blocks, so that a name carries nothing out', async () => {
    const host = `c3RvbGVu.secret.test:${plain.port}`;
    expect(await ask({ on: gateway.port, path: `http://${host}/x`, host })).toBe('policy-block');
    const inside = await tlsThrough(gateway.port, host, { servername: 'c3RvbGVu.secret.test', ca });
    expect(await ask({ on: inside, path: '/x', host })).toBe('policy-block');
    expect(dns.asked).toEqual([]);
  });

  it.each(['broken.test', 'nowhere.test'])('that knows no address of %s ends the request', async (name) => {
    const host = `${name}:${plain.port}`;
    expect(await ask({ on: gateway.port, path: `http://${host}/x`, host })).toBe('upstream-unresolved');
  });

  it('may give addresses of both kinds, of which the one that answers is used', async () => {
    const host = `half.test:${plain.port}`;
    expect(await ask({ on: gateway.port, path: `http://${host}/x`, host })).toBe('200');
    expect(reached).toEqual(['127.0.0.1']);
  });

  it.each(['dns.example.com', '10.0.0.1:0', '10.0.0.1:70000', '[::1', 'x:53', '::1:x'])(
    'cannot be configured as %s',
    async (server) => {
      const config = `upstream: {resolvers: ["${server}"]}`;
      await expect(startGatewayProcess({ policy: POLICY, config })).rejects.toThrow(
        /upstream.resolvers\[0\]: .*expected IP, IP:PORT/u,
      );
    },
  );
});
