import type { Resolved } from './resolved.ts';
import { Timestamp } from './timestamp.ts';

const DATE = /^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)/u;
const TIME = /^(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9][0-9]):([0-9][0-9])(?:\.([0-9]*))?(?:[ \t]*(Z|[-+][0-9:]+))?$/u;
const OFFSET = /^([-+])([0-9][0-9]?)(?::([0-9][0-9]))?$/u;

/** A date or date-time of YAML 1.1, with the text that Python prints for it; an impossible one is refused. */
export function readTimestamp(text: string): Resolved {
  const date = DATE.exec(text);
  const shownDate = date === null ? null : dateText(date);
  if (date === null || shownDate === null) return refused(text, 'a date of the calendar');
  const rest = text.slice(date[0].length);
  if (rest === '') return { ok: true, value: new Timestamp(shownDate) };
  const time = TIME.exec(rest);
  const shownTime = time === null ? null : timeText(time);
  if (shownTime === null) return refused(text, 'a time of the clock');
  return { ok: true, value: new Timestamp(`${shownDate} ${shownTime}`) };
}

function refused(text: string, what: string): Resolved {
  return { ok: false, message: `${text.slice(0, 40)} is not ${what}; expected quotes where text is meant` };
}

function dateText([, year = '', month = '', day = '']: RegExpExecArray): string | null {
  if (!isDate(Number(year), Number(month), Number(day))) return null;
  return `${year}-${two(month)}-${two(day)}`;
}

function timeText(time: RegExpExecArray): string | null {
  const group = (index: number): string => time[index] ?? '';
  const [hour, minute, second] = [group(1), group(2), group(3)];
  const shownZone = zoneText(group(5));
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || shownZone === null) return null;
  const micros = group(4).slice(0, 6).padEnd(6, '0');
  return `${two(hour)}:${minute}:${second}${micros === '000000' ? '' : `.${micros}`}${shownZone}`;
}

/** The offset as Python prints it; null when it is none, or a day or more. */
function zoneText(zone: string): string | null {
  if (zone === '' || zone === 'Z') return zone === '' ? '' : '+00:00';
  const offset = OFFSET.exec(zone);
  if (offset === null) return null;
  const [, sign = '+', hours = '0', minutes = '0'] = offset;
  const total = Number(hours) * 60 + Number(minutes);
  if (total >= 24 * 60) return null;
  const shown = `${two(String(Math.floor(total / 60)))}:${two(String(total % 60))}`;
  return total === 0 ? '+00:00' : `${sign}${shown}`;
}

function two(digits: string): string {
  return digits.padStart(2, '0');
}

function isDate(year: number, month: number, day: number): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return year >= 1 && day >= 1 && day <= (days[month - 1] ?? 0);
}
