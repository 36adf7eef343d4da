export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface LocalTime {
  readonly weekday: Weekday;
  /** 0 to 1439. */
  readonly minuteOfDay: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The clock on the wall of a time zone.
 * @throws RangeError for a zone that does not exist
 */
export function localTime(milliseconds: number, zone: string): LocalTime {
  const parts = formatFor(zone).formatToParts(milliseconds);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? '';
  return { weekday: part('weekday').toLowerCase() as Weekday, minuteOfDay: Number(part('hour')) * 60 + Number(part('minute')) };
}

export function isTimeZone(zone: string): boolean {
  try {
    formatFor(zone);
    return true;
  } catch {
    return false;
  }
}

/** `09:30` as minutes since midnight; `24:00` is the end of the day. */
export function minutesOf(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number);
  return hours! * 60 + minutes!;
}

function formatFor(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  // There are a few hundred zones, and some thousand ways to write their offsets.
  if (formats.size < 1000) formats.set(zone, format);
  return format;
}
