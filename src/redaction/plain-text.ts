/**
 * Letters, digits and punctuation of ASCII. Left out are the characters that begin or join something to be looked into:
 * `:` and `=` between a name and its value, `%` of an escape, `{` and `[` of JSON and of marks.
 */
const HARMLESS = /^[ !"#$&'()*+,\-./0-9;<>?@A-Z\\\]^_`a-z|}~]*$/;

/**
 * What among those characters needs a closer look all the same: a run as long as the shortest secret that is told by its
 * form, a hyphen that joins no two parts of a word (`--flag`, `-----BEGIN`), the first group of a card number, and the
 * schemes whose credentials are told by the word before them.
 */
const TELLING = /[\w.+/~-]{14}|(?<!\w)-|\d{4}[ -]|[Bb][Ee][Aa][Rr][Ee][Rr]|[Bb][Aa][Ss][Ii][Cc]/;

/**
 * True for short words of ASCII without any sign that something in them has a name or a form: most texts of most
 * requests. No search of this folder finds anything in such a text, so that none needs to be made.
 */
export function isPlain(text: string): boolean {
  return HARMLESS.test(text) && !TELLING.test(text);
}
