import { suggestion } from '../document/mistake.ts';

/** The wall clock of a place. */
export interface Zone {
  /** The IANA name, or `UTC`. */
  readonly name: string;
  at(now: number): WallClock;
}

export interface WallClock {
  /** Whole minutes since midnight: 0 to 1439. Times in policies have no seconds, so that fractions never matter. */
  readonly minutes: number;
  /** 1 Monday to 7 Sunday. */
  readonly weekday: number;
  /** Whole days since 1 January 1970 on the calendar of the place. */
  readonly day: number;
}

const MS_PER_MINUTE = 60_000;
const MINUTES_PER_DAY = 1440;
/** 1 January 1970 was a Thursday. */
const EPOCH_WEEKDAY = 4;

function wallClock(minutesSinceEpoch: number): WallClock {
  const day = Math.floor(minutesSinceEpoch / MINUTES_PER_DAY);
  const weekday = ((((day + EPOCH_WEEKDAY - 1) % 7) + 7) % 7) + 1;
  return { minutes: minutesSinceEpoch - day * MINUTES_PER_DAY, weekday, day };
}

export const UTC: Zone = {
  name: 'UTC',
  at: (now) => wallClock(Math.floor(now / MS_PER_MINUTE)),
};

/** The zone of an IANA name, or what is wrong with the name. */
export function readZone(
  name: string,
): { readonly ok: true; readonly zone: Zone } | { readonly ok: false; readonly message: string } {
  if (name === 'UTC') return { ok: true, zone: UTC };
  const formatter = formatterOf(name);
  if (formatter !== null) return { ok: true, zone: new IanaZone(formatter) };
  const meant = suggestion(name, ['UTC', ...Intl.supportedValuesOf('timeZone')]);
  const expected = 'expected an IANA name such as Europe/Berlin or UTC';
  return { ok: false, message: `${JSON.stringify(name)} is not a time zone; ${expected}${meant}` };
}

/** Offsets such as `+01:00`, which the platform also takes, are refused: they know no daylight saving time. */
function formatterOf(name: string): Intl.DateTimeFormat | null {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/u.test(name)) return null;
  try {
    return new Intl.DateTimeFormat('en-GB-u-ca-iso8601', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch {
    return null;
  }
}

/**
 * A zone of the platform's database. Asking the platform costs microseconds, so that the answer of the current minute
 * is kept: no zone changes its offset within a minute.
 */
class IanaZone implements Zone {
  readonly name: string;
  readonly #formatter: Intl.DateTimeFormat;
  #minute = Number.NaN;
  #clock: WallClock = wallClock(0);

  constructor(formatter: Intl.DateTimeFormat) {
    this.#formatter = formatter;
    this.name = formatter.resolvedOptions().timeZone;
  }

  at(now: number): WallClock {
    const minute = Math.floor(now / MS_PER_MINUTE);
    if (minute !== this.#minute) {
      this.#clock = this.#ask(minute);
      this.#minute = minute;
    }
    return this.#clock;
  }

  #ask(minute: number): WallClock {
    const parts = new Map<string, number>();
    for (const part of this.#formatter.formatToParts(minute * MS_PER_MINUTE)) parts.set(part.type, Number(part.value));
    const part = (name: string): number => parts.get(name) ?? 0;
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
    return wallClock(Math.floor(local / MS_PER_MINUTE));
  }
}

/**
 * A time of day as Aegis reads it: trimmed, split at `:`, the first two parts whole numbers, further parts ignored; or
 * the minutes that YAML 1.1 makes of an unquoted `18:00`. Null when it is no time.
 */
export function readTimeOfDay(value: string | bigint): number | null {
  if (typeof value === 'bigint') return value >= 0n && value < BigInt(MINUTES_PER_DAY) ? Number(value) : null;
  const [hourText, minuteText] = value.trim().split(':');
  if (hourText === undefined || minuteText === undefined) return null;
  const [hour, minute] = [wholeNumber(hourText), wholeNumber(minuteText)];
  if (hour === null || minute === null || hour > 23 || minute > 59) return null;
  return hour * 60 + minute;
}

/** Python's `int()` of a text, for what can be a time: white space around, `+`, digits with single underscores. */
function wholeNumber(text: string): number | null {
  const trimmed = text.trim();
  if (!/^[+-]?[0-9]+(?:_[0-9]+)*$/u.test(trimmed)) return null;
  const value = Number(trimmed.replaceAll('_', ''));
  return value >= 0 ? value + 0 : null;
}

/** `HH:MM`. */
export function formatTimeOfDay(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
