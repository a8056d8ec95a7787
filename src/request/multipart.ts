import { failed, passed, type Outcome } from '../model/fault.ts';
import type { ValueMap } from '../model/value.ts';
import { FieldList, MAX_FIELDS } from './field-list.ts';
import { TOKEN, trimSpace } from './fields.ts';
import { parseMediaType, splitParameters, UTF8_CHARSETS } from './media-type.ts';
import { ANY_CONTROL, strictText } from './text.ts';

/** Four header lines of sane length; busboy and Django end at 16 and 8 KiB. */
const MAX_PART_HEADER_BYTES = 8 * 1024;

const CRLF = Buffer.from('\r\n', 'latin1');
const HEADER_END = Buffer.from('\r\n\r\n', 'latin1');

/** What may stand in a part's header: RFC 7578 section 4.8 tells servers to ignore the rest, and some do not. */
const PART_FIELDS: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-type',
  'content-length',
  'content-transfer-encoding',
]);
/** Transfer encodings that change nothing. Some servers undo the others, most do not (RFC 7578 section 4.7). */
const IDENTITY_ENCODINGS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary']);

/** `name` or `filename`, as a token or in quotes; a backslash is an escape to some parsers and a character to others. */
const DISPOSITION_PARAMETER = /^(name|filename)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"([^"\\]*)")$/iu;

type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };
type Headers = ReadonlyMap<string, string>;

/**
 * Reads a multipart/form-data body (RFC 7578) strictly: every occurrence of the boundary is a delimiter line ended by
 * CRLF, nothing stands before the first or after the last, each part has one Content-Disposition with plain parameters,
 * and a name stands for fields or for files. A field becomes its text, a file `{filename, content_type, bytes}`.
 * Faults: malformed-body, body-too-complex.
 */
export function readMultipart(input: Uint8Array, boundary: string): Outcome<ValueMap> {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const parts = splitParts(bytes, Buffer.from(`--${boundary}`, 'latin1'));
  if (!parts.ok) return malformed(parts.problem);
  if (parts.value.length > MAX_FIELDS) return failed('body-too-complex', `expected at most ${MAX_FIELDS} parts`);
  const fields = new FieldList();
  for (const part of parts.value) {
    const problem = addPart(part, fields);
    if (problem !== null) return malformed(problem);
  }
  return passed(fields.toMap());
}

function malformed(problem: string): Outcome<never> {
  return failed('malformed-body', `the multipart body is malformed: ${problem}`);
}

function bad(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}

/** Cuts the body at its delimiters; stops one part beyond the limit. */
function splitParts(bytes: Buffer, delimiter: Buffer): Reading<readonly Buffer[]> {
  if (!startsAt(bytes, delimiter, 0)) return bad('expected the boundary at the very start');
  const parts: Buffer[] = [];
  let at = delimiter.length;
  while (parts.length <= MAX_FIELDS) {
    if (startsAt(bytes, Buffer.from('--', 'latin1'), at))
      return endsAt(bytes, at + 2) ? { ok: true, value: parts } : bad(EPILOGUE);
    if (!startsAt(bytes, CRLF, at)) return bad('expected a line end directly after the boundary');
    const start = at + CRLF.length;
    const next = bytes.indexOf(delimiter, start);
    if (next === -1) return bad('expected a final boundary');
    const end = next - CRLF.length;
    if (end < start || !startsAt(bytes, CRLF, end)) return bad('expected the boundary only at the start of a line');
    parts.push(bytes.subarray(start, end));
    at = next + delimiter.length;
  }
  return { ok: true, value: parts };
}
const EPILOGUE = 'expected nothing after the final boundary';

function startsAt(bytes: Buffer, what: Buffer, at: number): boolean {
  return bytes.subarray(at, at + what.length).equals(what);
}

function endsAt(bytes: Buffer, at: number): boolean {
  return at === bytes.length || (at + CRLF.length === bytes.length && startsAt(bytes, CRLF, at));
}

