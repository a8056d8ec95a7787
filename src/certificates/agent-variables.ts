import { join } from 'node:path';
import { TRUSTSTORE_PASSWORD } from './truststore.ts';

/** Names of the files in the agent's folder. */
export const AGENT_FILE = {
  /** The certificate of the gateway's CA alone. */
  authority: 'ca.pem',
  /** The roots that are trusted anyway, and that certificate. */
  bundle: 'ca-bundle.pem',
  truststore: 'truststore.p12',
  variables: 'env.sh',
} as const;

/** Where the agent finds what it needs. */
export interface AgentPlaces {
  readonly folder: string;
  /** The data port. */
  readonly host: string;
  readonly port: number;
}

/** Loopback is the pod's own: the gateway would refuse it, and the agent can dial it anyway. */
const NO_PROXY = 'localhost,127.0.0.1,::1';
/** Java's form of the same; it is its default, said here so that the two can be seen to agree. */
const JAVA_NO_PROXY = 'localhost|127.*|[::1]';

/** The environment variables that HTTP clients read, by name. None of them is secret. */
export function agentVariables({ folder, host, port }: AgentPlaces): ReadonlyMap<string, string> {
  const bundle = join(folder, AGENT_FILE.bundle);
  const proxy = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Map([
    ['HTTP_PROXY', proxy],
    ['http_proxy', proxy],
    ['HTTPS_PROXY', proxy],
    ['https_proxy', proxy],
    ['NO_PROXY', NO_PROXY],
    ['no_proxy', NO_PROXY],
    ['SSL_CERT_FILE', bundle],
    ['REQUESTS_CA_BUNDLE', bundle],
    ['CURL_CA_BUNDLE', bundle],
    ['GIT_SSL_CAINFO', bundle],
    ['AWS_CA_BUNDLE', bundle],
    ['PIP_CERT', bundle],
    ['NODE_EXTRA_CA_CERTS', join(folder, AGENT_FILE.authority)],
    ['NODE_USE_ENV_PROXY', '1'],
    ['JAVA_TOOL_OPTIONS', javaOptions({ folder, host, port })],
  ]);
}

/** The variables as a POSIX shell takes them. */
export function shellExports(variables: ReadonlyMap<string, string>): string {
  const lines = [...variables].map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`);
  return lines.join('');
}

function javaOptions({ folder, host, port }: AgentPlaces): string {
  const properties: readonly (readonly [string, string])[] = [
    ['javax.net.ssl.trustStore', join(folder, AGENT_FILE.truststore)],
    ['javax.net.ssl.trustStoreType', 'PKCS12'],
    ['javax.net.ssl.trustStorePassword', TRUSTSTORE_PASSWORD],
    ['http.proxyHost', host],
    ['http.proxyPort', String(port)],
    ['https.proxyHost', host],
    ['https.proxyPort', String(port)],
    ['http.nonProxyHosts', JAVA_NO_PROXY],
  ];
  // The virtual machine splits at white space and takes quotes away.
  return properties
    .map(([name, value]) => (/\s/u.test(value) ? `"-D${name}=${value}"` : `-D${name}=${value}`))
    .join(' ');
}
