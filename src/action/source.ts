import { canonicalText } from '../model/canonical.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isList, type Value } from '../model/value.ts';
import type { Content, RequestFacts } from './facts.ts';
import { fieldName, resolveField, resolvePointer, type Pointer } from './pointer.ts';
import { convert, kindOf, scalarText } from './scalar.ts';
import type { Conversion } from './schema.ts';
import { quote } from './spelling.ts';

/** Where a value comes from. */
export type Place =
  | { readonly kind: 'path'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'body'; readonly pointer: Pointer }
  | { readonly kind: 'argument'; readonly name: string; readonly pointer: Pointer }
  | { readonly kind: 'item'; readonly pointer: Pointer }
  | { readonly kind: 'length'; readonly pointer: Pointer }
  | { readonly kind: 'value'; readonly value: Value };

export interface Source {
  readonly place: Place;
  readonly as: Conversion | null;
}

/** What sources are read from. */
export interface Reading {
  readonly facts: RequestFacts;
  readonly content: Content;
  readonly captures: ReadonlyMap<string, string>;
  /** The item of an entry with `each`; undefined elsewhere. */
  readonly item: Value | undefined;
}

/** The values at a place. `textual`: it carries texts only, and a repeated name makes several of them. */
export interface Found {
  readonly values: readonly Value[];
  readonly textual: boolean;
}

const NOTHING: Found = { values: [], textual: false };

/** True for a place whose value is in the body, or may be. */
export function isInBody(place: Place): boolean {
  return place.kind === 'body' || place.kind === 'argument' || place.kind === 'item' || place.kind === 'length';
}

/**
 * Reads a parameter from the first of its sources that has it; undefined when none has. Faults: `ambiguous-action` when
 * it has more than one value, `body-mismatch` when it cannot be read.
 */
export function readParam(name: string, sources: readonly Source[], reading: Reading): Outcome<Value | undefined> {
  let value: Value | undefined;
  for (const source of sources) {
    const read = readSource(name, source, reading);
    if (!read.ok) return read;
    if (read.value === undefined) continue;
    if (value !== undefined && canonicalText(value) !== canonicalText(read.value)) return severalValues(name);
    value ??= read.value;
  }
  return passed(value);
}

function readSource(name: string, { place, as }: Source, reading: Reading): Outcome<Value | undefined> {
  const found =
    place.kind === 'argument' ? readArgument(name, place, reading, as) : locate(place, reading, as === 'list');
  if (!found.ok) return found;
  const { values } = found.value;
  const [first] = values;
  if (first === undefined) return passed(undefined);
  if (found.value.textual && as === 'list') return passed(values);
  if (values.length > 1) return severalValues(name);
  return as === null ? passed(first) : convert(first, as, name);
}

/** An argument may be in the query or in the body; where it is in both, both have to say the same. */
function readArgument(
  name: string,
  place: Extract<Place, { kind: 'argument' }>,
  reading: Reading,
  as: Conversion | null,
): Outcome<Found> {
  const inQuery = locate({ kind: 'query', name: place.name }, reading, as === 'list');
  if (!inQuery.ok) return inQuery;
  const inBody = locate({ kind: 'body', pointer: place.pointer }, reading, as === 'list');
  if (!inBody.ok) return inBody;
  if (inBody.value.values.length === 0) return inQuery;
  if (inQuery.value.values.length === 0 || sameTexts(inQuery.value.values, inBody.value.values)) return inBody;
  return severalValues(name);
}

function sameTexts(left: readonly Value[], right: readonly Value[]): boolean {
  return (
    left.length === right.length && left.every((value, index) => scalarText(value) === scalarText(right[index] ?? null))
  );
}

function severalValues(name: string): Outcome<never> {
  return failed('ambiguous-action', `${quote(name)} has more than one value; the action map reads one`);
}

/** The values at a place, as they are. Faults: `ambiguous-action`, `body-mismatch`. */
export function locate(place: Place, reading: Reading, list = false): Outcome<Found> {
  switch (place.kind) {
    case 'path':
      return passed(textual([reading.captures.get(place.name)]));
    case 'query':
      return locateField(reading.facts.query, place.name, list);
    case 'header':
      return locateHeader(reading.facts.headers, place.name);
    case 'value':
      return passed({ values: [place.value], textual: false });
    case 'argument':
      return readArgument(place.name, place, reading, list ? 'list' : null);
    default:
      return locateInContent(place, reading, list);
  }
}

/** Servers that fold names as CGI does take `X_Target` for `X-Target`; the request stage lets one of the two in. */
function locateHeader(headers: ReadonlyMap<string, readonly string[]>, name: string): Outcome<Found> {
  const values = headers.get(name);
  if (values !== undefined) return passed(textual(values));
  const folded = foldedHeader(name);
  const rival = [...headers.keys()].find((other) => foldedHeader(other) === folded);
  if (rival === undefined) return passed(NOTHING);
  return failed('ambiguous-action', `the action map reads header ${quote(name)}, and the request has ${quote(rival)}`);
}

function foldedHeader(name: string): string {
  return name.replaceAll(/[^a-z0-9]/gu, '-');
}

function textual(values: readonly (string | undefined)[]): Found {
  return { values: values.filter((value) => value !== undefined), textual: true };
}

function locateInContent(
  place: Extract<Place, { kind: 'body' | 'item' | 'length' }>,
  { content, item }: Reading,
  list: boolean,
): Outcome<Found> {
  switch (place.kind) {
    case 'body':
      return locateInBody(place.pointer, content, list);
    case 'item':
      return item === undefined ? passed(NOTHING) : locateInValue(item, place.pointer);
    case 'length':
      return locateLength(place.pointer, content);
    default:
      return place satisfies never;
  }
}

function locateInBody(pointer: Pointer, content: Content, list: boolean): Outcome<Found> {
  switch (content.kind) {
    case 'absent':
      return passed(NOTHING);
    case 'unreadable':
      return failed('body-mismatch', `${content.why}, and the action map reads ${quote(pointer.text)} from it`);
    case 'json':
      return locateInValue(content.value, pointer);
    case 'form':
      return locateField(content.fields, fieldName(pointer), list);
    default:
      return content satisfies never;
  }
}

function locateInValue(root: Value, pointer: Pointer): Outcome<Found> {
  const value = resolvePointer(root, pointer);
  if (!value.ok) return value;
  return passed(value.value === undefined ? NOTHING : { values: [value.value], textual: false });
}

function locateField(fields: ReadonlyMap<string, Value>, name: string, list: boolean): Outcome<Found> {
  const bracketed = `${name}[]`;
  const field = list && !fields.has(name) && fields.has(bracketed) ? bracketed : name;
  const values = resolveField(fields, field);
  return values.ok ? passed({ values: values.value, textual: true }) : values;
}

function locateLength(pointer: Pointer, content: Content): Outcome<Found> {
  const found = locateInBody(pointer, content, true);
  if (!found.ok) return found;
  const { values } = found.value;
  const [first] = values;
  if (first === undefined || first === null) return passed(NOTHING);
  if (found.value.textual) return passed({ values: [BigInt(values.length)], textual: false });
  if (isList(first)) return passed({ values: [BigInt(first.length)], textual: false });
  return failed('body-mismatch', `expected a list at ${quote(pointer.text)}, found ${kindOf(first)}`);
}
