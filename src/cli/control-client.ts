import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { ApprovalPhase, ApprovalRecord } from '../model/approval.ts';

/** The control socket answered with a problem document (RFC 9457). */
export class ControlProblemError extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.name = 'ControlProblemError';
    this.code = code;
  }
}

/** The gateway cannot be reached; the message says what to do. */
export class GatewayUnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GatewayUnreachableError';
  }
}

/** What a person decides on what he saw. */
export interface WantedDecision {
  readonly verdict: 'approved' | 'denied';
  readonly reason: string;
  /** The fingerprint of the request that was seen; the gateway refuses when the name stands for another by now. */
  readonly fingerprint: string | null;
}

/** The gateway is on the same machine; a longer silence means that it hangs. */
const ANSWER_TIMEOUT_MS = 15_000;
/** An approval is at most 1 MiB of JSON, a page of a list far less than this. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Speaks to a running gateway over its control socket. Every method may throw the two errors above. */
export class ControlClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The newest first, at most `limit` (1 to 500); of the parameters only the amount. */
  async list(phases: readonly ApprovalPhase[] | null, limit: number): Promise<readonly ApprovalRecord[]> {
    const query = new URLSearchParams({
      limit: String(limit),
      ...(phases === null ? {} : { phase: phases.join(',') }),
    });
    const answer: { readonly approvals: readonly ApprovalRecord[] } = parsed(
      await this.#call('GET', `/v1/approvals?${query.toString()}`),
    );
    return answer.approvals;
  }

  async get(name: string): Promise<ApprovalRecord> {
    const answer: { readonly approval: ApprovalRecord } = parsed(await this.#call('GET', pathOf(name)));
    return answer.approval;
  }

  /** The approval after the decision. */
  async decide(name: string, decision: WantedDecision): Promise<ApprovalRecord> {
    const answer: { readonly approval: ApprovalRecord } = parsed(
      await this.#call('POST', `${pathOf(name)}/decision`, decision),
    );
    return answer.approval;
  }

  /** What is live now, then each approval that changes, until the signal is aborted or the gateway stops. */
  async *watch(signal: AbortSignal): AsyncGenerator<ApprovalRecord> {
    const response = await this.#send('GET', '/v1/approvals/watch', null, signal);
    if (response.statusCode !== 200) throw problemOf(await textOf(response));
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        const approval: ApprovalRecord = parsed(line);
        yield approval;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #call(method: string, path: string, body?: WantedDecision): Promise<string> {
    const response = await this.#send(method, path, body ?? null, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
    const text = await textOf(response);
    if (response.statusCode !== 200) throw problemOf(text);
    return text;
  }

  async #send(
    method: string,
    path: string,
    body: WantedDecision | null,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const text = body === null ? null : JSON.stringify(body);
    const headers =
      text === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
    return await new Promise<IncomingMessage>((done, fail) => {
      const call = request({ socketPath: this.#socketPath, method, path, headers, signal, agent: false }, done);
      call.once('error', (error) => fail(unreachable(error, this.#socketPath)));
      call.end(text ?? undefined);
    });
  }
}

function pathOf(name: string): string {
  return `/v1/approvals/${encodeURIComponent(name)}`;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new GatewayUnreachableError(`the gateway answers with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function problemOf(text: string): Error {
  try {
    const { code, detail, title }: { readonly [member: string]: unknown } = JSON.parse(text);
    const sentence = [title, detail].filter((part) => typeof part === 'string').join(': ');
    if (typeof code === 'string') return new ControlProblemError(code, sentence);
  } catch {
    // Not a problem document: whoever answered is no gateway.
  }
  return strange();
}

/** Reads JSON from the gateway, whose types the caller knows: it is the same program. */
function parsed(text: string): ReturnType<typeof JSON.parse> {
  try {
    return JSON.parse(text);
  } catch {
    throw strange();
  }
}

function strange(): Error {
  return new GatewayUnreachableError('what listens on the control socket does not answer as a gateway does');
}

function unreachable(error: Error, path: string): Error {
  const code = 'code' in error ? error.code : '';
  switch (code) {
    case 'ENOENT':
      return new GatewayUnreachableError(
        `no gateway is running here: there is no control socket at ${path} (start one with aegis-gateway serve, or say where it is with --data-dir or --socket)`,
        { cause: error },
      );
    case 'ECONNREFUSED':
      return new GatewayUnreachableError(
        `the gateway is not running: nobody listens on ${path} (it may have been killed; start it again)`,
        {
          cause: error,
        },
      );
    case 'EACCES':
    case 'EPERM':
      return new GatewayUnreachableError(
        `you may not open ${path}: only the user who runs the gateway, and root, may decide`,
        {
          cause: error,
        },
      );
    default:
      return new GatewayUnreachableError(`the gateway cannot be reached at ${path}: ${error.message}`, {
        cause: error,
      });
  }
}
