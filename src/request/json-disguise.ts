import { looseJson } from './loose-json.ts';

const OPEN_LIST = 0x5b;
const OPEN_MAP = 0x7b;
/** What starts a comment (`/`, `#`) or the guard `)]}'` that readers such as Gson skip. */
const LEAD_INS: ReadonlySet<number> = new Set([0x23, 0x29, 0x2f]);
/** What .NET and others take for white space, and control characters. */
const WIDE_FILLER = /^[\s\p{Cc}\ufeff]*/u;

/**
 * True for bytes that may be the first ones of JSON as some reader takes it: nothing but filler and what readers skip
 * stands before a bracket, or there is nothing but filler yet.
 */
export function mayStartJson(bytes: Uint8Array): boolean {
  const at = bytes.findIndex((byte) => !isFiller(byte));
  const first = at === -1 ? undefined : bytes[at];
  if (first === undefined || first === OPEN_MAP || first === OPEN_LIST || LEAD_INS.has(first)) return true;
  if (first < 0x80) return false;
  // A character that is cut off here does not decide yet: with `stream`, the decoder keeps it to itself.
  const rest = new TextDecoder('utf-8').decode(bytes.subarray(at), { stream: true }).replace(WIDE_FILLER, '');
  return rest === '' || /^[[{/#)]/u.test(rest);
}

/** White space, control characters and the bytes of byte order marks: what may stand before JSON in any encoding. */
function isFiller(byte: number): boolean {
  return byte <= 0x20 || [0xef, 0xbb, 0xbf, 0xfe, 0xff].includes(byte);
}

/**
 * True when a forgiving reader would find JSON in bytes that are not JSON: behind a byte order mark, a comment or wide
 * white space, in UTF-16 or UTF-32 (Python's reader detects both), with broken UTF-8 inside (Go's replaces it), with half
 * a surrogate pair, with comments (Ruby, .NET), single quotes or bare names (.NET), NaN (Python) or a comma too many, or
 * with more text after it (Go's decoder stops at the end of the first value).
 */
export function disguisedJson(bytes: Uint8Array): boolean {
  return readings(bytes).some(readsAsJson);
}

function readings(bytes: Uint8Array): readonly string[] {
  const texts = [new TextDecoder('utf-8').decode(bytes)];
  const wide = bytes.subarray(0, 4).some((byte) => byte === 0 || byte >= 0xfe);
  if (wide) {
    texts.push(new TextDecoder('utf-16le').decode(bytes), new TextDecoder('utf-16be').decode(bytes));
    texts.push(decodeUtf32(bytes, true), decodeUtf32(bytes, false));
  }
  return texts;
}

/** Stops at the first unit that is no character. */
function decodeUtf32(bytes: Uint8Array, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 4 <= view.byteLength; at += 4) {
    const unit = view.getUint32(at, littleEndian);
    if (unit > 0x10_ff_ff) break;
    if (at > 0 || unit !== 0xfe_ff) parts.push(String.fromCodePoint(unit));
  }
  return parts.join('');
}

function readsAsJson(text: string): boolean {
  const loose = looseJson(text);
  if (loose.opensObject) return true;
  return loose.first !== null && hasContent(loose.first);
}

/** True for JSON that carries any value; `[ ]` at the start of a to-do list carries none. */
function hasContent(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  } catch {
    return false;
  }
}
