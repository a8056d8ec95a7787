import { failed, passed, type Outcome } from '../model/fault.ts';
import type { ValueMap } from '../model/value.ts';
import { FieldList, MAX_FIELDS } from './field-list.ts';
import { decodeFormText } from './percent.ts';
import { ANY_CONTROL, strictText } from './text.ts';

/**
 * Reads an application/x-www-form-urlencoded body (WHATWG URL section 5.1) strictly: UTF-8, well-formed escapes, no raw
 * control characters, no NUL even when encoded, no `;` (a second separator to some servers), no two names that servers
 * read as one. Empty pairs are passed over, as every server does. Faults: malformed-body, body-too-complex.
 */
export function readForm(bytes: Uint8Array): Outcome<ValueMap> {
  const text = strictText(bytes);
  if (text === null) return malformed('expected UTF-8');
  if (ANY_CONTROL.test(text)) return malformed('expected no raw control characters, such as line ends');
  if (text.includes(';')) return malformed('expected no ; where some servers split fields; write it as %3B');
  const pairs = text.split('&', MAX_FIELDS + 1);
  if (pairs.length > MAX_FIELDS) return failed('body-too-complex', `expected at most ${MAX_FIELDS} form fields`);
  const fields = new FieldList();
  for (const pair of pairs) {
    const problem = pair === '' ? null : addPair(pair, fields);
    if (problem !== null) return malformed(problem);
  }
  return passed(fields.toMap());
}

function addPair(pair: string, fields: FieldList): string | null {
  const equals = pair.indexOf('=');
  const name = decodeFormText(equals === -1 ? pair : pair.slice(0, equals));
  const value = decodeFormText(equals === -1 ? '' : pair.slice(equals + 1));
  if (!name.ok) return name.problem;
  if (!value.ok) return value.problem;
  if (value.text.includes('\0')) return 'expected no NUL';
  return fields.add(name.text, value.text, 'field');
}

function malformed(problem: string): Outcome<never> {
  return failed('malformed-body', `the form is malformed: ${problem}`);
}
