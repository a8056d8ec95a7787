import { parseDuration } from '../document/quantity.ts';
import {
  type Budget,
  CelError,
  celKind,
  celNumber,
  Instant,
  isCelList,
  isCelMap,
  Span,
  type CelValue,
} from './cel-value.ts';
import type { WallClock } from './time.ts';

/** A function over values that are already evaluated; a method gets its receiver first. */
export type CelFunction = (args: readonly CelValue[], budget: Budget) => CelValue;

const MS_PER_DAY = 86_400_000;
/** Python's and our own bound on the digits of a whole number (CVE-2020-10735). */
const MAX_INT_DIGITS = 20;

function text(value: CelValue | undefined, name: string): string {
  if (typeof value === 'string') return value;
  throw new CelError(`no such overload: ${name} of ${celKind(value ?? null)}`);
}

/** Naive search costs the product of both lengths on texts made for it, whatever the engine does usually. */
function searching(name: string, search: (whole: string, part: string) => boolean): CelFunction {
  return (args, budget) => {
    const [whole, part] = [text(args[0], name), text(args[1], name)];
    budget.spendText(whole.length * (1 + (part.length >>> 6)));
    return search(whole, part);
  };
}

function changing(name: string, change: (whole: string) => string): CelFunction {
  return (args, budget) => {
    const whole = text(args[0], name);
    budget.spendText(whole.length);
    return change(whole);
  };
}

function size(args: readonly CelValue[], budget: Budget): CelValue {
  const value = args[0] ?? null;
  if (typeof value === 'string') {
    budget.spendText(value.length);
    return BigInt(countCodePoints(value));
  }
  if (isCelList(value)) return BigInt(value.length);
  if (isCelMap(value)) return BigInt(value.size);
  throw new CelError(`no such overload: size of ${celKind(value)}`);
}

function countCodePoints(value: string): number {
  let pairs = 0;
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code >= 0xdc00 && code <= 0xdfff) pairs += 1;
  }
  return value.length - pairs;
}

function toInt(args: readonly CelValue[]): CelValue {
  const value = args[0] ?? null;
  const number = celNumber(value);
  if (typeof number === 'bigint') return number;
  if (typeof number === 'number' && Number.isFinite(number) && Math.abs(number) < 2 ** 63)
    return BigInt(Math.trunc(number));
  if (value instanceof Instant) return BigInt(Math.floor(value.ms / 1000));
  if (typeof value === 'string' && value.length <= MAX_INT_DIGITS && /^-?\d+$/u.test(value)) return BigInt(value);
  throw new CelError(`cannot make an int of ${celKind(value)}`);
}

function toDouble(args: readonly CelValue[]): CelValue {
  const value = args[0] ?? null;
  const number = celNumber(value);
  if (number !== null) return Number(number);
  if (typeof value === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u.test(value)) return Number(value);
  throw new CelError(`cannot make a double of ${celKind(value)}`);
}

function toText(args: readonly CelValue[]): CelValue {
  const value = args[0] ?? null;
  if (typeof value === 'string') return value;
  const number = celNumber(value);
  if (number !== null) return number.toString();
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  throw new CelError(`cannot make a string of ${celKind(value)}`);
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/u;

function toTimestamp(args: readonly CelValue[]): CelValue {
  const value = args[0] ?? null;
  if (value instanceof Instant) return value;
  const ms = typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value.toUpperCase()) : Number.NaN;
  if (Number.isNaN(ms)) throw new CelError('cannot make a timestamp of this; expected RFC 3339');
  return new Instant(ms);
}

function toDuration(args: readonly CelValue[]): CelValue {
  const value = args[0] ?? null;
  if (value instanceof Span) return value;
  const negative = typeof value === 'string' && value.startsWith('-');
  const ms = typeof value === 'string' ? parseDuration(negative ? value.slice(1) : value) : null;
  if (ms === null) throw new CelError('cannot make a duration of this; expected one such as 1h30m');
  return new Span(negative ? -ms : ms);
}

/** Functions called by name. */
export const FUNCTIONS: ReadonlyMap<string, CelFunction> = new Map<string, CelFunction>([
  ['size', size],
  ['int', toInt],
  ['double', toDouble],
  ['string', toText],
  ['dyn', (args) => args[0] ?? null],
  ['timestamp', toTimestamp],
  ['duration', toDuration],
]);

/** Methods called on a receiver. `matches` and the parts of a time are prepared at load, and stand elsewhere. */
export const METHODS: ReadonlyMap<string, CelFunction> = new Map<string, CelFunction>([
  ['size', size],
  ['contains', searching('contains', (whole, part) => whole.includes(part))],
  ['startsWith', searching('startsWith', (whole, part) => whole.startsWith(part))],
  ['endsWith', searching('endsWith', (whole, part) => whole.endsWith(part))],
  ['lowerAscii', changing('lowerAscii', (whole) => whole.replace(/[A-Z]+/gu, (run) => run.toLowerCase()))],
  ['upperAscii', changing('upperAscii', (whole) => whole.replace(/[a-z]+/gu, (run) => run.toUpperCase()))],
  ['trim', changing('trim', (whole) => whole.trim())],
]);

/** The parts of a time on the clock of a place, counted as CEL counts them. */
export const TIME_PARTS: ReadonlyMap<string, (clock: WallClock, ms: number) => number> = new Map([
  ['getHours', (clock: WallClock) => Math.floor(clock.minutes / 60)],
  ['getMinutes', (clock: WallClock) => clock.minutes % 60],
  ['getSeconds', (_clock: WallClock, ms: number) => Math.floor(ms / 1000) - 60 * Math.floor(ms / 60_000)],
  ['getDayOfWeek', (clock: WallClock) => clock.weekday % 7],
  ['getDate', (clock: WallClock) => calendar(clock).getUTCDate()],
  ['getDayOfMonth', (clock: WallClock) => calendar(clock).getUTCDate() - 1],
  ['getMonth', (clock: WallClock) => calendar(clock).getUTCMonth()],
  ['getFullYear', (clock: WallClock) => calendar(clock).getUTCFullYear()],
]);

function calendar(clock: WallClock): Date {
  return new Date(clock.day * MS_PER_DAY);
}
