import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts';
import { sendRaw, startLenientUpstream, type LenientUpstream } from './wire.ts';

/** A gateway in front of the most lenient of servers, for attempts to get a request past its verdict. */
export interface BypassPort extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly upstream: LenientUpstream;
  /** The upstream's host and port, as they stand in URLs. */
  readonly authority: string;
  /** Bytes of a request through the forward proxy; Content-Length is added where there is a body. */
  request(line: string, fields?: readonly string[], body?: string | Buffer): Buffer;
  /** Sends bytes; says how they were answered and whether the upstream heard of it. */
  attempt(bytes: string | Buffer): Promise<Attempt>;
}

export interface Attempt {
  readonly status: number;
  /** The code of the fault; empty for an answer of the upstream. */
  readonly code: string;
  readonly forwarded: boolean;
}

/**
 * The policy of the attempts: amounts above 100 and more than ten items are blocked, `cancel` and `deploy` are blocked,
 * `read`, `create` and `search` pass, and all else is blocked.
 */
export const BYPASS_POLICY = `version: "1"
defaults: {risk_level: high, approval: block}
rules:
  - {name: large, conditions: {param_gt: {amount: 100}}, risk_level: critical, approval: block}
  - {name: many, conditions: {param_gt: {count: 10}}, risk_level: critical, approval: block}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
  - {name: create, match: {type: create}, risk_level: low, approval: auto}
  - {name: search, match: {type: search}, risk_level: low, approval: auto}
`;

const ACTIONS = `version: 1
actions:
  - match: {host: "*", method: POST, path: /cancel}
    action: {type: cancel}
  - match: {host: "*", method: POST, path: "/deploy/{id}", headers: {x-environment: production}}
    action: {type: deploy}
  - match: {host: "*", method: POST, path: /blob}
    action: {type: create}
    body: stream
`;

/** Starts a gateway and its upstream. `config` is further lines of gateway.yaml. */
export async function startBypassPort(config = ''): Promise<BypassPort> {
  const upstream = await startLenientUpstream();
  const authority = `127.0.0.1:${upstream.port}`;
  const gateway = await startGatewayProcess({
    policy: BYPASS_POLICY,
    actions: ACTIONS,
    config: `upstream: {allow: ["${authority}"]}\nroutes: {shop: {upstream: "http://${authority}/api"}}\n${config}`,
  });
  return {
    gateway,
    upstream,
    authority,
    request: (line, fields = [], body) => requestBytes(authority, line, { fields, body: body ?? null }),
    attempt: async (bytes) => {
      const before = upstream.connections;
      const { status, headers, body } = await sendRaw(gateway.port, bytes);
      const refused = headers['content-type'] === 'application/problem+json';
      const code = refused ? (JSON.parse(body) as { readonly code: string }).code : '';
      return { status, code, forwarded: upstream.connections > before };
    },
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

function requestBytes(
  authority: string,
  line: string,
  { fields, body }: { readonly fields: readonly string[]; readonly body: string | Buffer | null },
): Buffer {
  const [method = '', path = ''] = line.split(' ');
  const length = body === null ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [`${method} http://${authority}${path} HTTP/1.1`, `Host: ${authority}`, ...fields, ...length, '', ''];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), Buffer.from(body ?? '')]);
}
