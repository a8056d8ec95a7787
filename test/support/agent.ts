import { request as httpRequest } from 'node:http';

export interface AgentAnswer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly text: string;
  /** The body, parsed; an empty object when it is no JSON. */
  readonly json: { readonly [member: string]: unknown };
}

export interface AgentRequest {
  readonly method?: string;
  readonly body?: string | object;
  readonly headers?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
  /** How long it waits, in milliseconds, where that is longer than usual. */
  readonly timeoutMs?: number;
}

/** Longer than any hold in a test. */
const TIMEOUT_MS = 25_000;

/** Calls `url` through the gateway's data port, as an agent with HTTP_PROXY set does. */
export async function throughProxy(proxyPort: number, url: string, given: AgentRequest = {}): Promise<AgentAnswer> {
  return await send({ port: proxyPort, path: url, host: new URL(url).host }, given);
}

/** Calls a route of the gateway. */
export async function throughRoute(port: number, path: string, given: AgentRequest = {}): Promise<AgentAnswer> {
  return await send({ port, path, host: `127.0.0.1:${port}` }, given);
}

async function send(to: { port: number; path: string; host: string }, given: AgentRequest): Promise<AgentAnswer> {
  const payload =
    given.body === undefined ? null : typeof given.body === 'string' ? given.body : JSON.stringify(given.body);
  const headers = {
    host: to.host,
    ...(payload === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }),
    ...given.headers,
  };
  return await new Promise((done, fail) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: to.port,
        path: to.path,
        method: given.method ?? (payload === null ? 'GET' : 'POST'),
        headers,
        agent: false,
        timeout: given.timeoutMs ?? TIMEOUT_MS,
        ...(given.signal === undefined ? {} : { signal: given.signal }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', fail);
        response.on('end', () =>
          done({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) }),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', fail);
    request.end(payload ?? undefined);
  });
}

function parsed(text: string): { readonly [member: string]: unknown } {
  try {
    return JSON.parse(text) as { readonly [member: string]: unknown };
  } catch {
    return {};
  }
}

/** The name of the approval that an answer tells of. */
export function approvalOf(answer: AgentAnswer): string {
  const { approval } = answer.json as { readonly approval?: { readonly name?: string } };
  if (approval?.name === undefined) throw new Error(`the answer names no approval: ${answer.status} ${answer.text}`);
  return approval.name;
}
