import { useClock } from './clock.js';
import { isId, newId } from './ids.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('identifiers (RFC 9562 section 5.7)', () => {
  let restoreClock: (() => void) | undefined;
  let at = Date.UTC(2030, 0, 1);

  beforeEach(() => { restoreClock = useClock({ now: () => at }); });
  afterEach(() => restoreClock?.());

  it('are UUIDs of version 7', () => {
    for (let made = 0; made < 300; made += 1) expect(newId()).toMatch(UUID_V7);
  });

  it('begin with the time by the clock of the kernel', () => {
    for (at of [0, 1, Date.UTC(2026, 5, 1, 12, 30, 15, 123), 2 ** 48 - 1]) expect(timeOf(newId())).toBe(at);
  });

  it('sort by the time they were made', () => {
    const made = Array.from({ length: 1000 }, (_, index) => {
      at = Date.UTC(2030, 0, 1) + index * 7;
      return newId();
    });
    expect([...made].sort()).toEqual(made);
  });

  it('are all different, 10 000 of one millisecond included', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newId())).size).toBe(10_000);
  });

  it('do not share their random part with their neighbours', () => {
    const random = Array.from({ length: 1000 }, () => newId().slice(15));
    expect(new Set(random.map((part) => part.slice(0, 8))).size).toBeGreaterThan(990);
    expect(new Set(random.map((part) => part.slice(-8))).size).toBe(1000);
  });

  it('are recognised, whatever their version, and nothing else is', () => {
    expect(isId(newId())).toBe(true);
    expect(isId('00000000-0000-0000-0000-000000000000')).toBe(true);
    for (const other of [undefined, null, 7, {}, '', 'abc', `${newId()} `, `${newId()}\n`, newId().replaceAll('-', ''), `{${newId()}}`, `${newId().slice(0, -1)}g`]) expect(isId(other)).toBe(false);
  });
});
