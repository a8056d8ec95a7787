import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { getCACertificates } from 'node:tls';
import type { Clock } from '../model/ports.ts';

/** A web service of the operator's, and how it is called. */
export interface WebhookSettings {
  /** Where it is; a file where the address itself is a secret, which is read again for every call. */
  readonly address: { readonly kind: 'url'; readonly url: URL } | { readonly kind: 'file'; readonly file: string };
  /** A header whose value is made from a secret; the file is read again for every call. */
  readonly credential: { readonly header: string; readonly format: string; readonly file: string } | null;
  /** A header that signs the body with a key; the file is read again for every call. */
  readonly signature: { readonly header: string; readonly file: string } | null;
  /** How long one call may take. */
  readonly timeoutMs: number;
  /** Certificates (PEM) that are trusted beside the usual roots. */
  readonly extraCa: readonly string[];
}

/** What the service answered. Nothing else of an answer is looked at. */
export interface WebhookAnswer {
  readonly status: number;
  /** How long to wait before the next call, as the service asked; null where it did not. */
  readonly retryAfterMs: number | null;
}

/**
 * Posts to a web service. It is the gateway's own way out, to a place that the operator named: nothing of a request
 * chooses where it goes, and redirects are not followed. One call at a time uses one connection.
 */
export interface WebhookClient {
  /** Rejects with an `Error` that holds no secret when there was no answer, or a file does not hold what it should. */
  post(body: Buffer, contentType: string): Promise<WebhookAnswer>;
  /** Ends the call that runs, which rejects, and the connection. */
  close(): void;
}

/** Makes a client; it opens nothing before the first call. */
export function createWebhookClient(settings: WebhookSettings, clock: Clock): WebhookClient {
  return new Client(settings, clock);
}

/** Whether an answer says that what was posted is taken. */
export function isTaken({ status }: WebhookAnswer): boolean {
  return status >= 200 && status < 300;
}

/** Only what says "later" is a matter of time; any other refusal lasts until somebody mends something. */
export function isLasting({ status }: WebhookAnswer): boolean {
  return status < 500 && status !== 408 && status !== 429;
}

/** How much of an answer is read: enough to keep the connection, and nobody looks at it. */
const ANSWER_BYTES = 64 * 1024;

class Client implements WebhookClient {
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #agents = new Map<string, PlainAgent>();

  constructor(settings: WebhookSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async post(body: Buffer, contentType: string): Promise<WebhookAnswer> {
    const { timeoutMs } = this.#settings;
    const url = await this.#url();
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agentFor(url.protocol),
      headers: await this.#headers(body, contentType),
      signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(timeoutMs)]),
    };
    return await new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(this.#problemOf(error, url));
      const request = url.protocol === 'https:' ? requestTls(url, options) : requestPlain(url, options);
      request.on('error', failed);
      request.on('response', (response) => {
        request.off('error', failed).on('error', ignore);
        this.#read(response, resolve);
      });
      request.end(body);
    });
  }

  close(): void {
    this.#closed.abort();
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #read(response: IncomingMessage, resolve: (answer: WebhookAnswer) => void): void {
    const { statusCode = 0, headers } = response;
    const answer = { status: statusCode, retryAfterMs: retryAfterOf(headers['retry-after'], this.#clock.now()) };
    let left = ANSWER_BYTES;
    response.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) response.destroy();
    });
    // The status says whether the body was taken, even where the rest of the answer is cut off or does not come in time.
    response.on('error', ignore).on('close', () => resolve(answer));
  }

  /** The roots take a MiB and are read with the first call over TLS. */
  #agentFor(protocol: string): PlainAgent {
    const known = this.#agents.get(protocol);
    if (known !== undefined) return known;
    const pool = { keepAlive: true, maxSockets: 1 };
    const ca = (): string[] => [...getCACertificates('default'), ...this.#settings.extraCa];
    const agent =
      protocol === 'https:' ? new TlsAgent({ ...pool, ca: ca(), minVersion: 'TLSv1.2' }) : new PlainAgent(pool);
    this.#agents.set(protocol, agent);
    return agent;
  }

  async #url(): Promise<URL> {
    const { address } = this.#settings;
    if (address.kind === 'url') return address.url;
    const url = URL.parse(await secretIn(address.file));
    if (url !== null && ['http:', 'https:'].includes(url.protocol)) return url;
    throw new Error(`${address.file}: expected an http or https URL on one line`);
  }

  async #headers(body: Buffer, contentType: string): Promise<Record<string, string | number>> {
    const { credential, signature } = this.#settings;
    const headers: Record<string, string | number> = {
      'Content-Type': contentType,
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

  #problemOf(error: Error, url: URL): Error {
    const problem = isTimeout(error) ? `no answer within ${this.#settings.timeoutMs} ms` : error.message;
    return new Error(`${url.origin}: ${problem}`, { cause: error });
  }
}

function ignore(): void {
  // The close that follows says all there is to say.
}

/** A request that its signal ends says that it was aborted, and why as the cause. */
function isTimeout({ cause, name }: Error): boolean {
  return name === 'TimeoutError' || (cause instanceof Error && cause.name === 'TimeoutError');
}

/** The secret of a file, without the line feed that editors put at its end. */
async function secretIn(file: string): Promise<string> {
  const secret = (await readFile(file, 'utf8')).replace(/\r?\n$/u, '');
  if (secret === '' || /[^\x20-\x7e]/u.test(secret)) {
    throw new Error(`${file}: expected a secret of printable characters of ASCII on one line`);
  }
  return secret;
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterOf(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - now);
}
