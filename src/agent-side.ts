import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { writeAgentFiles } from './certificates/agent-files.ts';
import { makeAuthority, readAuthority, type Authority } from './certificates/authority.ts';
import { LeafStore } from './certificates/leaf-store.ts';
import type { Config } from './config/schema.ts';
import type { TlsHooks, TunnelPlan } from './intercept/settings.ts';
import type { Host } from './model/brand.ts';
import { passed, type Outcome } from './model/fault.ts';
import type { Clock, Log } from './model/ports.ts';
import type { RawHead } from './model/request.ts';
import type { TlsFailure } from './model/tls-failure.ts';
import { parseHost } from './request/host.ts';
import type { RequestSettings } from './request/canonicalize.ts';
import { readConnect } from './request/tunnel.ts';

/** What the agent's side of connections is made of. */
export interface AgentSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** How requests are read now. */
  readonly request: () => RequestSettings;
  readonly counted: {
    readonly certificate: (result: 'made' | 'reused' | 'refused') => void;
    readonly failure: (failure: TlsFailure) => void;
  };
}

/** TLS on the agent's side, and the files with which an agent trusts it. */
export interface AgentSide {
  readonly tls: TlsHooks;
  /** Writes the files for an agent that reaches the data port here; returns their folder. */
  readonly writeFiles: (data: { readonly address: string; readonly port: number }) => Promise<string>;
}

/** Makes or reads the CA. Rejects when one was configured and cannot be used. */
export async function openAgentSide({ config, clock, log, request, counted }: AgentSideOptions): Promise<AgentSide> {
  const authority = await authorityOf(config, clock, log);
  const leaves = new LeafStore({ authority, clock, random, counted: counted.certificate });
  return {
    tls: {
      plan: (head) => planOf(head, request()),
      contextFor: async (host) => await leaves.contextFor(host),
      failed: counted.failure,
    },
    writeFiles: async ({ address, port }) => {
      const folder = agentFolderOf(config);
      const extra = await Promise.all(config.upstream.ca_files.map(async (file) => await readFile(file, 'utf8')));
      const places = { folder, host: reachable(address), port };
      await writeAgentFiles({ places, authority: authority.pem, extra, random });
      return folder;
    },
  };
}

/** The folder of the agent's files. */
function agentFolderOf({ agent_files: folder, data_dir: dataDir }: Config): string {
  return folder ?? join(dataDir, 'agent');
}

/** Time enough to see to a new CA. */
const ENDS_SOON_MS = 30 * 86_400_000;

async function authorityOf({ tls }: Config, clock: Clock, log: Log): Promise<Authority> {
  const { ca_cert_file: certFile, ca_key_file: keyFile } = tls;
  if (certFile === undefined || keyFile === undefined) return makeAuthority(clock, random);
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const authority = readAuthority(cert, key, clock);
  const { notAfter } = authority;
  if (notAfter - clock.now() < ENDS_SOON_MS) {
    const end = new Date(notAfter).toISOString();
    log.warn('tls.ca-ends-soon', { file: certFile, not_after: end, advice: 'renew it and start again' });
  }
  return authority;
}

/** Where a CONNECT, or captured TLS, is meant to go, and whether it is opened. */
function planOf(head: RawHead, settings: RequestSettings): Outcome<TunnelPlan> {
  const authority = readConnect(head, settings);
  if (!authority.ok) return authority;
  const { host, port } = authority.value;
  const kind = settings.tunnels(host, port) ? 'pass' : 'open';
  return passed({ kind, host, port, agrees: (serverName) => agrees(serverName, host) });
}

/** Clients send no server name for an address (RFC 6066 section 3); for a name they have to. */
function agrees(serverName: string | null, host: Host): boolean {
  if (serverName === null) return isAddress(host);
  const own = parseHost(serverName);
  return own.ok && own.value === host;
}

function isAddress(host: Host): boolean {
  return host.startsWith('[') || isIPv4(host);
}

/** An address to listen on that stands for all is none to connect to. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

function random(count: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(count));
}
