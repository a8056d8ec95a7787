/** What a character can be a part of. */
const HARMLESS = 1;
const WORD = 2;
const RUN = 4;
const DIGIT = 8;
/** Characters at which to look around. */
const TURN = 16;

/** The classes of the characters of ASCII. */
const CLASSES = classes();

/**
 * Letters, digits and punctuation of ASCII are harmless. Left out are the characters that begin or join something to be
 * looked into: `:` and `=` between a name and its value, `%` of an escape, `{` and `[` of JSON and of marks.
 */
function classes(): Uint8Array {
  const table = new Uint8Array(128);
  const patterns: readonly (readonly [RegExp, number])[] = [
    [/[ !"#$&'()*+,\-./0-9;<>?@A-Z\\\]^_`a-z|}~]/, HARMLESS],
    [/\w/, WORD],
    [/[\w.+/~-]/, RUN],
    [/\d/, DIGIT],
    [/[ \-Bb]/, TURN],
  ];
  for (const [pattern, bit] of patterns) {
    for (let code = 0; code < table.length; code += 1) {
      if (pattern.test(String.fromCharCode(code))) table[code] = (table[code] ?? 0) | bit;
    }
  }
  return table;
}

/** As long as the shortest secret that is told by its form. */
const TELLING_RUN = 14;
/** The digits of the first group of a card number. */
const GROUP_DIGITS = 4;
const SPACE = 0x20;
const HYPHEN = 0x2d;

/**
 * True for short words of ASCII without any sign that something in them has a name or a form: most texts of most
 * requests. No search of this folder finds anything in such a text, so that none needs to be made. One pass over the
 * characters, since every text of every request comes by here.
 */
export function isPlain(text: string): boolean {
  let run = 0;
  for (let at = 0; at < text.length; at += 1) {
    const kind = classAt(text, at);
    run = (kind & RUN) === 0 ? 0 : run + 1;
    if ((kind & HARMLESS) === 0 || run === TELLING_RUN) return false;
    if ((kind & TURN) !== 0 && isTelling(text, at)) return false;
  }
  return true;
}

/** Beyond the table there is no class, nor is there one before the text. */
function classAt(text: string, at: number): number {
  return CLASSES[text.charCodeAt(at)] ?? 0;
}

/**
 * Whether a harmless character needs a closer look for what stands around it: a hyphen that joins no two parts of a word
 * (`--flag`, `-----BEGIN`), the end of the first group of a card number, and the schemes whose credentials are told by
 * the word before them.
 */
function isTelling(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const before = classAt(text, at - 1);
  if (code === HYPHEN && (before & WORD) === 0) return true;
  if (code !== HYPHEN && code !== SPACE) return startsScheme(text, at);
  return (before & DIGIT) !== 0 && digitsBefore(text, at) === GROUP_DIGITS;
}

function startsScheme(text: string, at: number): boolean {
  const second = text.charCodeAt(at + 1) | 0x20;
  if (second !== LETTER_A && second !== LETTER_E) return false;
  return /^(?:bearer|basic)/i.test(text.slice(at, at + 'bearer'.length));
}
const LETTER_A = 0x61;
const LETTER_E = 0x65;

/** How many digits stand before a place, counted no further than a group. */
function digitsBefore(text: string, at: number): number {
  let digits = 0;
  while (digits < GROUP_DIGITS && (classAt(text, at - 1 - digits) & DIGIT) !== 0) digits += 1;
  return digits;
}
