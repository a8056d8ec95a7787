import { decodeLeniently, redactText, type TextRules } from './secret-text.ts';

/**
 * Redacts a URL or request target: user information, path segments, and query parameters by name and by form. What is
 * not secret stays exactly as sent.
 */
export function redactUrl(url: string, rules: TextRules): string {
  const mark = url.indexOf('?');
  const front = redactText(mark === -1 ? url : url.slice(0, mark), rules);
  if (mark === -1) return front;
  const pairs = url.slice(mark + 1).split('&');
  return `${front}?${pairs.map((pair) => redactPair(pair, rules)).join('&')}`;
}

function redactPair(pair: string, rules: TextRules): string {
  const equals = pair.indexOf('=');
  if (equals === -1) return redactText(pair, rules);
  const name = pair.slice(0, equals);
  const value = pair.slice(equals + 1);
  const decodedName = decodeLeniently(name.replaceAll('+', ' '));
  const shownName = redactText(name, rules);
  if (value === '') return `${shownName}=`;
  const decoded = decodeLeniently(value.replaceAll('+', ' '));
  if (rules.isSecret(decodedName, decoded)) return `${shownName}=${rules.mark(decoded)}`;
  const shown = redactText(decoded, rules);
  return `${shownName}=${shown === decoded ? value : shown}`;
}
