import type { Clock } from '../model/ports.ts';
import {
  createWebhookClient,
  isLasting,
  isTaken,
  type WebhookAnswer,
  type WebhookClient,
  type WebhookSettings,
} from '../webhook/webhook-client.ts';
import type { CursorFile } from './cursor-file.ts';
import { SinkRefusal, type Sink, type SinkBatch, type SinkRecord } from './sink.ts';

export interface WebhookSinkSettings extends WebhookSettings {
  /** For logs and metrics. */
  readonly name: string;
  /** JSON lines, or one JSON array. */
  readonly format: 'jsonl' | 'json';
}

/** Posts records to a web service of the operator's. */
export function openWebhookSink(settings: WebhookSinkSettings, cursor: CursorFile, clock: Clock): Sink {
  return new WebhookSink(settings, cursor, createWebhookClient(settings, clock));
}

class WebhookSink implements Sink {
  readonly name: string;
  readonly #format: WebhookSinkSettings['format'];
  readonly #cursor: CursorFile;
  readonly #client: WebhookClient;

  constructor({ format, name }: WebhookSinkSettings, cursor: CursorFile, client: WebhookClient) {
    this.name = name;
    this.#format = format;
    this.#cursor = cursor;
    this.#client = client;
  }

  cursor(): ReturnType<Sink['cursor']> {
    return this.#cursor.read();
  }

  async deliver({ records, cursor }: SinkBatch): Promise<void> {
    await this.#send(records);
    await this.#cursor.write(cursor);
  }

  async close(): Promise<void> {
    this.#client.close();
    await Promise.resolve();
  }

  /** Sends the records; where they are too much for the other side, in halves. */
  async #send(records: readonly SinkRecord[]): Promise<void> {
    const answer = await this.#post(records);
    if (isTaken(answer)) return;
    if (answer.status !== 413 || records.length < 2) throw refusalOf(answer);
    const half = Math.ceil(records.length / 2);
    await this.#send(records.slice(0, half));
    await this.#send(records.slice(half));
  }

  async #post(records: readonly SinkRecord[]): Promise<WebhookAnswer> {
    const lines = records.map(({ line }) => line);
    return this.#format === 'json'
      ? await this.#client.post(Buffer.from(`[${lines.join(',')}]`), 'application/json')
      : await this.#client.post(Buffer.from(`${lines.join('\n')}\n`), 'application/x-ndjson');
  }
}

function refusalOf(answer: WebhookAnswer): SinkRefusal {
  const lasting = isLasting(answer);
  const advice = lasting ? '; the records are kept and tried again, but this needs somebody to look at' : '';
  const { retryAfterMs, status } = answer;
  return new SinkRefusal(`expected a status of 2xx, found ${status}${advice}`, { retryAfterMs, lasting });
}
