/**
 * A text as a forgiving reader would take it: white space at the ends and letter case ignored. Upper case first, since
 * some letters (the long s, the Kelvin sign) only meet there; Go's JSON reader takes those for `s` and `k`.
 */
export function fold(text: string): string {
  return text.trim().toUpperCase().toLowerCase();
}

/** How much of a value of a request an answer may repeat. */
const MAX_QUOTED_CHARS = 60;

/** A text in quotes, control characters escaped and long ones cut, for a sentence. */
export function quote(text: string): string {
  const shown = text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text;
  return JSON.stringify(shown);
}
