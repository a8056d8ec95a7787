import { describe, expect, it } from 'vitest';
import { AddressGuard } from '../../../src/forward/address-guard.ts';
import type { ForwardSettings } from '../../../src/forward/settings.ts';
import { destination, Gateway, httpServer, RawClient, Recorder, settingsFor, world } from './support.ts';

const PUBLIC = '93.184.215.14';

function guard(
  settings: Partial<ForwardSettings>,
  names: { readonly [name: string]: readonly string[] } = {},
  local: readonly string[] = [],
): AddressGuard {
  return new AddressGuard(
    settingsFor([], settings),
    world({
      lookup: (hostname) => {
        const addresses = names[hostname];
        if (addresses === undefined)
          return Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
        return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
      },
      localAddresses: () => local,
    }),
  );
}

async function verdictOf(of: AddressGuard, host: string, port = 80): Promise<string> {
  const outcome = await of.addresses(destination(port, host));
  return outcome.ok
    ? outcome.value.map(({ address }) => address).join(' ')
    : `${outcome.fault.code}: ${outcome.fault.detail}`;
}

describe('an address', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['[::1]', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['[::]', 'unspecified'],
    ['169.254.0.1', 'link-local'],
    ['[fe80::1]', 'link-local'],
    ['[febf::1]', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['[ff02::1]', 'multicast'],
    ['255.255.255.255', 'broadcast or reserved'],
    ['240.0.0.1', 'broadcast or reserved'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['[::ffff:127.0.0.1]', 'IPv4 address in an IPv6 form'],
    ['[::ffff:7f00:1]', 'IPv4 address in an IPv6 form'],
    ['[::ffff:5db8:d70e]', 'IPv4 address in an IPv6 form'],
    ['[::7f00:1]', 'IPv4 address in an IPv6 form'],
    ['[::ffff:0:7f00:1]', 'IPv4 address in an IPv6 form'],
    ['[64:ff9b::7f00:1]', 'loopback'],
    ['[64:ff9b::a9fe:a9fe]', 'metadata'],
    ['[64:ff9b:1::7f00:1]', 'IPv4 address in an IPv6 form'],
    ['[2002:7f00:1::]', 'loopback'],
    ['[2002:a9fe:a9fe::1]', 'metadata'],
    ['[2001:0:4136:e378:8000:63bf:80ff:fffe]', 'loopback'],
  ])('%s is refused as %s', async (host, reason) => {
    const verdict = await verdictOf(guard({}), host);
    expect(verdict).toContain('upstream-address-refused');
    expect(verdict).toContain(reason);
  });

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '203.0.113.9',
    PUBLIC,
    '[2001:db8::1]',
    '[fd12::1]',
    '[2606:2800::1]',
    '[64:ff9b::5db8:d70e]',
  ])('%s is an ordinary destination', async (host) => {
    expect(await verdictOf(guard({}), host)).toBe(host.replaceAll(/[[\]]/gu, ''));
  });

  it.each([
    ['127.0.0.1:8080', '127.0.0.1'],
    ['127.0.0.0/8:8080', '127.9.9.9'],
    ['[::1]:8080', '[::1]'],
    ['[fe80::/10]:8080', '[fe80::5]'],
    ['[::ffff:0:0/96]:8080', '[::ffff:7f00:1]'],
    ['169.254.169.254:8080', '169.254.169.254'],
  ])('listed as %s is reached on that port and no other', async (listed, host) => {
    const of = guard({ allowAddresses: [listed] });
    expect(await verdictOf(of, host, 8080)).not.toContain('refused');
    expect(await verdictOf(of, host, 8081)).toContain('upstream-address-refused');
  });

  it.each([
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:99999',
    '::1:80',
    '[127.0.0.1/33]:80',
    '[fe80::1%eth0]:80',
    'a b:x',
    '10.0.0.0/8',
    'name/8:80',
    '',
  ])('that is listed as %j is refused at start', (listed) => {
    expect(() => guard({ allowAddresses: [listed] })).toThrow(`found ${JSON.stringify(listed)}`);
  });
});

