import type { Value } from '../model/value.ts';
import type { Mode } from './policy.ts';
import { show, type Path, type Reading } from './section.ts';
import { readZone, type Zone } from './time.ts';

export const MODES = ['enforce', 'observe'] as const;

/** The zone at a path, or the given one when there is none. */
export function readTimezone(reading: Reading, value: Value | undefined, path: Path, otherwise: Zone): Zone {
  if (value === undefined) return otherwise;
  if (typeof value !== 'string') {
    reading.report(path, `found ${show(value)}; expected an IANA time zone such as Europe/Berlin`);
    return otherwise;
  }
  const zone = readZone(value);
  if (zone.ok) return zone.zone;
  reading.report(path, zone.message);
  return otherwise;
}

/** The mode at a path; null when there is none, or a wrong one, which is reported. */
export function readMode(reading: Reading, value: Value | undefined, path: Path): Mode | null {
  return value === undefined ? null : reading.choice(value, path, MODES);
}
