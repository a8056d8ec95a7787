/**
 * Which characters may be shown as they are. What a terminal obeys (controls), what cannot be seen (zero-width, unusual
 * spaces, fillers), what moves other text (bidirectional controls) and what is another spelling of the same picture
 * (compatibility forms, decomposed letters) may not.
 */

/** Controls, formats, surrogates without a partner, private use, unassigned (general category C). */
const OTHER = /\p{C}/u;
/** Zero-width joiners, variation selectors, tag characters, fillers (UAX 44: Default_Ignorable_Code_Point). */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/u;
/** Every space and line separator but U+0020. */
const SEPARATOR = /\p{Z}/u;
/** U+2800 is printed as nothing; U+FFFC and U+FFFD stand for something that is not there. */
const BLANK = /[\u2800\uFFFC\uFFFD]/u;
/** Hangul letters that join with their neighbours into another syllable. */
const CONJOINING = /[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7FB]/u;
/** Punctuation and signs that are printed like one of ASCII's. */
const ASCII_SIGN_ALIKE =
  /[\u02B9-\u02BC\u02C8\u02D0\u02D1\u02D7\u02F8\u0589\u05C3\u066A-\u066C\u2010-\u2012\u201A\u2027\u2032\u2043\u2044\u204E\u2212\u2215-\u2217\u2223\u2236\u223C\u2571-\u2573\u29F5\u29F8\u29F9\uA789]/u;
const NEVER = [OTHER, IGNORABLE, SEPARATOR, BLANK, CONJOINING, ASCII_SIGN_ALIKE];
/** Latin letters of phonetics and small capitals; those that are a letter with an accent decompose and are told by it. */
const UNUSUAL_LATIN = /[\u0131\u0138\u0180-\u02AF\u1D00-\u1DBF\u2C60-\u2C7F\uA720-\uA7FF\uAB30-\uAB6F]/u;
/** Marks that strike out or enclose what they follow: they change what is read. */
const OVERLAY = /[\u0334-\u0338\u20D2-\u20D3\u20D8-\u20DA\u20E5-\u20E6\u20EA-\u20EB\p{Me}]/u;
/** Thai and Lao AM: compatibility forms that everybody types. */
const USUAL_COMPATIBILITY = /[\u0E33\u0EB3]/u;
/** Full-width punctuation belongs to Chinese and Japanese text, and is an imitation beside anything else. */
const FULLWIDTH_PUNCTUATION = /[\uFF01\uFF08\uFF09\uFF0C\uFF1A\uFF1B\uFF1F]/u;
const EAST_ASIAN = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}]/u;
const MARK = /\p{M}/u;
/** Strong right-to-left scripts: everything printed after them on the line may move (UAX 9). */
const RIGHT_TO_LEFT = /[[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]--\p{C}]/v;
const LEFT_TO_RIGHT =
  /[0-9\p{Lu}\p{Ll}\p{Lt}\p{scx=Deva}\p{scx=Beng}\p{scx=Thai}\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}]/u;

/** Scripts whose own digits are plain beside their letters, and not to be taken for others without them. */
const DIGIT_SCRIPTS = [
  'Arab',
  'Deva',
  'Beng',
  'Guru',
  'Gujr',
  'Orya',
  'Taml',
  'Telu',
  'Knda',
  'Mlym',
  'Thai',
  'Laoo',
  'Mymr',
  'Khmr',
];

interface Digits {
  readonly digit: RegExp;
  readonly letter: RegExp;
}

let madeDigits: readonly Digits[] | null = null;

/** Made when the first text has such digits: reading these expressions takes milliseconds, and few texts do. */
function digitsOfScripts(): readonly Digits[] {
  madeDigits ??= DIGIT_SCRIPTS.map((script) => ({
    digit: new RegExp(`[\\p{Nd}&&\\p{scx=${script}}]`, 'v'),
    letter: new RegExp(`[\\p{L}&&\\p{sc=${script}}]`, 'v'),
  }));
  return madeDigits;
}
const FOREIGN_DIGIT = /[\p{Nd}--[0-9]]/v;

/** More marks than this on one letter are there to paint over the lines around it; no living language needs more. */
const MAX_MARKS = 3;

export function isMark(character: string): boolean {
  return MARK.test(character);
}

export function isRightToLeft(text: string): boolean {
  return RIGHT_TO_LEFT.test(text);
}

/** Whether the text runs in both directions, so that its parts may be printed in another order than they have. */
export function isTwoWay(text: string): boolean {
  return RIGHT_TO_LEFT.test(text) && LEFT_TO_RIGHT.test(text);
}

/** Whether a character that is no combining mark may be shown; `before` is the one before it. */
export function isPlain(character: string, before: string): boolean {
  if (character >= ' ' && character <= '~') return character !== '\\';
  if (NEVER.some((characters) => characters.test(character))) return false;
  if (UNUSUAL_LATIN.test(character) && character.normalize('NFD') === character) return false;
  if (USUAL_COMPATIBILITY.test(character)) return true;
  if (FULLWIDTH_PUNCTUATION.test(character)) return EAST_ASIAN.test(before);
  return character.normalize('NFKC') === character;
}

/** How many of the marks after a character may be shown: all or the first few, none where the pair has a shorter spelling. */
export function plainMarks(base: string, marks: readonly string[]): number {
  const cluster = base + marks.join('');
  if (base === '' || base === ' ' || cluster.normalize('NFC') !== cluster) return 0;
  const bad = marks.findIndex((mark) => OVERLAY.test(mark) || IGNORABLE.test(mark) || mark.normalize('NFKC') !== mark);
  return Math.min(bad === -1 ? marks.length : bad, MAX_MARKS);
}

/**
 * Tells digits of other scripts that stand in a text without a letter of their script: ৪ (four) is read as 8. The text
 * is read once, however many digits it has.
 */
export function strayDigitsOf(text: string): (character: string) => boolean {
  if (!FOREIGN_DIGIT.test(text)) return () => false;
  const atHome = digitsOfScripts().filter(({ letter }) => letter.test(text));
  return (character) => FOREIGN_DIGIT.test(character) && !atHome.some(({ digit }) => digit.test(character));
}
