import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlClient } from '../../src/cli/control-client.ts';
import { approvalOf, throughProxy } from './agent.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { callOn } from './tls-call.ts';
import { tlsThrough } from './tunnel.ts';
import type { HttpUpstream } from './upstream.ts';

/** Under this policy, requests are plain, need the disk, or need a human once. */
export const KILL_POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, conditions: {param_gte: {approved: 0}}, risk_level: high, approval: approve}
  - {name: high, match: {type: create}, risk_level: high, approval: auto}
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

export interface LoadTargets {
  readonly gateway: GatewayProcess;
  readonly plain: HttpUpstream;
  readonly secure: HttpUpstream;
}

/** Requests of every kind at once, without end until they are told. A request that the kill cuts off has no answer. */
export async function loadUntil(targets: LoadTargets, round: number, stop: AbortSignal): Promise<void> {
  const ca = await readFile(join(targets.gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
  const worker = async (name: string, send: (id: string) => Promise<unknown>): Promise<void> => {
    for (let n = 0; !stop.aborted; n += 1) await send(`${name}-${round}-${n}`).catch(() => null);
  };
  const holders = [1, 2, 3].map(async () => await useApproval(targets, round).catch(() => null));
  await Promise.all([
    ...holders,
    worker('read', async (id) => await call(targets, id)),
    worker('high', async (id) => await call(targets, id, { body: { a: 1 } })),
    worker('block', async (id) => await call(targets, id, { method: 'DELETE' })),
    worker('tls-read', async (id) => await callInTls(targets, { id, ca, method: 'GET' })),
    worker('tls-high', async (id) => await callInTls(targets, { id, ca, method: 'POST' })),
  ]);
}

/** Asks for the one approval of a round, or uses it where it was given. */
export async function useApproval(targets: LoadTargets, round: number): ReturnType<typeof throughProxy> {
  return await call(targets, approvedName(round), { body: { approved: round } });
}

export const approvedName = (round: number): string => `approved-${round}`;

/** Asks for the approval of a round and gives it, over the control socket as people do. */
export async function approve(targets: LoadTargets, round: number): Promise<void> {
  const name = approvalOf(await useApproval(targets, round));
  const client = new ControlClient(join(targets.gateway.dataDir, 'control.sock'));
  await client.decide(name, { verdict: 'approved', reason: '', fingerprint: null });
}

export async function call(
  { gateway, plain }: LoadTargets,
  id: string,
  given: { readonly method?: string; readonly body?: object } = {},
): ReturnType<typeof throughProxy> {
  return await throughProxy(gateway.port, `${plain.origin}/call?n=${id}`, given);
}

async function callInTls(
  { gateway, secure }: LoadTargets,
  { id, ca, method }: { readonly id: string; readonly ca: string; readonly method: string },
): Promise<void> {
  const host = `localhost:${secure.port}`;
  const tls = await tlsThrough(gateway.port, host, { servername: 'localhost', ca });
  try {
    await callOn(tls, host, { method, path: `/call?n=${id}` });
  } finally {
    tls.destroy();
  }
}
