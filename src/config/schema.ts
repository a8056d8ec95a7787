import { z } from 'zod';
import { duration, size } from '../document/quantity.ts';
import { LIMITS } from './limits.ts';
import { limitsSchema } from './limits-schema.ts';

const HOST_AND_PORT = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(?<port>\d{1,5})$/u;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u;
const ROUTE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** An address to listen on: IP address or host name, and port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

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

const credential = z
  .strictObject({
    header: z.string().regex(HEADER_NAME, { error: 'expected a header name' }).default('Authorization'),
    format: z
      .string()
      .refine((text) => text.split('{secret}').length === 2, { error: 'expected a text with {secret} in it once' })
      .default('Bearer {secret}')
      .describe('How the value of the header is made; {secret} stands for what the file holds.'),
    file: z
      .string()
      .min(1)
      .describe('The file that holds the secret, such as a mounted Secret; read again when it changes.'),
  })
  .describe('A credential that the gateway adds, so that the agent never has it.');

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

const approvals = z.strictObject({
  store: z.literal('local').default('local').describe('Where approvals are kept: local is an SQLite file in data_dir.'),
  retention: duration({ min: 3_600_000, max: 3650 * 86_400_000 })
    .prefault('30d')
    .describe('How long ended approvals are kept.'),
});

const agent = z.strictObject({
  id: z.string().max(253).default('').describe('The identity that policy sees as agent and audit records carry.'),
  namespace: z.string().max(253).default(''),
  service_account: z.string().max(253).default(''),
  pod: z.string().max(253).default(''),
});

const upstream = z.strictObject({
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Addresses that may be reached although they are loopback, link-local or the like: HOST:PORT or CIDR:PORT.',
    ),
  cluster_api: z
    .array(z.string().min(1))
    .default([])
    .describe('Addresses of the cluster API, refused unless listed in allow.'),
  ca_files: files.default([]).describe('Certificates (PEM) that are trusted beside the built-in roots.'),
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
    approvals: approvals.prefault({}),
    redaction: z
      .strictObject({ keys: z.array(z.string().min(1)).default([]) })
      .prefault({})
      .describe('Further names of parameters whose values are secrets.'),
    log: z.strictObject({ format: z.enum(['json', 'text']).default('json') }).prefault({}),
    limits: limitsSchema,
  })
  .describe('The configuration of Aegis Gateway.');

export type Config = Readonly<z.output<typeof configSchema>>;
