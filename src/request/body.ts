import { hash } from 'node:crypto';
import type { Digest } from '../model/brand.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { CanonicalRequest, DecodedBody, RequestBody } from '../model/request.ts';
import type { ValueMap } from '../model/value.ts';
import { openCodings } from './content-coding.ts';
import { readForm } from './form.ts';
import { readJsonBody, readUndeclaredJson } from './json-body.ts';
import { mayStartJson } from './json-disguise.ts';
import { parseMediaType, shapeOf } from './media-type.ts';
import { readMultipart } from './multipart.ts';

/** How large a body may be to be judged. */
export interface BodyLimits {
  /** Bytes, as received and when opened. */
  readonly limitBytes: number;
  /** The same for single routes, by name. */
  readonly routeLimitBytes?: ReadonlyMap<string, number>;
}

/** A body that was read whole. */
type BufferedBody = Extract<RequestBody, { kind: 'buffered' }>;

/** The limit that holds for a request. */
export function limitFor(request: CanonicalRequest, limits: BodyLimits): number {
  return limits.routeLimitBytes?.get(request.route ?? '') ?? limits.limitBytes;
}

/**
 * Whether the head alone says that a body has to be read whole: it is declared as JSON or a form, or is compressed.
 * `peek` means that its first bytes decide (`looksStructured`), since lenient servers ignore Content-Type.
 */
export function mustJudge(request: CanonicalRequest): 'judge' | 'peek' {
  if (request.contentCodings.length > 0 || mayBeForm(request)) return 'judge';
  return shapeOf(request.contentType) === 'other' ? 'peek' : 'judge';
}

/** A POST without Content-Type is a form to Rack, whatever its first bytes are. */
function mayBeForm({ method, contentType }: CanonicalRequest): boolean {
  return method === 'POST' && contentType === null;
}

/**
 * Whether a body with these first bytes has to be read whole and judged. Bytes that do not decide yet, such as white
 * space, count as structured. False for no bytes at all, which is an empty body.
 */
export function looksStructured(request: CanonicalRequest, firstBytes: Uint8Array): boolean {
  if (firstBytes.length === 0) return false;
  if (mustJudge(request) === 'judge') return true;
  if (mayStartJson(firstBytes)) return true;
  return request.contentType === null && looksLikeForm(firstBytes);
}
const EQUALS = 0x3d;

/** A body without Content-Type is a form to Rack; it looks like one when it starts with a name, or may still. */
function looksLikeForm(bytes: Uint8Array): boolean {
  return /^[\w.\-~%+*[\]]*(?:=|$)/u.test(Buffer.from(bytes).toString('latin1'));
}

/**
 * Opens a body for judgement; `bytes` is all of it, exactly as received. JSON and forms are read strictly. Whatever
 * else starts as JSON is judged as JSON, whatever its type says. Faults: malformed-body, duplicate-key,
 * unsupported-encoding, body-too-complex.
 */
export function decodeBody(request: CanonicalRequest, bytes: Uint8Array, limits: BodyLimits): Outcome<BufferedBody> {
  const decoded = decode(request, bytes, limits);
  return decoded.ok ? passed({ ...opaqueBody(bytes), decoded: decoded.value }) : decoded;
}

/** A body that need not be opened: its bytes and digest. */
export function opaqueBody(bytes: Uint8Array): BufferedBody {
  return { kind: 'buffered', bytes, digest: sha256(bytes), decoded: { kind: bytes.length === 0 ? 'empty' : 'opaque' } };
}

function decode(request: CanonicalRequest, bytes: Uint8Array, limits: BodyLimits): Outcome<DecodedBody> {
  if (bytes.length === 0) return passed({ kind: 'empty' });
  const maxBytes = Math.max(bytes.length, limitFor(request, limits));
  const opened = openCodings(bytes, request.contentCodings, maxBytes);
  if (!opened.ok) return opened;
  const content = opened.value;
  if (content.length === 0) return passed({ kind: 'empty' });
  const shape = shapeOf(request.contentType);
  switch (shape) {
    case 'json': {
      const json = readJsonBody(content);
      return json.ok ? passed({ kind: 'json', value: json.value }) : json;
    }
    case 'form':
      return decodeForm(content);
    case 'multipart':
      return decodeMultipart(request, content);
    case 'other':
      return decodeOther(request, content);
    default:
      return shape satisfies never;
  }
}

/** `curl -d` calls JSON a form; a server that ignores Content-Type reads the one, others read the other. */
function decodeForm(content: Uint8Array): Outcome<DecodedBody> {
  const json = mayStartJson(content) ? readUndeclaredJson(content) : passed(null);
  if (json.ok && json.value === null) return asForm(readForm(content));
  return failed(
    'malformed-body',
    'the body is JSON but says that it is a form; send it with Content-Type: application/json',
  );
}

/**
 * Rack and formidable read fields from a multipart body of any kind, by Content-Disposition and by Content-ID. One that
 * has neither (the metadata and the file of an upload) is opaque.
 */
function decodeMultipart(request: CanonicalRequest, content: Uint8Array): Outcome<DecodedBody> {
  const hasFields =
    request.contentType === 'multipart/form-data' ||
    /form-data|content-id/iu.test(Buffer.from(content).toString('latin1'));
  return hasFields ? asForm(readMultipart(content, boundaryOf(request))) : passed({ kind: 'opaque' });
}

function decodeOther(request: CanonicalRequest, content: Uint8Array): Outcome<DecodedBody> {
  const json = readUndeclaredJson(content);
  if (!json.ok) return json;
  if (json.value !== null) return passed({ kind: 'json', value: json.value });
  const isForm = looksLikeForm(content) || (mayBeForm(request) && content.includes(EQUALS));
  if (request.contentType !== null || !isForm) return passed({ kind: 'opaque' });
  const form = asForm(readForm(content));
  return form.ok ? form : failed(form.fault.code, `${form.fault.detail}; say what the body is in Content-Type`);
}

function asForm(fields: Outcome<ValueMap>): Outcome<DecodedBody> {
  return fields.ok ? passed({ kind: 'form', fields: fields.value }) : fields;
}

/** The head was refused if it had no valid boundary. */
function boundaryOf({ headers }: CanonicalRequest): string {
  const value = headers.find(({ name }) => name === 'content-type')?.value ?? '';
  return parseMediaType(value)?.parameters.get('boundary') ?? '';
}

function sha256(bytes: Uint8Array): Digest {
  const hex = hash('sha256', bytes, 'hex');
  if (!isDigest(hex)) throw new TypeError('expected a SHA-256 digest');
  return hex;
}

function isDigest(hex: string): hex is Digest {
  return /^[0-9a-f]{64}$/u.test(hex);
}
