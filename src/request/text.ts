/** It keeps nothing from one text to the next. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as UTF-8 text, a byte order mark kept as a character; null when they are not UTF-8. */
export function strictText(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/** A control character other than tab, line feed and carriage return. */
const BINARY_CONTROL = /[^\P{Cc}\t\n\r]/u;

/** True when every byte belongs to legible UTF-8 text. Compressed data of any useful length never does. */
export function isText(bytes: Uint8Array): boolean {
  const text = strictText(bytes);
  return text !== null && !BINARY_CONTROL.test(text);
}

/** Control characters of any kind. */
export const ANY_CONTROL = /\p{Cc}/u;
