import type { Json } from '../model/value.ts';
import { columnsOf } from './cell.ts';
import { makeVisible } from './text.ts';

const INDENT = '  ';
/** Deeper values than this are no parameters that a person could judge; it also bounds the recursion. */
const MAX_DEPTH = 64;

/** How JSON is shown. */
export interface VisibleJsonOptions {
  /** The columns that a list or map may take to stay on one line. */
  readonly width: number;
  /** How many characters of each text are shown at most. */
  readonly limit?: number;
}

/**
 * JSON as people read it: keys in one order, every text made visible, a list or map on one line where it fits. Within
 * the quotes a quote stands as `\"`, so that no text can end its own.
 */
export function visibleJson(value: Json, options: VisibleJsonOptions): string {
  return shown(value, { ...options, indent: '' });
}

interface Place extends VisibleJsonOptions {
  readonly indent: string;
}

function shown(value: Json, place: Place): string {
  if (typeof value === 'string') return quoted(value, place, 'keep');
  if (value === null || typeof value !== 'object') return String(value);
  if (place.indent.length / INDENT.length >= MAX_DEPTH) return `… (nested more than ${MAX_DEPTH} deep)`;
  const inner = { ...place, indent: place.indent + INDENT };
  if (isList(value)) {
    return bracketed(
      '[]',
      value.map((item) => shown(item, inner)),
      place,
    );
  }
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return bracketed(
    '{}',
    members.map(([key, item]) => `${quoted(key, place, 'escape')}: ${shown(item, inner)}`),
    place,
  );
}

function bracketed(brackets: '[]' | '{}', items: readonly string[], { indent, width }: Place): string {
  const [open, close] = brackets;
  if (items.length === 0) return brackets;
  const line = `${open}${brackets === '{}' ? ' ' : ''}${items.join(', ')}${brackets === '{}' ? ' ' : ''}${close}`;
  if (!line.includes('\n') && !line.includes('\\{') && indent.length + columnsOf(line) <= width) return line;
  const inner = indent + INDENT;
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

function quoted(text: string, { limit }: Place, rightToLeft: 'keep' | 'escape'): string {
  const inside = makeVisible(text, { rightToLeft, ...(limit === undefined ? {} : { limit }) });
  return `"${inside.replaceAll('"', String.raw`\"`)}"`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
