import { bodyPlan, type ActionMap } from '../action/classify.ts';
import { LIMITS } from '../config/limits.ts';
import { passed, type Outcome } from '../model/fault.ts';
import type { CanonicalRequest, RequestBody } from '../model/request.ts';
import { decodeBody, looksStructured } from '../request/body.ts';
import { canonicalize } from '../request/canonicalize.ts';

/** A request as a person writes it. */
export interface WrittenRequest {
  readonly method: string;
  /** The absolute URL. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null for no body. */
  readonly body: Uint8Array | null;
}

/** A request that went through the same stage as one from the network, up to its action. */
export interface ReadRequest {
  readonly request: CanonicalRequest;
  readonly body: RequestBody;
}

const SETTINGS = {
  routes: new Map(),
  maxUrlBytes: LIMITS.url.value,
  tunnels: () => false,
  maxHeaderCount: LIMITS.header_count.value,
  maxHeaderBytes: LIMITS.headers.value,
} as const;

const BODY_LIMITS = { limitBytes: LIMITS.body.value } as const;

/** Reads a request as the gateway would that gets it as a forward proxy, with its default limits. Faults: those of the request stage. */
export function readRequest(map: ActionMap, written: WrittenRequest): Outcome<ReadRequest> {
  const request = canonicalize(
    {
      entry: 'forward-proxy',
      method: written.method,
      target: written.url,
      rawHeaders: rawHeadersOf(written),
      httpVersion: '1.1',
      serverName: null,
      secure: false,
      tunnelAuthority: null,
      remoteAddress: '127.0.0.1',
    },
    SETTINGS,
  );
  if (!request.ok) return request;
  const body = readBody(map, request.value, written.body ?? new Uint8Array());
  return body.ok ? passed({ request: request.value, body: body.value }) : body;
}

/** The fields as written, with Host and Content-Length where they are left out. */
function rawHeadersOf({ url, headers, body }: WrittenRequest): readonly string[] {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/u.exec(url)?.[1] ?? '';
  const raw = headers.flat();
  if (!names.has('host')) raw.push('Host', authority);
  if (body !== null && !names.has('content-length') && !names.has('transfer-encoding')) {
    raw.push('Content-Length', String(body.length));
  }
  return raw;
}

function readBody(map: ActionMap, request: CanonicalRequest, bytes: Uint8Array): Outcome<RequestBody> {
  const plan = bodyPlan(map, request, BODY_LIMITS);
  if (plan.kind === 'none') return passed({ kind: 'none' });
  if (plan.kind === 'stream') return passed({ kind: 'streamed' });
  if (plan.kind === 'peek' && !looksStructured(request, bytes)) return passed({ kind: 'streamed' });
  if (bytes.length <= plan.limitBytes) return decodeBody(request, bytes, BODY_LIMITS);
  return {
    ok: false,
    fault: { code: 'body-too-large', detail: `expected at most ${plan.limitBytes} bytes, found ${bytes.length}` },
  };
}
