import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectRecord, journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { openTls, sendConnect, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

const POLICY = `version: "1"
rules:
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: all, risk_level: low, approval: auto}
`;

describe('a gateway that is told to end', () => {
  it('ends what asks for nothing at once, and a tunnel at the end of its time, with an outcome', async () => {
    using authority = new TestAuthority();
    await using upstream = await startHttpUpstream(undefined, authority.issue('DNS:localhost'));
    const target = `localhost:${upstream.port}`;
    await using gateway = await startGatewayProcess({
      policy: POLICY,
      config: `upstream: {allow: ["${target}"]}\ntunnel: ["${target}"]\nlimits: {drain_timeout: 3s}`,
    });
    const ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
    const tunnel = await tlsThrough(gateway.port, target, { servername: 'localhost', ca: authority.cert });
    const ended: string[] = [];
    const watch = (name: string, socket: Socket): void =>
      void socket
        .on('error', () => undefined)
        .resume()
        .once('close', () => ended.push(name));
    watch('tunnel', tunnel);
    watch('connected, silent', (await sendConnect(gateway.port, 'a.example:443')).socket);
    watch('TLS, silent', await tlsThrough(gateway.port, 'a.example:443', { servername: 'a.example', ca }));
    watch('TLS unasked, silent', await openTls({ port: gateway.port }, { servername: 'a.example', ca }));
    const used = await tlsThrough(gateway.port, 'a.example:443', { servername: 'a.example', ca });
    used.write('DELETE /x HTTP/1.1\r\nHost: a.example\r\n\r\n');
    const [answer] = (await once(used, 'data')) as [Buffer];
    expect(answer.toString()).toContain('policy-block');
    watch('TLS, between requests', used);
    const code = gateway.stop('SIGTERM');
    await expect.poll(() => ended.length, { timeout: 10_000 }).toBe(5);
    expect(ended.at(-1)).toBe('tunnel');
    expect(await code).toBe(0);
    expect((await journalOf(gateway)).filter(({ fault }) => fault === 'client-tls')).toEqual([]);
    await expectRecord(gateway, 'outcome', { status: 200, fault: expect.any(String) as string });
  });
});
