import type { WebhookSettings } from '../../../src/audit/webhook-sink.ts';

/** A webhook with nothing but an address. */
export function webhookTo(url: URL, change: Partial<WebhookSettings> = {}): WebhookSettings {
  return {
    name: 'webhook',
    url,
    format: 'jsonl',
    credential: null,
    signature: null,
    timeoutMs: 5_000,
    extraCa: [],
    ...change,
  };
}
