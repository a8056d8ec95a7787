import * as z from 'zod';
import { size } from '../document/quantity.ts';
import { approvalsSchema } from './approvals-schema.ts';
import { auditSchema } from './audit-schema.ts';
import { credential } from './credential-schema.ts';
import { LIMITS } from './limits.ts';
import { limitsSchema } from './limits-schema.ts';
import { parseResolver } from './resolver-address.ts';
import { parseTunnelHost } from './tunnel-host.ts';

const HOST_AND_PORT = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(?<port>\d{1,5})$/u;
const ROUTE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** An address to listen on: IP address or host name, and port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const resolver = z.string().transform((text, context) => {
  const server = parseResolver(text);
  if (server !== null) return server;
  context.addIssue({ code: 'custom', message: `expected IP, IP:PORT or [IPV6]:PORT, found ${JSON.stringify(text)}` });
  return z.NEVER;
});

const listenAddress = z
  .string()
  .regex(HOST_AND_PORT, { error: 'expected HOST:PORT such as 127.0.0.1:15001' })
  .transform((text, context): ListenAddress => {
    const groups = HOST_AND_PORT.exec(text)?.groups;
    const port = Number(groups?.['port']);
    if (groups === undefined || port > 65_535) {
      context.addIssue({ code: 'custom', message: `expected a port from 0 to 65535, found ${JSON.stringify(text)}` });
      return z.NEVER;
    }
    return { host: (groups['host'] ?? '').replace(/^\[|\]$/gu, ''), port };
  });

const upstreamUrl = z.string().transform((text, context): URL => {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    context.addIssue({ code: 'custom', message: `expected an http or https URL, found ${JSON.stringify(text)}` });
    return z.NEVER;
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    context.addIssue({
      code: 'custom',
      message: 'expected a URL without credentials, query or fragment; a secret belongs in credential.file',
    });
    return z.NEVER;
  }
  return url;
});

const route = z.strictObject({
  upstream: upstreamUrl.describe('Where requests to /routes/NAME/... go.'),
  credential: credential.optional(),
  body_limit: size(LIMITS.body).optional().describe('The largest body that is judged on this route.'),
  idempotency_key: z
    .boolean()
    .default(false)
    .describe('Add an Idempotency-Key derived from the approval, for upstreams that honour one.'),
});

const files = z.array(z.string().min(1));

const tunnelHost = z.string().transform((text, context) => {
  const host = parseTunnelHost(text);
  if (host !== null) return host;
  const message = `expected HOST, HOST:PORT or *.DOMAIN:PORT, found ${JSON.stringify(text)}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const proxyUrl = z.string().transform((text, context): ListenAddress => {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' && url.href === `http://${url.host}/` && url.username === '') {
    return { host: url.hostname, port: url.port === '' ? 80 : Number(url.port) };
  }
  context.addIssue({
    code: 'custom',
    message: `expected http://HOST:PORT, found ${JSON.stringify(text)}; a password belongs in proxy_credential_file`,
  });
  return z.NEVER;
});

const tls = z
  .strictObject({
    ca_cert_file: z
      .string()
      .min(1)
      .optional()
      .describe('The certificate (PEM) of a CA of your own, with those up to its root where it is none.'),
    ca_key_file: z
      .string()
      .min(1)
      .optional()
      .describe('Its private key (PEM, not encrypted), such as a mounted Secret.'),
  })
  .refine((given) => (given.ca_cert_file === undefined) === (given.ca_key_file === undefined), {
    error: 'expected ca_cert_file and ca_key_file together',
  })
  .describe('The CA that certificates for the agent are made with; without files, one is made at each start.');

const agent = z.strictObject({
  id: z.string().max(253).default('').describe('The identity that policy sees as agent and audit records carry.'),
  namespace: z.string().max(253).default(''),
  service_account: z.string().max(253).default(''),
  pod: z.string().max(253).default(''),
  labels_file: z
    .string()
    .min(1)
    .optional()
    .describe('The labels of the pod as the downward API writes them, shown to approvers in a cluster.'),
});

const upstream = z.strictObject({
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'What may be reached although it is loopback, link-local or the like: a name (HOST:PORT), an address that requests name (IP:PORT, CIDR:PORT).',
    ),
  cluster_api: z
    .array(z.string().min(1))
    .default([])
    .describe('Addresses of the cluster API, refused unless listed in allow.'),
  resolvers: z
    .array(resolver)
    .default([])
    .describe('DNS servers that names of upstreams are asked of, IP or IP:PORT; default: what the system uses.'),
  ca_files: files.default([]).describe('Certificates (PEM) that are trusted beside the built-in roots.'),
  proxy: proxyUrl
    .optional()
    .describe('An HTTP proxy that every request to an upstream goes through: http://HOST:PORT.'),
  proxy_credential_file: z.string().min(1).optional().describe('The file that holds USER:PASSWORD for the proxy.'),
});

const listeners = z.strictObject({
  data: listenAddress.prefault('127.0.0.1:15001').describe('Where the agent sends its requests.'),
  admin: listenAddress.prefault('127.0.0.1:15020').describe('Health, readiness and metrics.'),
});

const policy = z.strictObject({
  baseline: z.string().min(1).optional().describe('A policy file whose blocks nothing later can loosen.'),
  files: files.default([]).describe('Policy files, the first matching rule wins.'),
});

/** The schema of gateway.yaml: the input is what people write, the output what the gateway runs on. */
export const configSchema = z
  .strictObject({
    version: z
      .literal(1, { error: 'expected 1, the only version of this format' })
      .describe('The version of this format.'),
    data_dir: z
      .string()
      .min(1)
      .default('./aegis-data')
      .describe('Journal, audit and approval databases, control socket.'),
    agent: agent.prefault({}),
    listeners: listeners.prefault({}),
    policy: policy.prefault({}),
    actions: z.strictObject({ files: files.default([]) }).prefault({}),
    routes: z
      .record(z.string().regex(ROUTE_NAME, { error: 'expected a route name such as tickets' }), route)
      .default({}),
    upstream: upstream.prefault({}),
    tls: tls.prefault({}),
    tunnel: z
      .array(tunnelHost)
      .default([])
      .describe('Hosts whose TLS is not opened: judged as the action connect on HOST:PORT, and by nothing else.'),
    agent_files: z
      .string()
      .min(1)
      .optional()
      .describe('The folder for what the agent needs to trust the gateway; default: agent in data_dir.'),
    approvals: approvalsSchema.prefault({}),
    audit: auditSchema.prefault({}),
    redaction: z
      .strictObject({ keys: z.array(z.string().min(1)).default([]) })
      .prefault({})
      .describe('Further names of parameters whose values are secrets.'),
    log: z.strictObject({ format: z.enum(['json', 'text']).default('json') }).prefault({}),
    limits: limitsSchema,
  })
  .describe('The configuration of Aegis Gateway.');

export type Config = Readonly<z.output<typeof configSchema>>;
