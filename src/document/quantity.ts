import * as z from 'zod';

const MILLISECONDS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: { readonly [unit: string]: number } = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const DURATION = /^(?:\d{1,9}(?:ms|s|m|h|d))+$/u;
const SIZE = /^(\d{1,12})(B|KiB|MiB|GiB)$/u;

/** Reads a duration such as `250ms`, `30s`, `15m` or `1h30m` as milliseconds; null when it is none. */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null;
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/gu)) {
    total += Number(digits) * (MILLISECONDS[unit ?? ''] ?? Number.NaN);
  }
  return Number.isSafeInteger(total) ? total : null;
}

/** Reads a size such as `64KiB` or `8MiB` as bytes; null when it is none. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (match === null) return null;
  const total = Number(match[1]) * (BYTES[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(total) ? total : null;
}

/** Writes milliseconds as a person would: `90s` is `1m30s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  let rest = Math.round(milliseconds / 1_000);
  const parts: string[] = [];
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * seconds;
  }
  return parts.slice(0, 2).join('') || '0s';
}

/** A bound on a configured quantity, in milliseconds or bytes, or as a plain count. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The schema of a duration within bounds given in milliseconds; its output is milliseconds. */
export function duration(bounds: Bounds): z.ZodType<number, string> {
  return quantity(parseDuration, 'a duration such as 30s or 1h30m', formatDuration, bounds);
}

/** The schema of a size within bounds given in bytes; its output is bytes. */
export function size(bounds: Bounds): z.ZodType<number, string> {
  return quantity(parseSize, 'a size such as 64KiB or 8MiB', formatSize, bounds);
}

/** Writes bytes in the largest unit that divides them: 8388608 is `8MiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    const factor = BYTES[unit] ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}

function quantity(
  parse: (text: string) => number | null,
  expected: string,
  format: (value: number) => string,
  bounds: Bounds,
): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value === null) {
      context.addIssue({ code: 'custom', message: `expected ${expected}, found ${JSON.stringify(text)}` });
      return z.NEVER;
    }
    if (value < bounds.min || value > bounds.max) {
      const range = `${format(bounds.min)} to ${format(bounds.max)}`;
      context.addIssue({ code: 'custom', message: `expected ${range}, found ${JSON.stringify(text)}` });
      return z.NEVER;
    }
    return value;
  });
}
