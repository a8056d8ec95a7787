/** Strict percent-decoding (RFC 3986 section 2.1), for every place that has it. */
export type Decoded = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/u;

/** Decodes `%HH`. Every escape must have two hexadecimal digits, and the octets must be UTF-8 (no overlong forms). */
export function decodePercent(text: string): Decoded {
  if (!text.includes('%')) return { ok: true, text };
  if (BAD_ESCAPE.test(text)) return { ok: false, problem: 'expected two hexadecimal digits after every %' };
  try {
    return { ok: true, text: decodeURIComponent(text) };
  } catch {
    return { ok: false, problem: 'expected percent-encoded octets that are UTF-8' };
  }
}

/** Decodes a name or value of a form (WHATWG URL section 5.1): `+` is a space. */
export function decodeFormText(text: string): Decoded {
  return decodePercent(text.replaceAll('+', ' '));
}
