import { afterEach, describe, expect, it } from 'vitest';
import { startAdmin, type AdminServer, type ReadinessCheck } from '../../../src/admin/admin-server.ts';

let server: AdminServer | null = null;
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = null;
});

async function start(checks: readonly ReadinessCheck[]): Promise<string> {
  server = await startAdmin(
    { host: '127.0.0.1', port: 0 },
    {
      readiness: () => checks,
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'aegis_up 1\n' }),
    },
  );
  return `http://127.0.0.1:${server.port}`;
}

describe('the admin listener', () => {
  it('is alive', async () => {
    const response = await fetch(`${await start([])}/healthz`);
    expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
  });

  it('says which check keeps it from being ready', async () => {
    const checks = [
      { name: 'journal', ok: false, detail: 'the disk is full' },
      { name: 'policy', ok: true, detail: '3 rules' },
    ];
    const response = await fetch(`${await start(checks)}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, checks });
  });

  it('serves metrics in the type that Prometheus asks for', async () => {
    const response = await fetch(`${await start([])}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toBe('aegis_up 1\n');
  });

  it('has nothing that changes anything, since the agent can reach it', async () => {
    const url = await start([]);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(`${url}/readyz`, { method });
      expect(response.status).toBe(404);
      expect(response.headers.get('x-powered-by')).toBeNull();
    }
  });
});
