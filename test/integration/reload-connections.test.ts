import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpServer } from '../support/http-server.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';

/** Adds a route to the configuration, so that it needs another way out, and waits until that is in force. */
async function reload(gateway: GatewayProcess, route: string): Promise<void> {
  const loaded = (): number => gateway.log.filter(({ event }) => event === 'config.loaded').length;
  const before = loaded();
  const file = join(gateway.folder, 'gateway.yaml');
  const text = (await readFile(file, 'utf8')).replace(/^routes:.*\n/mu, '');
  await writeFile(file, `${text}routes: {${route}: {upstream: "http://127.0.0.1:9"}}\n`);
  await expect.poll(loaded, { timeout: 15_000 }).toBe(before + 1);
}

it('a version of the configuration that was replaced keeps its connections until its last exchange ends, and no longer', async () => {
  const { promise: streaming, resolve: streams } = Promise.withResolvers<ServerResponse>();
  await using upstream = await startHttpServer((request, response) => {
    if (request.url !== '/events') {
      response.end('fine');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
    streams(response);
  });
  const open = new Set<Socket>();
  upstream.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  // Longer than the test takes: what closes them is the reload.
  upstream.server.keepAliveTimeout = 600_000;
  await using gateway = await startGatewayProcess({
    policy: ALLOW_ALL,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {upstream_keep_alive: 10m}`,
  });

  const asking = httpRequest({
    port: gateway.port,
    path: `${upstream.origin}/events`,
    headers: { host: new URL(upstream.origin).host },
  });
  asking.end();
  const [events] = (await once(asking, 'response')) as [IncomingMessage];
  const response = await streaming;
  let text = '';
  events.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  expect((await throughProxy(gateway.port, `${upstream.origin}/one`)).status).toBe(200);
  expect(open.size).toBe(2);

  for (const route of ['first', 'second']) await reload(gateway, route);
  expect(open.size).toBe(2);
  expect((await throughProxy(gateway.port, `${upstream.origin}/two`)).status).toBe(200);
  response.write('data: second\n\n');
  await expect.poll(() => text).toContain('data: second');
  response.end();
  await once(events, 'end');
  // Both connections of the first version end with its last exchange; the one of the newest stays.
  await expect.poll(() => open.size, { timeout: 10_000 }).toBe(1);
});
