import * as z from 'zod';
import { duration } from '../document/quantity.ts';
import { credential } from './credential-schema.ts';
import { caFiles, endpoint, serviceName, signature, withWebhookPaths } from './webhook-schema.ts';

/** What a target can be told of. */
export const NOTICE_EVENTS = ['pending', 'decided', 'ended'] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

const urlFile = z
  .string()
  .min(1)
  .describe('The file that holds the URL, where that is a secret itself; read again for every message.');

const common = {
  events: z
    .array(z.enum(NOTICE_EVENTS))
    .min(1)
    .refine((events) => new Set(events).size === events.length, { error: 'expected each event once' })
    .default(['pending'])
    .describe('What is told: a request waits; somebody decided; a request or grant was used, expired or became void.'),
  ca_files: caFiles,
  timeout: duration({ min: 100, max: 60_000 }).prefault('5s').describe('How long one message may take.'),
  rate: z
    .int()
    .min(1)
    .max(600)
    .default(30)
    .describe('The most messages in a minute; what is more is told together, as a number and names.'),
};

const cloudEvents = z
  .strictObject({
    kind: z.literal('cloudevents'),
    name: serviceName('pager').default('cloudevents').describe('Names the target in logs and metrics.'),
    url: endpoint.optional().describe('Where events are posted to; redirects are not followed.'),
    url_file: urlFile.optional(),
    credential: credential.optional(),
    signature: signature.optional(),
    ...common,
  })
  .refine(({ url, url_file: file }) => (url === undefined) !== (file === undefined), {
    error: 'expected one of url and url_file',
  });

const slack = z.strictObject({
  kind: z.literal('slack'),
  name: serviceName('approvers').default('slack').describe('Names the target in logs and metrics.'),
  url_file: urlFile,
  ...common,
});

/** The schema of `approvals.notify`. */
export const notifySchema = z
  .array(z.discriminatedUnion('kind', [cloudEvents, slack]))
  .max(8)
  .refine((targets) => new Set(targets.map(({ name }) => name)).size === targets.length, {
    error: 'expected every target to have a name of its own',
  })
  .default([])
  .describe('Who is told that something waits for a decision. It is told only: nothing that a target answers decides.');

export type NotifyTarget = z.output<typeof notifySchema>[number];

/** The same with every file made absolute. */
export function withNotifyPaths(targets: readonly NotifyTarget[], absolute: (file: string) => string): NotifyTarget[] {
  return targets.map((target) => withWebhookPaths(target, absolute));
}
