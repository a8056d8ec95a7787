import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journalOf } from '../support/audit-trail.ts';
import { ask, codeOf, UPGRADE, type Asked } from '../support/ask.ts';
import { startDnsServer, type DnsName, type DnsServer } from '../support/dns-server.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { openTls, sendConnect } from '../support/tunnel.ts';

/*
 * What an agent must not reach, through every entry there is: as an address, in every spelling of one, and behind names
 * whose DNS the agent's friends run.
 */

const POLICY = 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n';
/** The parser of HTTP takes no target beyond ASCII. */
const UNREADABLE = /^(?:bad-host|malformed-request)$/u;
const REFUSED = 'upstream-address-refused';

/** Addresses in their one spelling: all are refused when it comes to dialling them. */
const ADDRESSES = [
  ['loopback', '127.0.0.1'],
  ['loopback far from .1', '127.255.255.254'],
  ['IPv6 loopback', '[::1]'],
  ['unspecified', '0.0.0.0'],
  ['unspecified, another of its network', '0.1.2.3'],
  ['IPv6 unspecified', '[::]'],
  ['link-local', '169.254.7.7'],
  ['IPv6 link-local', '[fe80::1]'],
  ['multicast', '224.0.0.1'],
  ['IPv6 multicast', '[ff02::1]'],
  ['broadcast', '255.255.255.255'],
  ['reserved', '240.0.0.1'],
  ['metadata', '169.254.169.254'],
  ['metadata of ECS', '169.254.170.2'],
  ['metadata over IPv6', '[fd00:ec2::254]'],
  ['metadata of Azure', '168.63.129.16'],
  ['metadata of Alibaba', '100.100.100.200'],
  ['the cluster API', '10.96.0.1'],
  ['IPv4-translated', '[::ffff:0:7f00:1]'],
  ['NAT64 of loopback', '[64:ff9b::7f00:1]'],
  ['NAT64 of metadata', '[64:ff9b::a9fe:a9fe]'],
  ['local NAT64', '[64:ff9b:1::7f00:1]'],
  ['6to4 of loopback', '[2002:7f00:1::1]'],
  ['6to4 of metadata', '[2002:a9fe:a9fe::]'],
  ['Teredo of loopback', '[2001:0:4136:e378:8000:63bf:80ff:fffe]'],
] as const;

/** Other spellings: none of them is read as an address. */
const SPELLINGS = [
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '127.1',
  '127.0.1',
  '0',
  '127.0.0.1.',
  '127.0.0.01',
  '127.0.0.256',
  '3232235521.',
  '017700000001',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[fe80::1%25eth0]',
  '[fe80::1%eth0]',
  '127.0.0.1%00.example.com',
  '127。0。0。1',
  '①②⑦.0.0.1',
] as const;

/** Names, and what a name server says of them. */
const NAMES = {
  'loopback.test': { A: [['127.0.0.1']] },
  'six.test': { AAAA: [['0:0:0:0:0:0:0:1']] },
  'mapped.test': { AAAA: [['0:0:0:0:0:ffff:7f00:1']] },
  'compatible.test': { AAAA: [['0:0:0:0:0:0:7f00:1']] },
  'nat64.test': { AAAA: [['64:ff9b:0:0:0:0:a9fe:a9fe']] },
  'metadata.test': { A: [['169.254.169.254']] },
  'zero.test': { A: [['0.0.0.0']] },
  'api.test': { A: [['10.96.0.1']] },
  'mixed.test': { A: [['203.0.113.7', '127.0.0.1']] },
  'mixed-families.test': { A: [['203.0.113.7']], AAAA: [['fe80:0:0:0:0:0:0:1']] },
  'last.test': { A: [[...Array.from({ length: 7 }, (_, index) => `203.0.113.${index + 1}`), '127.0.0.1']] },
} satisfies { readonly [name: string]: DnsName };

/** Names for which each entry has a route of its own, since a route's upstream is the operator's word. */
const ROUTES = ['metadata.test', 'nat64.test'] as const;

/** The name of the same addresses whose connections are not opened; an address is not opened on port 443. */
function tunnelOf(host: string): string {
  return host.endsWith('.test') ? `tunnel-${host}` : host;
}

/** An upstream that should hear nothing: it counts connections, on all addresses of the machine. */
let silent: Server;
let connections = 0;
let dns: DnsServer;
let gateway: GatewayProcess;
let ca: string;
let port: number;

beforeAll(async () => {
  silent = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => silent.listen({ host: '::', port: 0 }, done));
  port = (silent.address() as AddressInfo).port;
  dns = await startDnsServer({
    ...NAMES,
    ...Object.fromEntries(Object.entries(NAMES).map(([name, says]) => [tunnelOf(name), says])),
  });
  const tunnels = [...ADDRESSES.map(([, address]) => address), ...Object.keys(NAMES).map(tunnelOf)];
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: [
      `upstream: {resolvers: ["127.0.0.1:${dns.port}"], cluster_api: ["10.96.0.1:${port}", "10.96.0.1:443"]}`,
      // Each is opened on the port of the upstream, and carried as it is on 443.
      `tunnel: ${JSON.stringify(tunnels)}`,
      `routes: {${ROUTES.map((name) => `${name.replace('.', '-')}: {upstream: "http://${name}:${port}"}`).join(', ')}}`,
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
  silent.close();
});

