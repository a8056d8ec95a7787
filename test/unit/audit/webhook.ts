import type { WebhookSinkSettings } from '../../../src/audit/webhook-sink.ts';

/** A webhook with nothing but an address. */
export function webhookTo(url: URL, change: Partial<WebhookSinkSettings> = {}): WebhookSinkSettings {
  return {
    name: 'webhook',
    address: { kind: 'url', url },
    format: 'jsonl',
    credential: null,
    signature: null,
    timeoutMs: 5_000,
    extraCa: [],
    ...change,
  };
}
