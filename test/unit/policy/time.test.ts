import { describe, expect, it } from 'vitest';
import { formatTimeOfDay, readTimeOfDay, readZone, UTC } from '../../../src/policy/time.ts';
import { actionOf, contextAt, decisionOf } from '../../support/policies.ts';

function zoneOf(name: string) {
  const zone = readZone(name);
  if (!zone.ok) throw new Error(zone.message);
  return zone.zone;
}

function decides(conditions: string, instant: string, top: string = ''): boolean {
  const text = `${top}\nrules: [{name: w, match: {type: x}, conditions: {${conditions}}, approval: auto}]`;
  return decisionOf(text, actionOf({}), contextAt(instant)).rule === 'w';
}

describe('time conditions', () => {
  it.each([
    ['09:00', 540],
    [' 9:5 ', 545],
    ['00:00', 0],
    ['23:59', 1439],
    ['09:00:xx', 540],
    ['9 : 5', 545],
    ['+9:0_5', 545],
    ['24:00', null],
    ['12:60', null],
    ['-1:00', null],
    ['9', null],
    ['', null],
    ['9:', null],
    ['noon', null],
    ['12.5:00', null],
    [1080n, 1080],
    [1440n, null],
    [-1n, null],
  ])('reads %s as %s minutes', (text, minutes) => {
    expect(readTimeOfDay(text)).toBe(minutes);
  });

  it('writes a time', () => {
    expect([formatTimeOfDay(0), formatTimeOfDay(545), formatTimeOfDay(1439)]).toEqual(['00:00', '09:05', '23:59']);
  });

  it('counts seconds and fractions', () => {
    expect(decides('time_before: "18:00"', '2026-03-20T17:59:59.999Z')).toBe(true);
    expect(decides('time_before: "18:00"', '2026-03-20T18:00:00Z')).toBe(false);
    expect(decides('time_after: "18:00"', '2026-03-20T18:00:00Z')).toBe(true);
  });

  it('takes an unquoted time for the time it spells', () => {
    expect(decides('time_after: 18:00', '2026-03-20T18:00:00Z')).toBe(true);
    expect(decides('time_after: 18:00', '2026-03-20T17:59:00Z')).toBe(false);
    expect(decides('time_after: 09:00', '2026-03-20T09:00:00Z')).toBe(true);
  });

  it.each([
    ['2026-03-20T17:59:00Z', false],
    ['2026-03-20T18:00:00Z', true],
    ['2026-03-20T23:59:59Z', true],
    ['2026-03-21T00:00:00Z', true],
    ['2026-03-21T07:59:59Z', true],
    ['2026-03-21T08:00:00Z', false],
  ])('a window from 18:00 to 08:00 crosses midnight: %s is %s', (instant, inside) => {
    expect(decides('time_after: "18:00", time_before: "08:00"', instant)).toBe(inside);
    expect(decides('time_before: "08:00", time_after: "18:00"', instant)).toBe(inside);
  });

  it('a window with equal ends is never open', () => {
    for (const hour of ['08:00', '12:00', '00:00']) {
      expect(decides('time_after: "08:00", time_before: "08:00"', `2026-03-20T${hour}:00Z`)).toBe(false);
    }
  });

  it('takes the weekday of the moment, also behind midnight', () => {
    const friday = 'time_after: "22:00", time_before: "06:00", weekdays: [5]';
    expect(decides(friday, '2026-03-20T23:00:00Z')).toBe(true);
    expect(decides(friday, '2026-03-21T03:00:00Z')).toBe(false);
  });

  it('knows the weekday from 1 Monday to 7 Sunday, and 5.0 is 5', () => {
    expect(UTC.at(Date.parse('2026-03-16T00:00:00Z')).weekday).toBe(1);
    expect(UTC.at(Date.parse('2026-03-22T23:59:59Z')).weekday).toBe(7);
    expect(UTC.at(Date.parse('1969-12-31T23:59:59Z'))).toMatchObject({ weekday: 3, minutes: 1439, day: -1 });
    expect(decides('weekdays: [5.0]', '2026-03-20T12:00:00Z')).toBe(true);
    expect(decides('weekdays: [0, 8, 5.5]', '2026-03-20T12:00:00Z')).toBe(false);
  });

  it('reads the clock of a time zone, through both changes of daylight saving time', () => {
    const berlin = zoneOf('Europe/Berlin');
    const at = (instant: string) => formatTimeOfDay(berlin.at(Date.parse(instant)).minutes);
    expect(at('2026-03-29T00:59:59Z')).toBe('01:59');
    expect(at('2026-03-29T01:00:00Z')).toBe('03:00');
    expect(at('2026-10-25T00:59:00Z')).toBe('02:59');
    expect(at('2026-10-25T01:00:00Z')).toBe('02:00');
    expect(zoneOf('Asia/Kathmandu').at(Date.parse('2026-03-20T18:15:00Z'))).toMatchObject({ minutes: 0, weekday: 6 });
    expect(zoneOf('Pacific/Kiritimati').at(Date.parse('2026-03-20T10:00:00Z'))).toMatchObject({
      minutes: 0,
      weekday: 6,
    });
  });

  it('uses the zone of the conditions, else that of the file, else UTC', () => {
    const noonInTokyo = '2026-03-20T03:00:00Z';
    expect(decides('time_after: "12:00"', noonInTokyo)).toBe(false);
    expect(decides('time_after: "12:00"', noonInTokyo, 'timezone: Asia/Tokyo')).toBe(true);
    expect(decides('time_after: "12:00", timezone: UTC', noonInTokyo, 'timezone: Asia/Tokyo')).toBe(false);
    expect(decides('timezone: Asia/Tokyo, time_after: "12:00"', noonInTokyo)).toBe(true);
  });
});