/** What a CONNECT to the host is answered, and with 200, what a request inside it is. */
async function askInside(host: string, to: number, fields?: Asked['fields']): Promise<string> {
  const { socket, answer } = await sendConnect(gateway.port, Buffer.from(`${host}:${to}`).toString('latin1'));
  if (answer.status !== 200) return codeOf(answer.body);
  const name = host.replaceAll(/[[\]]/gu, '');
  const servername = /^[\d.]+$|:/u.test(name) ? '' : name;
  const tls = await openTls({ socket }, { servername, host: name, ca });
  return await ask({ on: tls, path: '/x', host: `${host}:${to}`, ...(fields === undefined ? {} : { fields }) });
}

/** The entries on which the agent names the host. */
const ENTRIES: { readonly [entry: string]: (host: string) => Promise<string> } = {
  'plain proxy': async (host) =>
    await ask({ on: gateway.port, path: `http://${host}:${port}/x`, host: `${host}:${port}` }),
  'plain proxy with an https URL': async (host) =>
    await ask({ on: gateway.port, path: `https://${host}:${port}/x`, host: `${host}:${port}` }),
  'WebSocket through the plain proxy': async (host) =>
    await ask({ on: gateway.port, path: `http://${host}:${port}/x`, host: `${host}:${port}`, fields: UPGRADE }),
  'CONNECT that is opened': async (host) => await askInside(host, port),
  'WebSocket in CONNECT': async (host) => await askInside(host, port, UPGRADE),
  'plain HTTP in CONNECT': async (host) => {
    const { socket, answer } = await sendConnect(gateway.port, Buffer.from(`${host}:${port}`).toString('latin1'));
    return answer.status === 200 ? await ask({ on: socket, path: '/x', host: `${host}:${port}` }) : codeOf(answer.body);
  },
  'CONNECT that is a tunnel': async (host) => {
    const { socket, answer } = await sendConnect(gateway.port, Buffer.from(`${tunnelOf(host)}:443`).toString('latin1'));
    socket.destroy();
    return codeOf(answer.body);
  },
};

/** What only a name can do: a TLS server name is none for an address. */
const NAME_ENTRIES: { readonly [entry: string]: (host: string) => Promise<string> } = {
  'TLS that comes unasked': async (host) => {
    const socket = await openTls({ port: gateway.port }, { servername: host, ca });
    return await ask({ on: socket, path: '/x', host: `${host}:${port}` });
  },
  'TLS that comes unasked, as a tunnel': async (host) => {
    await expect(openTls({ port: gateway.port }, { servername: tunnelOf(host), ca })).rejects.toThrow(/access denied/u);
    const refusal = async (): Promise<unknown> => (await journalOf(gateway)).findLast(({ kind }) => kind === 'outcome');
    await expect.poll(refusal).toMatchObject({ result: 'not-sent', status: null });
    return String(((await refusal()) as { readonly fault?: unknown }).fault);
  },
};

const table = (hosts: readonly string[], entries: typeof ENTRIES): readonly (readonly [string, string])[] =>
  Object.keys(entries).flatMap((entry) => hosts.map((host) => [entry, host] as const));

describe('an address that is refused', () => {
  it.each(
    table(
      ADDRESSES.map(([, host]) => host),
      ENTRIES,
    ),
  )('is refused over %s: %s', async (entry, host) => {
    const before = connections;
    expect(await ENTRIES[entry]?.(host)).toBe(REFUSED);
    expect(connections).toBe(before);
  });

  it.each(table(SPELLINGS, ENTRIES))('has no second spelling over %s: %s', async (entry, host) => {
    const before = connections;
    expect(await ENTRIES[entry]?.(host)).toMatch(UNREADABLE);
    expect(connections).toBe(before);
  });
});

describe('a name', () => {
  it.each(table(Object.keys(NAMES), { ...ENTRIES, ...NAME_ENTRIES }))(
    'that stands for such an address is refused over %s: %s',
    async (entry, host) => {
      const before = connections;
      expect(await { ...ENTRIES, ...NAME_ENTRIES }[entry]?.(host)).toBe(REFUSED);
      expect(connections).toBe(before);
    },
  );

  it.each(ROUTES)('that is the upstream of a route does not reach a metadata service by that: %s', async (name) => {
    const path = `/routes/${name.replace('.', '-')}/latest/meta-data`;
    expect(await ask({ on: gateway.port, path, host: 'any.test' })).toBe(REFUSED);
  });

  it.each(['localhost', 'LOCALHOST', 'localhost.', 'a.localhost'])(
    'of this machine is what the configured name server says, and never /etc/hosts: %s',
    async (host) => {
      expect(await ENTRIES['plain proxy']?.(host)).toBe('upstream-unresolved');
      expect(connections).toBe(0);
    },
  );
});
