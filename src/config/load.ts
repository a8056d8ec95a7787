import { dirname, resolve } from 'node:path';
import { checkShape } from '../document/check.ts';
import type { Loaded } from '../document/mistake.ts';
import { readYaml } from '../document/yaml.ts';
import { withApprovalPaths } from './approvals-schema.ts';
import { withAuditPaths } from './audit-schema.ts';
import { configSchema, type Config } from './schema.ts';

/**
 * The environment. `AEGIS_DATA_DIR` and `AEGIS_AGENT_ID`, `_NAMESPACE`, `_SERVICE_ACCOUNT` and `_POD` stand over the file,
 * mostly for the downward API of Kubernetes.
 */
export type Environment = { readonly [name: string]: string | undefined };

/**
 * Reads the text of a gateway.yaml into a frozen configuration. Relative paths in it are resolved against the folder
 * of the file, so that the gateway does the same from wherever it is started. All mistakes are returned at once.
 */
export function loadConfig(text: string, file: string, environment: Environment): Loaded<Config> {
  const document = readYaml(text, file);
  if (!document.ok) return document;
  const checked = checkShape(document.value, configSchema);
  if (!checked.ok) return checked;
  const folder = dirname(resolve(file));
  return { ok: true, value: deepFreeze(withPaths(withEnvironment(checked.value, environment), folder)) };
}

function withEnvironment(config: Config, environment: Environment): Config {
  const { agent } = config;
  return {
    ...config,
    data_dir: environment['AEGIS_DATA_DIR'] ?? config.data_dir,
    agent: {
      ...agent,
      id: environment['AEGIS_AGENT_ID'] ?? agent.id,
      namespace: environment['AEGIS_AGENT_NAMESPACE'] ?? agent.namespace,
      service_account: environment['AEGIS_AGENT_SERVICE_ACCOUNT'] ?? agent.service_account,
      pod: environment['AEGIS_AGENT_POD'] ?? agent.pod,
    },
  };
}

function withPaths(config: Config, folder: string): Config {
  const absolute = (path: string): string => resolve(folder, path);
  const routes: Record<string, Config['routes'][string]> = {};
  for (const [name, route] of Object.entries(config.routes)) {
    const { credential } = route;
    routes[name] =
      credential === undefined ? route : { ...route, credential: { ...credential, file: absolute(credential.file) } };
  }
  return {
    ...config,
    data_dir: absolute(config.data_dir),
    policy: {
      ...(config.policy.baseline === undefined ? {} : { baseline: absolute(config.policy.baseline) }),
      files: config.policy.files.map(absolute),
    },
    actions: { files: config.actions.files.map(absolute) },
    upstream: {
      ...config.upstream,
      ca_files: config.upstream.ca_files.map(absolute),
      ...(config.upstream.proxy_credential_file === undefined
        ? {}
        : { proxy_credential_file: absolute(config.upstream.proxy_credential_file) }),
    },
    tls: {
      ...(config.tls.ca_cert_file === undefined ? {} : { ca_cert_file: absolute(config.tls.ca_cert_file) }),
      ...(config.tls.ca_key_file === undefined ? {} : { ca_key_file: absolute(config.tls.ca_key_file) }),
    },
    ...(config.agent_files === undefined ? {} : { agent_files: absolute(config.agent_files) }),
    agent: {
      ...config.agent,
      ...(config.agent.labels_file === undefined ? {} : { labels_file: absolute(config.agent.labels_file) }),
    },
    approvals: withApprovalPaths(config.approvals, folder),
    audit: withAuditPaths(config.audit, absolute),
    routes,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof URL)) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
