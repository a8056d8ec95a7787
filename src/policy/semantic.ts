import type { Action } from '../model/action.ts';

const CATEGORIES: ReadonlyMap<string, readonly string[]> = new Map([
  ['destructive', ['delete', 'drop', 'remove', 'destroy', 'kill', 'terminate', 'truncate', 'purge']],
  ['data_exposure', ['export', 'download', 'share', 'send', 'email', 'upload', 'transfer', 'leak', 'expose']],
  ['privileged', ['admin', 'root', 'sudo', 'superuser', 'escalate', 'override', 'bypass']],
  ['financial', ['payment', 'transfer', 'refund', 'charge', 'invoice', 'billing', 'withdraw']],
  ['pii', ['name', 'email', 'phone', 'address', 'ssn', 'passport', 'credit_card', 'dob']],
]);

const STOP_WORDS: ReadonlySet<string> = new Set(['or', 'and', 'the', 'a', 'an', 'of', 'in', 'to', 'for', 'is', 'with']);

/** The words that a phrase looks for: its own without stop words, a category's name replaced by its words. */
export function phraseWords(phrase: string): ReadonlySet<string> {
  const words = new Set<string>();
  for (const word of wordsOf(phrase)) {
    const category = CATEGORIES.get(word);
    if (category !== undefined) for (const member of category) words.add(member);
    else if (!STOP_WORDS.has(word)) words.add(word);
  }
  return words;
}

/**
 * The words of an action: of its type, target, description, parameter names and top-level text values. A word with
 * underscores counts whole and in its parts.
 */
export function actionWords(action: Action): ReadonlySet<string> {
  const words = new Set<string>();
  const add = (text: string): void => {
    for (const word of wordsOf(text)) {
      words.add(word);
      if (word.includes('_')) for (const part of word.split('_')) words.add(part);
    }
  };
  add(action.type);
  add(action.target);
  add(action.description);
  for (const [name, value] of action.params) {
    add(name);
    if (typeof value === 'string') add(value);
  }
  return words;
}

/** True when the phrase and the action share a word. */
export function sharesWord(phrase: ReadonlySet<string>, action: ReadonlySet<string>): boolean {
  for (const word of phrase) if (action.has(word)) return true;
  return false;
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9_]+/gu) ?? [];
}
