import { failed, passed, type Outcome } from '../model/fault.ts';
import { trimSpace } from './fields.ts';

/** A media type with its parameters (RFC 9110 section 8.3.1); type and parameter names in lower case. */
export interface MediaType {
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** How a body is opened for judgement. */
type BodyShape = 'json' | 'form' | 'multipart' | 'other';

const TYPE = /^[!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+$/u;
/** A token, or a quoted string without the escapes that parsers read differently. */
const PARAMETER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"([\t !#-[\]-~]*)")$/u;
/** RFC 2046 section 5.1.1, without the space, which lenient parsers trim. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=?-]{1,70}$/u;

export const UTF8_CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);
/** Charsets in which ASCII means ASCII. In others (utf-16, utf-7) a lenient server finds JSON where there was none. */
const ASCII_SUPERSET = /^(?:utf-?8|us-ascii|ascii|iso-8859-(?:[1-9]|1[013-6])|latin1|windows-125[0-8]|koi8-[ru])$/u;

/** Reads a Content-Type strictly: one type, no repeated parameter, nothing after it. Null when it is not one. */
export function parseMediaType(value: string): MediaType | null {
  const [type = '', ...rest] = splitParameters(value);
  const essence = type.toLowerCase();
  const parameters = readParameters(rest);
  return TYPE.test(essence) && parameters !== null ? { essence, parameters } : null;
}

/** Reads `name=value` parts; an empty one is allowed (RFC 9110 section 5.6.6). Null for a bad or repeated one. */
function readParameters(parts: readonly string[]): ReadonlyMap<string, string> | null {
  const parameters = new Map<string, string>();
  for (const part of parts.filter((text) => text !== '')) {
    const [, name = '', token, quoted = ''] = PARAMETER.exec(part) ?? [];
    const key = name.toLowerCase();
    if (key === '' || parameters.has(key)) return null;
    parameters.set(key, token ?? quoted);
  }
  return parameters;
}

/** Splits at `;` outside quotes. */
export function splitParameters(value: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at <= value.length; at += 1) {
    const character = value[at];
    if (character === '"') quoted = !quoted;
    if (at < value.length && (quoted || character !== ';')) continue;
    parts.push(trimSpace(value.slice(start, at)));
    start = at + 1;
  }
  return parts;
}

/** How a body of this type is opened; null is a body without Content-Type. */
export function shapeOf(essence: string | null): BodyShape {
  if (essence === null) return 'other';
  // Not only the one registered type: formidable reads any `urlencoded` as a form, Rack multipart/mixed as form-data.
  if (essence.includes('urlencoded')) return 'form';
  if (essence.startsWith('multipart/')) return 'multipart';
  if (essence.endsWith('+json') || JSON_TYPES.has(essence)) return 'json';
  return 'other';
}
const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json-rpc',
  'application/x-json',
  'text/json',
  'text/x-json',
]);

/**
 * Reads the Content-Type field; null where there is none. The charset must be one in which the judge and every server
 * read the same text, and a multipart boundary must be one that no parser cuts short. Faults: bad-header,
 * unsupported-encoding.
 */
export function readContentType(value: string | null): Outcome<MediaType | null> {
  if (value === null) return passed(null);
  const media = parseMediaType(value);
  if (media === null)
    return failed('bad-header', 'expected Content-Type to be one media type (RFC 9110 section 8.3.1)');
  const shape = shapeOf(media.essence);
  const charset = (media.parameters.get('charset') ?? 'utf-8').toLowerCase();
  const known = shape === 'other' ? ASCII_SUPERSET.test(charset) : UTF8_CHARSETS.has(charset);
  if (!known) return failed('unsupported-encoding', 'expected charset utf-8 or none');
  if (shape === 'multipart') {
    const problem = boundaryProblem(media);
    if (problem !== null) return failed('bad-header', problem);
  }
  return passed(media);
}

function boundaryProblem({ essence, parameters }: MediaType): string | null {
  if (!BOUNDARY.test(parameters.get('boundary') ?? '')) {
    return 'expected a multipart boundary of 1 to 70 characters (RFC 2046 section 5.1.1), without spaces';
  }
  // PHP takes the first text "boundary" it finds in the field, be it part of another parameter.
  const strict = essence === 'multipart/form-data';
  const hides = [...parameters].some(([name, value]) => {
    return name !== 'boundary' && name !== 'charset' && (strict || /boundary/iu.test(`${name} ${value}`));
  });
  return hides ? 'expected no other parameter beside the boundary of a multipart type' : null;
}