function addPart(part: Buffer, fields: FieldList): string | null {
  const headerEnd = part.subarray(0, MAX_PART_HEADER_BYTES).indexOf(HEADER_END);
  if (headerEnd === -1) return `expected the header of a part to end within ${MAX_PART_HEADER_BYTES} bytes`;
  const headers = readPartHeaders(part.subarray(0, headerEnd));
  if (!headers.ok) return headers.problem;
  const disposition = readDisposition(headers.value.get('content-disposition') ?? '');
  if (!disposition.ok) return disposition.problem;
  const content = part.subarray(headerEnd + HEADER_END.length);
  const { name, filename } = disposition.value;
  const problem = checkPartHeaders(headers.value, content.length);
  if (problem !== null) return problem;
  if (filename === null) return addField(name, content, { headers: headers.value, fields });
  if (filename === '' && content.length > 0) return 'expected a file name for a part that has one';
  return fields.add(name, fileValue(filename, headers.value, content.length), 'file');
}

function readPartHeaders(block: Buffer): Reading<Headers> {
  const text = strictText(block);
  if (text === null) return bad('expected UTF-8 in the header of a part');
  const headers = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (ANY_CONTROL.test(line))
      return bad('expected no control characters and only CRLF line ends in the header of a part');
    if (!TOKEN.test(name) || !PART_FIELDS.has(name))
      return bad('expected only Content-Disposition and Content-Type in a part');
    if (headers.has(name)) return bad(`expected ${name} once in a part`);
    headers.set(name, trimSpace(line.slice(colon + 1)));
  }
  return { ok: true, value: headers };
}

function readDisposition(value: string): Reading<{ readonly name: string; readonly filename: string | null }> {
  const [type = '', ...parts] = splitParameters(value);
  if (type.toLowerCase() !== 'form-data') return bad('expected Content-Disposition: form-data in every part');
  const found = dispositionParameters(parts);
  if (found === null)
    return bad('expected name and filename, each at most once, without backslashes and not in their * form');
  const name = found.get('name');
  if (name === undefined) return bad('expected a name in every part');
  // Browsers escape these three so; some parsers undo it, others leave it.
  if (/%(?:22|0a|0d)/iu.test(name)) return bad('expected no %22, %0A or %0D in the name of a part');
  return { ok: true, value: { name, filename: found.get('filename') ?? null } };
}

function dispositionParameters(parts: readonly string[]): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>();
  for (const part of parts) {
    const [, key = '', token, quoted = ''] = DISPOSITION_PARAMETER.exec(part) ?? [];
    const name = key.toLowerCase();
    if (name === '' || found.has(name)) return null;
    found.set(name, token ?? quoted);
  }
  return found;
}

function checkPartHeaders(headers: Headers, contentBytes: number): string | null {
  const encoding = headers.get('content-transfer-encoding');
  if (encoding !== undefined && !IDENTITY_ENCODINGS.has(encoding.toLowerCase())) {
    return 'expected no Content-Transfer-Encoding in a part';
  }
  const length = headers.get('content-length');
  if (length !== undefined && length !== String(contentBytes)) {
    return 'expected Content-Length of a part to be the length of its content';
  }
  const type = headers.get('content-type');
  return type === undefined || parseMediaType(type) !== null ? null : 'expected a valid Content-Type in a part';
}

function addField(
  name: string,
  content: Buffer,
  { headers, fields }: { readonly headers: Headers; readonly fields: FieldList },
): string | null {
  const type = parseMediaType(headers.get('content-type') ?? 'text/plain');
  if (type === null || type.essence === 'application/octet-stream') {
    return 'expected a file name for a part of type application/octet-stream, which some servers take for a file';
  }
  const charset = (type.parameters.get('charset') ?? 'utf-8').toLowerCase();
  const text = UTF8_CHARSETS.has(charset) ? strictText(content) : null;
  if (text === null) return 'expected the text of a field to be UTF-8';
  if (text.includes('\0')) return 'expected no NUL in the text of a field';
  // HTML section 4.10.21.5: this field sets the charset of all others.
  if (name.toLowerCase() === '_charset_' && !UTF8_CHARSETS.has(text.toLowerCase()))
    return 'expected _charset_ to be utf-8';
  return fields.add(name, text, 'field');
}

function fileValue(filename: string, headers: Headers, contentBytes: number): ValueMap {
  const type = parseMediaType(headers.get('content-type') ?? '')?.essence ?? '';
  return new Map<string, string | bigint>([
    ['filename', filename],
    ['content_type', type],
    ['bytes', BigInt(contentBytes)],
  ]);
}
