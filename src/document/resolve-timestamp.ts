import type { Resolved } from './resolve.ts';
import { Timestamp } from './timestamp.ts';

const PARTS =
  /^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)(?:(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9][0-9]):([0-9][0-9])(?:\.([0-9]*))?(?:[ \t]*(?:Z|([-+])([0-9][0-9]?)(?::([0-9][0-9]))?))?)?$/u;

/** A date or date-time of YAML 1.1, with the text that Python prints for it; an impossible date is refused. */
export function readTimestamp(text: string): Resolved {
  const parts = PARTS.exec(text);
  if (parts === null) return { ok: false, message: `${JSON.stringify(text)} is not a date` };
  const [, year = '', month = '', day = '', hour, minute = '', second = ''] = parts;
  if (!isDate(Number(year), Number(month), Number(day))) {
    return { ok: false, message: `${text} is not a date of the calendar; quote it where text is meant` };
  }
  const date = `${year}-${two(month)}-${two(day)}`;
  if (hour === undefined) return { ok: true, value: new Timestamp(date) };
  const possible = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  const zone = zoneText(text, parts);
  if (!possible || zone === null) {
    return { ok: false, message: `${text} is not a time of the clock; quote it where text is meant` };
  }
  const fraction = (parts[7] ?? '').slice(0, 6).padEnd(6, '0');
  const precise = fraction === '000000' ? '' : `.${fraction}`;
  return { ok: true, value: new Timestamp(`${date} ${two(hour)}:${minute}:${second}${precise}${zone}`) };
}

function two(digits: string): string {
  return digits.padStart(2, '0');
}

/** The offset as Python prints it; null when it is a day or more. */
function zoneText(text: string, parts: RegExpExecArray): string | null {
  const [sign, hours = '', minutes = '0'] = [parts[8], parts[9], parts[10]];
  if (sign === undefined) return text.endsWith('Z') ? '+00:00' : '';
  const total = Number(hours) * 60 + Number(minutes);
  if (total >= 24 * 60) return null;
  const shown = `${two(String(Math.floor(total / 60)))}:${two(String(total % 60))}`;
  return total === 0 ? '+00:00' : `${sign}${shown}`;
}

function isDate(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] ?? 0);
}
