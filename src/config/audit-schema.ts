import * as z from 'zod';
import { duration, size } from '../document/quantity.ts';
import { credential } from './credential-schema.ts';
import { caFiles, endpoint, serviceName, signature, withWebhookPaths } from './webhook-schema.ts';

const SECOND = 1_000;
const DAY = 24 * 3_600 * SECOND;
const MIB = 1024 * 1024;

const webhook = z.strictObject({
  kind: z.literal('webhook'),
  name: serviceName('siem')
    .refine((name) => name !== 'sqlite' && name !== 'stdout', { error: 'expected another name than sqlite and stdout' })
    .default('webhook')
    .describe('Names the sink in logs, metrics and the file of its cursor.'),
  url: endpoint.describe('Where batches of records are posted to; redirects are not followed.'),
  format: z
    .enum(['jsonl', 'json'])
    .default('jsonl')
    .describe('jsonl: one record a line (application/x-ndjson); json: one array.'),
  credential: credential.optional(),
  signature: signature.optional(),
  ca_files: caFiles,
  batch: z.int().min(1).max(10_000).default(500).describe('The most records in one request; 1 MiB ends one as well.'),
  timeout: duration({ min: 100, max: 300 * SECOND })
    .prefault('10s')
    .describe('How long one request may take.'),
});

const stdout = z.strictObject({ kind: z.literal('stdout') });

/** The schema of `audit`. */
export const auditSchema = z
  .strictObject({
    signing_key: z
      .string()
      .min(1)
      .optional()
      .describe(
        'An Ed25519 private key (PEM), such as a mounted Secret, that signs checkpoints; default: one made in data_dir.',
      ),
    anchor_file: z
      .string()
      .min(1)
      .optional()
      .describe('A file, best on another volume, that gets a line seq:hash for every checkpoint.'),
    checkpoint_interval: duration({ min: SECOND, max: DAY })
      .prefault('60s')
      .describe('How long after a record a signed checkpoint covers it at the latest.'),
    segment_size: size({ min: 64 * 1024, max: 1024 * MIB })
      .prefault('16MiB')
      .describe('A new segment of the journal begins at this size: a start reads the newest, about 10 MB in 0.1 s.'),
    segment_age: duration({ min: 60 * SECOND, max: 365 * DAY })
      .prefault('24h')
      .describe('A new segment begins at this age.'),
    retention: duration({ min: 3_600 * SECOND, max: 3650 * DAY })
      .optional()
      .describe('Segments older than this are removed once every sink has them; default: never.'),
    max_size: size({ min: MIB, max: 1024 * 1024 * MIB })
      .optional()
      .describe('The oldest segments are removed, once every sink has them, while all are larger; default: never.'),
    sinks: z
      .array(z.discriminatedUnion('kind', [webhook, stdout]))
      .max(8)
      .default([])
      .refine((sinks) => new Set(sinks.map(nameOf)).size === sinks.length, {
        error: 'expected every sink to have a name of its own',
      })
      .describe('Places that records are copied to, beside the audit database.'),
  })
  .describe('The audit trail.');

export type AuditConfig = Readonly<z.output<typeof auditSchema>>;
export type WebhookConfig = z.output<typeof webhook>;

function nameOf(sink: { readonly kind: string; readonly name?: string }): string {
  return sink.name ?? sink.kind;
}

/** The same with every file made absolute. */
export function withAuditPaths(audit: AuditConfig, absolute: (file: string) => string): AuditConfig {
  const { signing_key: key, anchor_file: anchors, sinks } = audit;
  return {
    ...audit,
    ...(key === undefined ? {} : { signing_key: absolute(key) }),
    ...(anchors === undefined ? {} : { anchor_file: absolute(anchors) }),
    sinks: sinks.map((sink) => (sink.kind === 'webhook' ? withWebhookPaths(sink, absolute) : sink)),
  };
}
