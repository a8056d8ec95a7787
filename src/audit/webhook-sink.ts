import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { getCACertificates } from 'node:tls';
import type { Clock } from '../model/ports.ts';
import type { CursorFile } from './cursor-file.ts';
import { SinkRefusal, type Sink, type SinkBatch, type SinkRecord } from './sink.ts';

export interface WebhookSettings {
  /** For logs and metrics. */
  readonly name: string;
  readonly url: URL;
  /** JSON lines, or one JSON array. */
  readonly format: 'jsonl' | 'json';
  /** A header whose value is made from a secret; the file is read again for every batch. */
  readonly credential: { readonly header: string; readonly format: string; readonly file: string } | null;
  /** A header that signs the body with a key; the file is read again for every batch. */
  readonly signature: { readonly header: string; readonly file: string } | null;
  /** How long one batch may take. */
  readonly timeoutMs: number;
  /** Certificates (PEM) that are trusted beside the usual roots. */
  readonly extraCa: readonly string[];
}

/**
 * Posts records to a web service. It is the gateway's own way out, to a place that the operator named: nothing of a
 * request chooses where it goes, and redirects are not followed.
 */
export function openWebhookSink(settings: WebhookSettings, cursor: CursorFile, clock: Clock): Sink {
  return new WebhookSink(settings, cursor, clock);
}

/** How much of an answer is read: enough to keep the connection, and nobody looks at it. */
const ANSWER_BYTES = 64 * 1024;

interface Answer {
  readonly status: number;
  readonly retryAfterMs: number | null;
}

class WebhookSink implements Sink {
  readonly name: string;
  readonly #settings: WebhookSettings;
  readonly #cursor: CursorFile;
  readonly #clock: Clock;
  readonly #agent: PlainAgent;
  readonly #closed = new AbortController();

  constructor(settings: WebhookSettings, cursor: CursorFile, clock: Clock) {
    this.name = settings.name;
    this.#settings = settings;
    this.#cursor = cursor;
    this.#clock = clock;
    const ca = [...getCACertificates('default'), ...settings.extraCa];
    const pool = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      settings.url.protocol === 'https:' ? new TlsAgent({ ...pool, ca, minVersion: 'TLSv1.2' }) : new PlainAgent(pool);
  }

  cursor(): ReturnType<Sink['cursor']> {
    return this.#cursor.read();
  }

  async deliver({ records, cursor }: SinkBatch): Promise<void> {
    await this.#send(records);
    await this.#cursor.write(cursor);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#agent.destroy();
    await Promise.resolve();
  }

  /** Sends the records; where they are too much for the other side, in halves. */
  async #send(records: readonly SinkRecord[]): Promise<void> {
    const answer = await this.#post(this.#bodyOf(records));
    if (answer.status >= 200 && answer.status < 300) return;
    if (answer.status !== 413 || records.length < 2) throw refusalOf(answer);
    const half = Math.ceil(records.length / 2);
    await this.#send(records.slice(0, half));
    await this.#send(records.slice(half));
  }

  #bodyOf(records: readonly SinkRecord[]): Buffer {
    const lines = records.map(({ line }) => line);
    return Buffer.from(this.#settings.format === 'json' ? `[${lines.join(',')}]` : `${lines.join('\n')}\n`);
  }

  async #post(body: Buffer): Promise<Answer> {
    const { url, timeoutMs } = this.#settings;
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      headers: await this.#headers(body),
      signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(timeoutMs)]),
    };
    return await new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(this.#problemOf(error));
      const request = url.protocol === 'https:' ? requestTls(url, options) : requestPlain(url, options);
      request.on('error', failed);
      request.on('response', (response) => {
        response.on('error', failed);
        this.#read(response, resolve);
      });
      request.end(body);
    });
  }

  #read(response: IncomingMessage, resolve: (answer: Answer) => void): void {
    const { statusCode = 0, headers } = response;
    const answer = { status: statusCode, retryAfterMs: retryAfterOf(headers['retry-after'], this.#clock.now()) };
    let left = ANSWER_BYTES;
    response.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) response.destroy();
    });
    // The status says whether the batch was taken, even where the rest of the answer is cut off.
    response.on('close', () => resolve(answer));
  }

  async #headers(body: Buffer): Promise<Record<string, string | number>> {
    const { format, credential, signature } = this.#settings;
    const headers: Record<string, string | number> = {
      'Content-Type': format === 'json' ? 'application/json' : 'application/x-ndjson',
      'Content-Length': body.length,
      'User-Agent': 'aegis-gateway',
    };
    if (credential !== null) {
      const secret = await secretIn(credential.file);
      headers[credential.header] = credential.format.replace('{secret}', () => secret);
    }
    if (signature !== null) {
      const time = Math.floor(this.#clock.now() / 1_000);
      const key = await secretIn(signature.file);
      const mac = createHmac('sha256', key).update(`${time}.`).update(body).digest('hex');
      headers[signature.header] = `t=${time},v1=${mac}`;
    }
    return headers;
  }

  #problemOf(error: Error): Error {
    const { url, timeoutMs } = this.#settings;
    const problem = error.name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : error.message;
    return new SinkRefusal(`${url.origin}: ${problem}`);
  }
}

/** The secret of a file, without the line feed that editors put at its end. */
async function secretIn(file: string): Promise<string> {
  const secret = (await readFile(file, 'utf8')).replace(/\r?\n$/u, '');
  if (secret === '' || /[^\x20-\x7e]/u.test(secret)) {
    throw new Error(`${file}: expected a secret of printable characters of ASCII on one line`);
  }
  return secret;
}

/** Only what says "later" is a matter of time; any other refusal lasts until somebody mends something. */
function refusalOf({ status, retryAfterMs }: Answer): SinkRefusal {
  const lasting = status < 500 && status !== 408 && status !== 429;
  const advice = lasting ? '; the records are kept and tried again, but this needs somebody to look at' : '';
  return new SinkRefusal(`expected a status of 2xx, found ${status}${advice}`, { retryAfterMs, lasting });
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterOf(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - now);
}
