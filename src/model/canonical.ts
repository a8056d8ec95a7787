import { Decimal, isList, isMap, type Value, type ValueMap } from './value.ts';

/**
 * The canonical JSON text of a value, after RFC 8785: no white space, keys sorted by UTF-16 code units (section
 * 3.2.3), strings escaped as ECMAScript does (3.2.2.2). Numbers keep the text they were written in instead of being
 * rounded to doubles (3.2.2.3): two requests that differ in a digit must not share a fingerprint.
 */
export function canonicalText(value: Value): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Decimal) return value.text;
  if (isList(value)) return listText(value);
  if (isMap(value)) return mapText(value, layoutOf(value));
  return value satisfies never;
}

/** The keys of a mapping as they come in it, and as they are written. */
interface Layout {
  readonly keys: readonly string[];
  readonly written: readonly { readonly key: string; readonly label: string }[];
}

function layoutOf(map: ValueMap): Layout {
  return { keys: [...map.keys()], written: keysInOrder(map).map((key) => ({ key, label: `${quoted(key)}:` })) };
}

/** Whether a mapping has the keys of another one, in the same order. */
function fits({ keys }: Layout, map: ValueMap): boolean {
  if (keys.length !== map.size) return false;
  let at = 0;
  for (const key of map.keys()) {
    if (key !== keys[at]) return false;
    at += 1;
  }
  return true;
}

// Text is put behind text, which takes half the time of joining a list of parts. The items of a list are mostly alike, so
// that the keys of one are sorted and quoted for those behind it as well.
function listText(list: readonly Value[]): string {
  let text = '[';
  let layout: Layout | null = null;
  for (let at = 0; at < list.length; at += 1) {
    const item = list[at] ?? null;
    if (at > 0) text += ',';
    if (isMap(item)) {
      if (layout === null || !fits(layout, item)) layout = layoutOf(item);
      text += mapText(item, layout);
    } else text += canonicalText(item);
  }
  return `${text}]`;
}

function mapText(map: ValueMap, { written }: Layout): string {
  let text = '{';
  for (const { key, label } of written) {
    text += `${text === '{' ? '' : ','}${label}${canonicalText(map.get(key) ?? null)}`;
  }
  return `${text}}`;
}

/** Texts of these characters have no escapes. To find that out pays for short ones; the platform is fast with long ones. */
const WITHOUT_ESCAPES = /^[ !#-[\]-~]{0,32}$/;

function quoted(text: string): string {
  return WITHOUT_ESCAPES.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** More keys are left to the platform, which sorts in less than quadratic time. */
const MAX_KEYS_BY_INSERTION = 16;

/** The keys of a mapping, sorted by UTF-16 code units. */
export function keysInOrder(map: ValueMap): string[] {
  if (map.size > MAX_KEYS_BY_INSERTION) return [...map.keys()].sort(byCodeUnit);
  const keys: string[] = [];
  for (const key of map.keys()) {
    let at = keys.length;
    for (; at > 0 && key < (keys[at - 1] ?? ''); at -= 1) keys[at] = keys[at - 1] ?? '';
    keys[at] = key;
  }
  return keys;
}

function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
