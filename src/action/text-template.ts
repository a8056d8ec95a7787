import { canonicalText } from '../model/canonical.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Value, ValueMap } from '../model/value.ts';
import { kindOf, scalarText } from './scalar.ts';
import { quote } from './spelling.ts';

/** A text with `{name}` for parameters: texts and names in turn. */
export interface TextTemplate {
  readonly pieces: readonly (string | { readonly name: string })[];
}

/** Types are what rules name; longer ones are no names any more. */
const MAX_TYPE_CHARS = 256;
/** A target is compared by rules and shown to approvers; the longest that real APIs need are URLs (8,000: RFC 9110). */
const MAX_TARGET_CHARS = 8_000;
/** A description is a sentence. */
const MAX_DESCRIPTION_CHARS = 1_000;

const PIECE = /\{(?<name>[A-Za-z_][A-Za-z0-9_-]{0,63})\}/gu;
const TYPE_VALUE = /^[A-Za-z0-9_.:-]+$/u;
const CONTROL = /\p{Cc}/u;

/** Reads a text with `{name}` in it; null when a brace belongs to no name. */
export function parseTextTemplate(text: string): TextTemplate | null {
  const pieces: (string | { readonly name: string })[] = [];
  let at = 0;
  for (const match of text.matchAll(PIECE)) {
    pieces.push(text.slice(at, match.index), { name: match.groups?.['name'] ?? '' });
    at = match.index + match[0].length;
  }
  pieces.push(text.slice(at));
  const stray = pieces.some((piece) => typeof piece === 'string' && /[{}]/u.test(piece));
  return stray ? null : { pieces };
}

/** The parameters that a text names. */
export function namesIn(template: TextTemplate): readonly string[] {
  return template.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.name]));
}

/** The type of an action. A value put into it may only be a plain name, so that an agent cannot write a type itself. */
export function renderType(template: TextTemplate, params: ValueMap): Outcome<string> {
  return renderStrictly('type', template, params, (part, text) => {
    if (!TYPE_VALUE.test(part)) return 'expected letters, digits, _, ., : and - only';
    return text.length > MAX_TYPE_CHARS ? `expected at most ${MAX_TYPE_CHARS} characters` : null;
  });
}

/** The target of an action: complete, never cut, without control characters. */
export function renderTarget(template: TextTemplate, params: ValueMap): Outcome<string> {
  return renderStrictly('target', template, params, (part, text) => {
    if (CONTROL.test(part)) return 'expected no control characters';
    return text.length > MAX_TARGET_CHARS ? `expected at most ${MAX_TARGET_CHARS} characters` : null;
  });
}

function renderStrictly(
  what: string,
  template: TextTemplate,
  params: ValueMap,
  problemOf: (part: string, text: string) => string | null,
): Outcome<string> {
  let text = '';
  for (const piece of template.pieces) {
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    const value = params.get(piece.name) ?? null;
    const part = scalarText(value);
    const problem =
      part === null ? `expected a text, a number or a boolean, found ${kindOf(value)}` : problemOf(part, text + part);
    if (part === null || problem !== null) {
      return failed('body-mismatch', `parameter ${quote(piece.name)} stands in the ${what} of the action: ${problem}`);
    }
    text += part;
  }
  return passed(text);
}

/** The description of an action; a missing parameter is empty, a long text is cut (parameters are shown whole beside it). */
export function renderDescription(template: TextTemplate, params: ValueMap): string {
  const text = template.pieces
    .map((piece) => (typeof piece === 'string' ? piece : shown(params.get(piece.name))))
    .join('');
  return text.length > MAX_DESCRIPTION_CHARS ? `${text.slice(0, MAX_DESCRIPTION_CHARS)}…` : text;
}

function shown(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return scalarText(value) ?? canonicalText(value);
}
