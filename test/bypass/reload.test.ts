import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { WireClient } from '../support/wire-client.ts';

const policy = (approval: string): string =>
  `version: "1"\nrules:\n  - {name: all, risk_level: low, approval: ${approval}}\n`;
const actions = (canary: string, body: string): string => `version: 1
actions:
  - match: {host: "*", method: GET, path: /canary}
    action: {type: "${canary}"}
  - match: {host: "*", method: POST, path: /slow}
    action: {type: create}
    body: ${body}
`;

const BODY = '{"amount":1,"note":"slow"}';

interface Started extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly upstream: HttpUpstream;
}

async function start(): Promise<Started> {
  const upstream = await startHttpUpstream();
  const gateway = await startGatewayProcess({
    policy: policy('auto'),
    actions: actions('before', 'judge'),
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
  });
  return {
    gateway,
    upstream,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** Sends a request but for the end of its body, and waits until the gateway reads that. */
async function begin(gateway: GatewayProcess, { origin, port }: HttpUpstream): Promise<WireClient> {
  const client = await WireClient.open(gateway.port);
  const fields = [`Host: 127.0.0.1:${port}`, 'Content-Type: application/json', 'Expect: 100-continue'];
  client.send(`POST ${origin}/slow HTTP/1.1\r\n${fields.join('\r\n')}\r\nContent-Length: ${BODY.length}\r\n\r\n`);
  await client.until('100 Continue');
  client.send(BODY.slice(0, 5));
  return client;
}

describe('a request whose body takes longer than a reload', () => {
  it('is judged by the policy that is in force when it is complete', async () => {
    await using started = await start();
    const { gateway, upstream } = started;
    using client = await begin(gateway, upstream);
    await writeFile(join(gateway.folder, 'policy.yaml'), policy('block'));
    await expect
      .poll(async () => (await throughProxy(gateway.port, `${upstream.origin}/canary`)).status, { timeout: 10_000 })
      .toBe(403);
    client.send(BODY.slice(5));
    expect(await client.until('"code"')).toContain('policy-block');
    expect(upstream.seen.filter(({ url }) => url === '/slow')).toEqual([]);
  });

  it('arrives whole where the new action map would have let it stream', async () => {
    await using started = await start();
    const { gateway, upstream } = started;
    using client = await begin(gateway, upstream);
    await writeFile(join(gateway.folder, 'actions.yaml'), actions('after', 'stream'));
    await expect
      .poll(
        async () => {
          await throughProxy(gateway.port, `${upstream.origin}/canary`);
          return (await gateway.cli('audit', 'export', '--format', 'jsonl', '--limit', '1000')).stdout;
        },
        { timeout: 10_000 },
      )
      .toContain('"type":"after"');
    client.send(BODY.slice(5));
    expect(await client.until('{"ok":true}')).toContain('200 OK');
    expect(upstream.seen.filter(({ url }) => url === '/slow').map(({ body }) => body)).toEqual([BODY]);
  });
});
