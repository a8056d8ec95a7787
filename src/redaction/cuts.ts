import { isList, isMap, type Value, type ValueMap } from '../model/value.ts';

/** How much of large values is shown. */
export interface Cut {
  readonly textCharacters: number;
  readonly items: number;
}

/**
 * How values are cut when they are too large, from nothing to almost everything. Long texts go first: they are prompts
 * and files, while many short parameters are more likely what the decision is about.
 */
export const CUTS: readonly Cut[] = [
  { textCharacters: 65_536, items: Infinity },
  { textCharacters: 16_384, items: Infinity },
  { textCharacters: 4_096, items: Infinity },
  { textCharacters: 1_024, items: Infinity },
  { textCharacters: 256, items: Infinity },
  { textCharacters: 256, items: 256 },
  { textCharacters: 256, items: 64 },
  { textCharacters: 128, items: 16 },
  { textCharacters: 64, items: 4 },
];

/** Nothing is cut. */
export const WHOLE: Cut = { textCharacters: Infinity, items: Infinity };

/** True when the view of a value under a cut has a chance of being at most `maxBytes` long; looks no further than that. */
export function mayFit(value: Value, cut: Cut, maxBytes: number): boolean {
  return leftOf(value, cut, maxBytes) >= 0;
}

/** What of `left` is left when the least that a value takes is taken off; below zero as soon as that is sure. */
function leftOf(value: Value, cut: Cut, left: number): number {
  if (typeof value === 'string') return left - 1 - Math.min(value.length, cut.textCharacters);
  if (typeof value !== 'object' || value === null) return left - 1;
  if (isList(value)) return leftOfList(value, cut, left - 1);
  return isMap(value) ? leftOfMembers(value, cut, left - 1) : left - 1;
}

function leftOfList(list: readonly Value[], cut: Cut, before: number): number {
  const items = Math.min(list.length, cut.items);
  let left = before;
  for (let at = 0; at < items && left >= 0; at += 1) left = leftOf(list[at] ?? null, cut, left);
  return left;
}

function leftOfMembers(map: ValueMap, cut: Cut, before: number): number {
  let left = before;
  let members = 0;
  for (const [key, member] of map) {
    members += 1;
    if (left < 0 || members > cut.items) return left;
    left = leftOf(member, cut, left - 1 - Math.min(key.length, cut.textCharacters));
  }
  return left;
}