describe('a name', () => {
  it('is reached at the addresses that were checked', async () => {
    expect(await verdictOf(guard({}, { 'a.test': [PUBLIC, '2606:2800::1'] }), 'a.test')).toBe(`${PUBLIC} 2606:2800::1`);
  });

  it('that does not resolve is upstream-unresolved', async () => {
    expect(await verdictOf(guard({}), 'a.test')).toContain(
      'upstream-unresolved: expected an address for a.test, found none (ENOTFOUND)',
    );
    expect(await verdictOf(guard({}, { 'a.test': [] }), 'a.test')).toContain('upstream-unresolved');
  });

  it.each([['127.0.0.1'], ['::1'], ['169.254.169.254'], ['::ffff:169.254.169.254'], ['fe80::1%eth0'], ['nonsense']])(
    'with the address %s among its addresses is refused',
    async (address) => {
      expect(await verdictOf(guard({}, { 'rebind.test': [PUBLIC, address] }), 'rebind.test')).toContain(
        'upstream-address-refused',
      );
    },
  );

  it('that is listed may be loopback, on its port', async () => {
    const of = guard(
      { allowAddresses: ['tools.test:8080'] },
      { 'tools.test': ['127.0.0.1'], 'other.test': ['127.0.0.1'] },
    );
    expect(await verdictOf(of, 'tools.test', 8080)).toBe('127.0.0.1');
    expect(await verdictOf(of, 'tools.test', 80)).toContain('refused');
    expect(await verdictOf(of, 'other.test', 8080)).toContain('refused');
    expect(await verdictOf(of, '127.0.0.1', 8080)).toContain('refused');
  });

  it.each(['127.0.0.1:8080', '127.0.0.0/8:8080', '169.254.169.254:8080'])(
    'reaches nothing because of an address that is listed as %s: rules for the address would not see it',
    async (listed) => {
      const names = { 'alias.test': ['127.0.0.1'], 'other.test': ['169.254.169.254'] };
      const of = guard({ allowAddresses: [listed] }, names);
      expect(await verdictOf(of, 'alias.test', 8080)).toContain('only if the name is listed');
      expect(await verdictOf(of, 'other.test', 8080)).toContain('a cloud metadata service');
    },
  );

  it('that is listed does not reach a metadata service by that', async () => {
    const of = guard({ allowAddresses: ['tools.test:80'] }, { 'tools.test': ['169.254.169.254'] });
    expect(await verdictOf(of, 'tools.test')).toContain('a cloud metadata service');
  });

  it('that is the upstream of a route counts as listed', async () => {
    const routes = new Map([['tools', { upstream: destination(8080, 'tools.test'), credential: null }]]);
    const of = guard({ routes }, { 'tools.test': ['127.0.0.1'] });
    expect(await verdictOf(of, 'tools.test', 8080)).toBe('127.0.0.1');
    expect(await verdictOf(of, 'tools.test', 8081)).toContain('refused');
  });
});

describe('the cluster API', () => {
  const settings = { clusterApi: ['kubernetes.default.svc:443', '10.96.0.1:443'] };
  const names = { 'kubernetes.default.svc': ['10.96.0.1'], 'alias.test': ['10.96.0.1'] };

  it.each(['kubernetes.default.svc', 'alias.test', '10.96.0.1'])('is refused as %s', async (host) => {
    expect(await verdictOf(guard(settings, names), host, 443)).toContain('the cluster API');
  });

  it('is reached when it is listed', async () => {
    const byName = guard({ ...settings, allowAddresses: ['kubernetes.default.svc:443'] }, names);
    expect(await verdictOf(byName, 'kubernetes.default.svc', 443)).toBe('10.96.0.1');
    expect(await verdictOf(byName, '10.96.0.1', 443)).toContain('the cluster API');
    const byAddress = guard({ ...settings, allowAddresses: ['10.96.0.1:443'] }, names);
    expect(await verdictOf(byAddress, '10.96.0.1', 443)).toBe('10.96.0.1');
    expect(await verdictOf(byAddress, 'alias.test', 443)).toContain('only if the name is listed');
  });
});

describe('the gateway itself', () => {
  const settings = {
    ownListeners: [{ host: '0.0.0.0', port: 15001 }],
    allowAddresses: ['127.0.0.1:15001', '10.1.1.1:15001', 'self.test:15001'],
  };

  it.each(['127.0.0.1', '127.0.0.2', '[::1]', '0.0.0.0', '10.1.1.1', 'self.test'])(
    'is never reached as %s, listed or not',
    async (host) => {
      const of = guard(settings, { 'self.test': ['10.1.1.1'] }, ['10.1.1.1', 'fe80::1']);
      expect(await verdictOf(of, host, 15001)).toContain('the gateway itself');
    },
  );

  it('does not own its port on other machines', async () => {
    expect(await verdictOf(guard(settings, {}, ['10.1.1.1']), '10.1.1.2', 15001)).toBe('10.1.1.2');
  });
});

describe.each(['buffered', 'streamed'] as const)('a refused destination, %s', (body) => {
  it.each(['127.0.0.1', 'rebind.test'])('%s is not connected to', async (host) => {
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    await using gateway = await Gateway.start({
      to: destination(upstream.port, host),
      body,
      settings: { allowAddresses: [] },
      world: { lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) },
    });
    let connections = 0;
    upstream.server.on('connection', () => (connections += 1));
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['Content-Length: 2'], '{}');
    const text = await client.until('"code"');
    expect(text).toContain('HTTP/1.1 403 Forbidden');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'upstream-address-refused' } });
    expect(connections).toBe(0);
  });

  it('that did not resolve is upstream-unresolved', async () => {
    await using gateway = await Gateway.start({ to: destination(80, 'nowhere.test'), body });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['Content-Length: 2'], '{}');
    await client.until('HTTP/1.1 502 Bad Gateway');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'upstream-unresolved' } });
  });

  it('that changes its address between two connections is checked each time, and resolved once for each', async () => {
    let lookups = 0;
    const recorder = new Recorder();
    await using upstream = await httpServer((request, response) => {
      response.setHeader('Connection', 'close');
      recorder.listener(request, response);
    });
    await using gateway = await Gateway.start({
      to: destination(upstream.port, 'rebind.test'),
      body,
      settings: { allowAddresses: [`rebind.test:${upstream.port}`] },
      world: {
        lookup: () => {
          lookups += 1;
          return Promise.resolve([{ address: lookups === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
        },
      },
    });
    using first = new RawClient(gateway.port);
    first.request('POST /x HTTP/1.1', ['Content-Length: 2'], '{}');
    await first.until('done');
    await gateway.next();
    using second = new RawClient(gateway.port);
    second.request('POST /x HTTP/1.1', ['Content-Length: 2'], '{}');
    await second.until('tag:aegis.dev,2026:fault:upstream-address-refused');
    expect([lookups, recorder.requests.length]).toEqual([2, 1]);
  });
});
