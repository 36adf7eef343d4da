import { now, useClock } from '../../kernel/clock.js';
import type { AuditEvent } from './audit-event.js';
import { auditUnavailable } from './audit.errors.js';
import type { AuditLog } from './audit-log.service.js';
import { RefusalTally } from './refusal-tally.service.js';

const MINUTE = 60_000;

let written: AuditEvent[];
let isAway: boolean;
let tally: RefusalTally;
let advance: (milliseconds: number) => void;
let restoreClock: () => void;

beforeEach(() => {
  let at = now();
  restoreClock = useClock({ now: () => at });
  advance = (milliseconds) => { at += milliseconds; };
  [written, isAway] = [[], false];
  tally = new RefusalTally({
    record: async (...events: AuditEvent[]) => {
      await Promise.resolve();
      if (isAway) throw auditUnavailable(new Error('away'));
      written.push(...events);
    },
  } as unknown as AuditLog);
});
afterEach(() => restoreClock());

const refusal = (source: string): AuditEvent =>
  ({ type: 'request.limited', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' }, reason: 'too_many_requests', details: { class: 'token', limit: 'source', source } });
const refuse = (source: string) => tally.record(source, refusal(source));
const counts = () => written.map(({ details }) => details?.['count']);

describe('the tally of refusals', () => {
  it('writes the first of a kind at once, and how many followed when their minute is over', async () => {
    for (let times = 0; times < 50; times += 1) await refuse('a');
    await refuse('b');
    expect(written).toEqual([refusal('a'), refusal('b')]);
    await tally.settle(now());
    advance(MINUTE);
    await tally.settle(now());
    expect(written.slice(2)).toEqual([{ ...refusal('a'), details: { class: 'token', limit: 'source', source: 'a', count: 49 } }]);
    await refuse('a');
    expect(written).toHaveLength(4);
  });

  it('counts every refusal, also those that come at once', async () => {
    await Promise.all(Array.from({ length: 30 }, () => refuse('a')));
    advance(MINUTE);
    await Promise.all([tally.settle(now()), refuse('a'), refuse('a')]);
    advance(MINUTE);
    await tally.settle(now());
    const total = counts().reduce<number>((sum, count) => sum + (count === undefined ? 1 : Number(count)), 0);
    expect(total).toBe(32);
  });

  it('bounds what very many of them add to the log, and names none of those it counts together', async () => {
    for (let source = 0; source < 5000; source += 1) await refuse(String(source));
    expect(written).toHaveLength(1001);
    expect(written.at(-1)).toEqual({ ...refusal(''), details: { class: 'token', limit: 'source' } });
    advance(MINUTE);
    await tally.settle(now());
    expect(written).toHaveLength(1002);
    expect(counts().at(-1)).toBe(3999);
  });

  it('lets nothing be refused that cannot be recorded, and loses no count of what was', async () => {
    isAway = true;
    const outcomes = await Promise.allSettled([refuse('a'), refuse('a')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isAway = false;
    await refuse('a');
    await refuse('a');
    isAway = true;
    advance(MINUTE);
    await tally.settle(now());
    isAway = false;
    await tally.settle(now());
    expect(counts()).toEqual([undefined, 1]);
  });

  it('writes what it has counted when the server ends', async () => {
    await refuse('a');
    await refuse('a');
    await tally.beforeApplicationShutdown();
    expect(counts()).toEqual([undefined, 1]);
  });
});
