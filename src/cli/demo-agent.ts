import { request as httpRequest } from 'node:http';

/** What the agent got back. */
export interface AgentAnswer {
  readonly status: number;
  /** The body as it came, and as members where it is a JSON object. */
  readonly text: string;
  readonly body: ReadonlyMap<string, unknown>;
  readonly retryAfterSeconds: number;
}

/** One call of the agent, as any HTTP client with HTTP_PROXY set would make it. */
export interface AgentCall {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
}

/** Longer than any hold in the demo, so that a hang becomes an error. */
const CALL_TIMEOUT_MS = 60_000;

/** Sends a call through the gateway as a forward proxy (RFC 9112 section 3.2.2). Rejects when there is no answer. */
export async function callThrough(proxyPort: number, { method, url, body }: AgentCall): Promise<AgentAnswer> {
  return await new Promise((done, fail) => {
    const payload = body === undefined ? null : JSON.stringify(body);
    const headers = {
      host: new URL(url).host,
      ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const options = {
      host: '127.0.0.1',
      port: proxyPort,
      method,
      path: url,
      headers,
      timeout: CALL_TIMEOUT_MS,
      agent: false as const,
    };
    const request = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', fail);
      response.on('end', () => {
        const retryAfterSeconds = Number(response.headers['retry-after'] ?? 0);
        done({ status: response.statusCode ?? 0, text: text.trim(), body: membersOf(text), retryAfterSeconds });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`the gateway did not answer within ${CALL_TIMEOUT_MS} ms`)));
    request.on('error', fail);
    request.end(payload ?? undefined);
  });
}

function membersOf(text: string): ReadonlyMap<string, unknown> {
  const value: unknown = JSON.parse(text || 'null');
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}
