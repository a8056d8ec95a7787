/**
 * True when a forgiving reader would find JSON in bytes that are not JSON: behind a byte order mark, in UTF-16 or
 * UTF-32 (Python's reader detects both), with broken UTF-8 inside (Go's replaces it), with half a surrogate pair, or
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
  return texts.map((text) => text.trimStart());
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
  if (text[0] !== '{' && text[0] !== '[') return false;
  if (opensObject(text)) return true;
  const end = endOfFirstValue(text);
  return end !== -1 && hasContent(text.slice(0, end));
}

/** True for text that starts with an object and its first name, within lists or not: nothing but JSON does. */
function opensObject(text: string): boolean {
  const brace = skip(text, 0, ' \t\r\n[');
  if (text[brace] !== '{') return false;
  const quote = skip(text, brace + 1, ' \t\r\n');
  if (text[quote] !== '"') return false;
  return text[skip(text, endOfString(text, quote), ' \t\r\n')] === ':';
}

function skip(text: string, start: number, characters: string): number {
  let at = start;
  while (at < text.length && characters.includes(text.charAt(at))) at += 1;
  return at;
}

/** Where the string that starts at `start` ends, its quote included; the end of the text when it is not closed. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

/** Where the first bracket of the text is closed, or -1. */
function endOfFirstValue(text: string): number {
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return -1;
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
