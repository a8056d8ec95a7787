/** An alphabet whose letters are taken for Latin ones. */
interface Alphabet {
  readonly name: string;
  readonly letter: RegExp;
  /** Its letters that are printed like a letter or digit of ASCII in usual fonts (after UTS 39, confusables). */
  readonly alike: RegExp;
  /** Whether nobody mixes it with Latin in one word, so that all its letters in such a word are marked. */
  readonly apart: boolean;
}

const ALPHABETS: readonly Alphabet[] = [
  {
    name: 'Cyrillic',
    letter: /\p{Script=Cyrillic}/u,
    alike: /[АВЕЅЗІЇЈКМНОРСТУХЬЧҮҺӀԌԚԜаеѕіїјорсухгьһүӏԁԍԛԝѵѡбҽѳ]/u,
    apart: true,
  },
  {
    name: 'Greek',
    letter: /\p{Script=Greek}/u,
    alike: /[ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϒϹͿαγιηκνορσυχωϲϳ]/u,
    apart: true,
  },
  { name: 'Armenian', letter: /\p{Script=Armenian}/u, alike: /[ՕՏՍԼՀհոսօցզքյղ]/u, apart: true },
  { name: 'Georgian', letter: /\p{Script=Georgian}/u, alike: /[ჿხყ]/u, apart: true },
  { name: 'Hebrew', letter: /\p{Script=Hebrew}/u, alike: /[וןסזטח]/u, apart: true },
  { name: 'Arabic', letter: /\p{Script=Arabic}/u, alike: /[اهوہە]/u, apart: true },
  {
    name: 'East Asian',
    letter: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u,
    alike: /[一丨丿丶亅乙〇口工卜匚ノニエロトㄱㄥㄧ]/u,
    apart: false,
  },
];

/** Scripts that hardly anybody reads and many of whose letters are printed like Latin ones; and single such letters. */
const ALWAYS =
  /[\p{Script=Cherokee}\p{Script=Lisu}\p{Script=Coptic}\p{Script=Deseret}\p{Script=Old_Italic}\p{Script=Gothic}\p{Script=Carian}\p{Script=Lycian}\p{Script=Lydian}\p{Script=Elbasan}\p{Script=Osage}\p{Script=Warang_Citi}\p{Script=Medefaidrin}\p{Script=Canadian_Aboriginal}\p{Script=Runic}\p{Script=Ogham}\p{Script=Vai}\p{Script=Tifinagh}\u0D20\u0B20\u101D]/u;
const LATIN = /[\p{Script=Latin}&&\p{L}]/v;
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;

/**
 * The positions (UTF-16 offsets) of letters that pose as others, with the name of their alphabet: those of another
 * alphabet in a word with Latin letters, and those printed like Latin in a word that nothing else gives away.
 */
export function lookAlikes(text: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const match of text.matchAll(WORD)) markWord(match[0], match.index, found);
  return found;
}

function markWord(word: string, start: number, found: Map<number, string>): void {
  const present = ALPHABETS.filter(({ letter }) => letter.test(word));
  if (present.length === 0 && !ALWAYS.test(word)) return;
  const latin = LATIN.test(word);
  const mixed = latin || present.filter(({ apart }) => apart).length > 1;
  const posing = new Map(present.map((alphabet) => [alphabet, poses(alphabet, word, { latin, mixed })]));
  let offset = start;
  for (const character of word) {
    const alphabet = present.find(({ letter }) => letter.test(character));
    if (alphabet !== undefined && posing.get(alphabet)?.test(character) === true) found.set(offset, alphabet.name);
    else if (ALWAYS.test(character)) found.set(offset, '');
    offset += character.length;
  }
}

/** Which letters of an alphabet are marked in a word; null for none. */
function poses(
  alphabet: Alphabet,
  word: string,
  has: { readonly latin: boolean; readonly mixed: boolean },
): RegExp | null {
  if (has.mixed && alphabet.apart) return alphabet.letter;
  const givenAway = Array.from(word).some(
    (character) => alphabet.letter.test(character) && !alphabet.alike.test(character),
  );
  return has.latin || !givenAway ? alphabet.alike : null;
}
