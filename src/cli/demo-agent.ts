import { once } from 'node:events';
import { request as httpRequest, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

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

/** Where a request goes out, beside what it says. */
type Way = Pick<RequestOptions, 'host' | 'port' | 'path' | 'agent' | 'createConnection'>;

/** Sends a call through the gateway as a forward proxy (RFC 9112 section 3.2.2). Rejects when there is no answer. */
export async function callThrough(proxyPort: number, call: AgentCall): Promise<AgentAnswer> {
  return await send({ host: '127.0.0.1', port: proxyPort, path: call.url, agent: false }, call);
}

/**
 * Sends a call to an https URL through CONNECT, as a client with HTTPS_PROXY set would that trusts this CA (PEM) and no
 * other. Gives the name of who issued the certificate that it was shown. Rejects when there is no answer.
 */
export async function callInside(
  proxyPort: number,
  call: AgentCall,
  ca: string,
): Promise<{ readonly answer: AgentAnswer; readonly issuer: string }> {
  const { hostname, host, pathname } = new URL(call.url);
  const below = await openTunnel(proxyPort, host);
  const socket = connectTls({ socket: below, host: hostname, ca });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  const issuer = String(socket.getPeerCertificate().issuer.CN);
  return { answer: await send({ path: pathname, createConnection: () => socket }, call), issuer };
}

async function openTunnel(proxyPort: number, authority: string): Promise<Socket> {
  const request = httpRequest({
    host: '127.0.0.1',
    port: proxyPort,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority },
    timeout: CALL_TIMEOUT_MS,
  });
  const tunnel = Promise.withResolvers<Socket>();
  request.once('connect', (response, socket: Socket) => {
    if (response.statusCode === 200) tunnel.resolve(socket);
    else tunnel.reject(new Error(`the gateway answered CONNECT with ${response.statusCode}`));
  });
  request.once('error', tunnel.reject);
  request.end();
  return await tunnel.promise;
}

async function send(way: Way, { method, url, body }: AgentCall): Promise<AgentAnswer> {
  return await new Promise((done, fail) => {
    const payload = body === undefined ? null : JSON.stringify(body);
    const headers = {
      host: new URL(url).host,
      ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const options = { ...way, method, headers, timeout: CALL_TIMEOUT_MS };
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
