import { suggestion } from '../document/mistake.ts';
import { expectedOf, isHeaderName } from './compile-conditions.ts';
import type { Param } from './entry.ts';
import { parsePointer, topLevelPointer, type Pointer } from './pointer.ts';
import { headerProblem, pointerProblem, type Report } from './report.ts';
import type { EntryFile, SourceFile } from './schema.ts';
import type { Place, Source } from './source.ts';

const KINDS = ['path', 'query', 'header', 'body', 'argument', 'item', 'length', 'value'] as const;

/** What parameters can refer to. */
export interface Given {
  readonly captures: readonly string[];
  readonly each: Pointer | null;
}

/** Compiles the parameters of an entry. */
export function compileParams(source: EntryFile, given: Given, report: Report): readonly Param[] {
  return Object.entries(source.params ?? {}).map(([name, written]) => {
    const several = Array.isArray(written);
    const sources = (several ? written : [written]).flatMap((one, index): readonly Source[] => {
      const below: Report = (path, message) => report(['params', name, ...(several ? [index] : []), ...path], message);
      const place = compilePlace(one, given.captures, below);
      if (place === null) return [];
      checkPlace(name, place, { ...given, report: below });
      return [{ place, as: one.as ?? null }];
    });
    return { name, sources };
  });
}

function compilePlace(source: SourceFile, captures: readonly string[], report: Report): Place | null {
  const given = KINDS.filter((kind) => source[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    report(
      [],
      `expected exactly one of ${KINDS.join(', ')}; found ${given.length === 0 ? 'none' : given.join(' and ')}`,
    );
    return null;
  }
  const place = placeOf(kind, source[kind] ?? '');
  if (place === null)
    report([kind], kind === 'header' ? headerProblem(String(source[kind])) : pointerProblem(String(source[kind])));
  if (place?.kind === 'path' && !captures.includes(place.name)) {
    report(['path'], `the path captures no ${JSON.stringify(place.name)}${suggestion(place.name, captures)}`);
  }
  return place;
}

function placeOf(kind: (typeof KINDS)[number], written: string | boolean | number): Place | null {
  const text = String(written);
  switch (kind) {
    case 'path':
    case 'query':
      return { kind, name: text };
    case 'header':
      return headerPlace(text);
    case 'argument':
      return { kind, name: text, pointer: topLevelPointer(text) };
    case 'value':
      return { kind, value: expectedOf(written) };
    case 'body':
    case 'item':
    case 'length':
      return pointed(kind, text);
    default:
      return kind satisfies never;
  }
}

function headerPlace(text: string): Place | null {
  return isHeaderName(text) ? { kind: 'header', name: text.toLowerCase() } : null;
}

function pointed(kind: 'body' | 'item' | 'length', text: string): Place | null {
  const pointer = parsePointer(text);
  return pointer === null ? null : { kind, pointer };
}

interface PlaceContext extends Given {
  readonly report: Report;
}

function checkPlace(name: string, place: Place, { each, captures, report }: PlaceContext): void {
  if (place.kind === 'item' && each === null) {
    report(['item'], 'an item is only there with each; expected each, or body instead of item');
  }
  if (
    each !== null &&
    place.kind === 'body' &&
    place.pointer.tokens.every((token, index) => token === each.tokens[index])
  ) {
    report(['body'], 'this holds the list of each, which would stand whole in every one of its actions; expected item');
  }
  if (captures.includes(name) && !(place.kind === 'path' && place.name === name)) {
    report([], `the path captures ${JSON.stringify(name)} already; expected another name, or {path: ${name}}`);
  }
}
