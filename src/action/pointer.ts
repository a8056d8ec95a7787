import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import { fold, quote } from './spelling.ts';

/** A JSON pointer (RFC 6901), parsed. */
export interface Pointer {
  readonly text: string;
  readonly tokens: readonly string[];
}

const INDEX = /^(?:0|[1-9]\d{0,8})$/u;

/** Parses a JSON pointer; null when the text is none. */
export function parsePointer(text: string): Pointer | null {
  if (text === '') return { text, tokens: [] };
  if (!text.startsWith('/') || /~(?![01])/u.test(text)) return null;
  const tokens = text.slice(1).split('/');
  return { text, tokens: tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')) };
}

/** The pointer to a value at the top of a body. */
export function topLevelPointer(name: string): Pointer {
  return { text: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, tokens: [name] };
}

/**
 * The value that a pointer names; undefined when there is none. Fault `ambiguous-action`: a key on the way stands
 * beside one that differs only in letter case, which readers take differently.
 */
export function resolvePointer(root: Value, pointer: Pointer): Outcome<Value | undefined> {
  let value: Value | undefined = root;
  for (const token of pointer.tokens) {
    if (value === undefined) break;
    if (isMap(value)) {
      const rival = rivalOf(token, value.keys());
      if (rival !== null) return rivalFault(token, rival);
      value = value.get(token);
    } else {
      value = isList(value) && INDEX.test(token) ? value[Number(token)] : undefined;
    }
  }
  return passed(value);
}

/** The name of the form field that a pointer names: `/a/b/0` is `a[b][0]`. */
export function fieldName(pointer: Pointer): string {
  const [first = '', ...rest] = pointer.tokens;
  return [first, ...rest.map((token) => `[${token}]`)].join('');
}

/** All values of a form field or query parameter. */
export function resolveField(fields: ValueMap, name: string): Outcome<readonly Value[]> {
  const rival = rivalOf(name, fields.keys(), true);
  if (rival !== null) return rivalFault(name, rival);
  const value = fields.get(name);
  if (value === undefined) return passed([]);
  return passed(isList(value) ? value : [value]);
}

/** Another name that a forgiving reader would take for this one; with `bracketed`, `name[...]` too. */
function rivalOf(name: string, names: Iterable<string>, bracketed = false): string | null {
  const folded = fold(name);
  for (const other of names) {
    if (other === name || cannotRival(name, other, bracketed)) continue;
    const near = fold(other);
    if (near === folded || (bracketed && near.startsWith(`${folded}[`))) return other;
  }
  return null;
}

/** A quick no for most names: folding plain ASCII keeps its length. Bodies can have many names. */
function cannotRival(name: string, other: string, bracketed: boolean): boolean {
  if (other.length === name.length || (bracketed && other.length > name.length)) return false;
  return PLAIN.test(other) && PLAIN.test(name);
}
const PLAIN = /^[!-~]*$/u;

function rivalFault(name: string, rival: string): Outcome<never> {
  return failed('ambiguous-action', `the action map reads ${quote(name)}, and the request also has ${quote(rival)}`);
}
