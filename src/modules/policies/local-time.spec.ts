import { isTimeZone, localTime, minutesOf } from './local-time.js';

describe('the clock of a time zone', () => {
  it.each([
    ['2026-01-07T23:30:00Z', 'UTC', 'wed', 23 * 60 + 30], ['2026-01-07T23:30:00Z', 'Europe/Berlin', 'thu', 30], ['2026-07-07T22:00:00Z', 'Europe/Berlin', 'wed', 0], ['2026-01-07T00:00:00Z', 'Asia/Kolkata', 'wed', 5 * 60 + 30],
    // The hour that there is twice.
    ['2026-10-25T00:30:00Z', 'Europe/Berlin', 'sun', 2 * 60 + 30], ['2026-10-25T01:30:00Z', 'Europe/Berlin', 'sun', 2 * 60 + 30],
  ])('shows %s in %s as %s, minute %i', (moment, zone, weekday, minuteOfDay) => {
    expect(localTime(Date.parse(moment), zone)).toEqual({ weekday, minuteOfDay });
  });

  it('is there for zones that exist', () => {
    expect(['Europe/Berlin', 'UTC', 'America/New_York', 'Europe/Bielefeld', '', 'x'.repeat(100)].map(isTimeZone)).toEqual([true, true, true, false, false, false]);
  });

  it('is written in hours and minutes', () => {
    expect(['00:00', '09:30', '24:00'].map(minutesOf)).toEqual([0, 570, 1440]);
  });
});
