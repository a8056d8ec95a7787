import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';

/** Where the address of the API server and the credentials come from. */
export type AccessSource =
  | {
      readonly kind: 'kubeconfig';
      readonly file: string;
      /** Null for the current context of the file. */
      readonly context: string | null;
    }
  | {
      readonly kind: 'in-cluster';
      /** The folder with token, ca.crt and namespace, as Kubernetes mounts it. */
      readonly folder: string;
      readonly host: string;
      readonly port: string;
    };

/** A way to the API server. */
export interface ClusterAccess {
  /** The base URL, without a slash at the end. */
  readonly server: string;
  /** The namespace that the source names; null when it names none. */
  readonly namespace: string | null;
  /** What a request needs to be let in: the agent of its connection, headers, certificates. May run an exec plug-in. */
  options(): Promise<RequestOptions>;
}

/** Connections that nothing uses are closed, also those of credentials that were replaced; a watch is in use. */
const IDLE_MS = 30_000;

/** Reads a source. Throws when a file is missing or the kubeconfig names no such context. */
export function loadClusterAccess(source: AccessSource): ClusterAccess {
  const config = source.kind === 'kubeconfig' ? fromFile(source) : fromFolder(source);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`expected a cluster in the context ${config.getCurrentContext()}, found none`);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? null;
  let agent: unknown = null;
  let own: unknown = null;
  return {
    server: cluster.server.replace(/\/+$/u, ''),
    namespace,
    options: async () => {
      const options: RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(options);
      if (options.agent !== agent) own = keptAlive(options.agent);
      agent = options.agent;
      return { ...options, ...(own instanceof Agent ? { agent: own } : {}) };
    },
  };
}

/** The package opens a connection, and makes a TLS handshake, for each request, unless it goes through a proxy. */
function keptAlive(agent: unknown): unknown {
  if (!(agent instanceof Agent) || Object.getPrototypeOf(agent) !== Agent.prototype) return agent;
  return new Agent({ ...agent.options, keepAlive: true, timeout: IDLE_MS });
}

function fromFile({ context, file }: Extract<AccessSource, { kind: 'kubeconfig' }>): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(file);
  if (context !== null) {
    if (config.getContextObject(context) === null)
      throw new Error(`${file}: expected a context ${JSON.stringify(context)}, found ${namesOf(config)}`);
    config.setCurrentContext(context);
  }
  return config;
}

function namesOf(config: KubeConfig): string {
  const names = config.getContexts().map(({ name }) => JSON.stringify(name));
  return names.length === 0 ? 'none' : names.join(', ');
}

/** As the package's own `loadFromCluster`, which knows one folder only and reads the environment by itself. */
function fromFolder({ folder, host, port }: Extract<AccessSource, { kind: 'in-cluster' }>): KubeConfig {
  const name = 'in-cluster';
  const config = new KubeConfig();
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const tokenFile = join(folder, 'token');
  // Read here too, so that a missing token is told at once and by its path.
  if (readFileSync(tokenFile, 'utf8').trim() === '') throw new Error(`expected a token in ${tokenFile}, found nothing`);
  config.loadFromOptions({
    clusters: [{ name, server, caFile: join(folder, 'ca.crt'), skipTLSVerify: false }],
    users: [{ name, authProvider: { name: 'tokenFile', config: { tokenFile } } }],
    contexts: [{ name, cluster: name, user: name, ...namespaceOf(folder) }],
    currentContext: name,
  });
  return config;
}

function namespaceOf(folder: string): { readonly namespace?: string } {
  try {
    return { namespace: readFileSync(join(folder, 'namespace'), 'utf8').trim() };
  } catch {
    // A projected token without the namespace beside it: the configuration has to name one.
    return {};
  }
}
