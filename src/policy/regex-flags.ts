import type { Scanner } from './regex-scanner.ts';
import { invalid, unsupported, type Flags } from './regex-syntax.ts';

/** `(?i)` for the whole pattern, or `(?i-s:` for a group; `flags` holds what changes. */
export interface FlagGroup {
  readonly kind: 'global' | 'scoped';
  readonly flags: Partial<Flags>;
}

const KNOWN = 'imsxauL';

/** Reads flags behind `(?`, up to and with `)` or `:`; null when no flags stand there. */
export function readFlags(scanner: Scanner): FlagGroup | null {
  if (scanner.next === null || (scanner.next !== '-' && !KNOWN.includes(scanner.next))) return null;
  const added = scanner.takeWhile(/^[a-zA-Z]$/u);
  checkKnown(added);
  checkAlphabet(added);
  if (scanner.take(')')) return { kind: 'global', flags: changes(added, true) };
  const removed = scanner.take('-') ? scanner.takeWhile(/^[a-zA-Z]$/u) : null;
  if (removed !== null) checkRemoved(added, removed);
  if (!scanner.take(':')) throw invalid('flags are not ended by : or )');
  return { kind: 'scoped', flags: { ...changes(added, true), ...changes(removed ?? '', false) } };
}

function checkKnown(flags: string): void {
  for (const flag of flags) {
    if (flag === 'L') throw invalid('the flag L is for bytes and not for text');
    if (!KNOWN.includes(flag)) throw invalid(`${JSON.stringify(flag)} is not a flag`);
    if (flag === 'x') throw unsupported('the flag x (spaces and comments in a pattern)');
  }
}

function checkAlphabet(flags: string): void {
  if (flags.includes('a') && flags.includes('u')) throw invalid('the flags a and u exclude one another');
}

function checkRemoved(added: string, removed: string): void {
  if (removed === '') throw invalid('no flag follows -');
  checkKnown(removed);
  for (const flag of removed) {
    if (flag === 'a' || flag === 'u') throw invalid(`the flag ${flag} cannot be turned off`);
    if (added.includes(flag)) throw invalid(`the flag ${flag} is turned on and off`);
  }
}

function changes(flags: string, on: boolean): Partial<Flags> {
  return {
    ...(flags.includes('i') ? { ignoreCase: on } : {}),
    ...(flags.includes('m') ? { multiLine: on } : {}),
    ...(flags.includes('s') ? { dotAll: on } : {}),
    ...(flags.includes('a') ? { ascii: true } : {}),
    ...(flags.includes('u') ? { ascii: false } : {}),
  };
}
