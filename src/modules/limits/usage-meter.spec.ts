import fc from 'fast-check';
import { auditTrail } from '../../../test/support/directory.js';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { Bounds } from './bounds.js';
import { Limits, type LimitedKind } from './limits.service.js';
import { UsageCounters } from './usage-counters.service.js';
import { UsageMeter, type Booking, type Reservation } from './usage-meter.service.js';

const FREE: Bounds = { requestsPerHour: null, costBudgetMicros: null, costPeriod: 'lifetime', allowedActions: null };
const BY = { actor: { kind: 'client' as const, id: 'gateway' } };
const START = Date.parse('2026-11-30T23:50:00Z');

let database: ThrowawayDatabase;
let limits: Limits;
let meter: UsageMeter;
let clock: number;
let restoreClock: () => void;

beforeAll(async () => {
  database = await throwawayDatabase([]);
  const { dataSource } = database;
  limits = new Limits(dataSource);
  const audit = new AuditLog(dataSource, database.pool);
  meter = new UsageMeter(dataSource, limits, new UsageCounters(dataSource, new Config(environmentSchema.parse({}))), new Metrics(), audit);
});
afterAll(() => database.drop());
beforeEach(() => {
  clock = START;
  restoreClock = useClock({ now: () => clock });
});
afterEach(() => restoreClock());

interface Place {
  readonly organizationId: string;
  readonly agents: readonly string[];
  readonly task: string;
  limit(kind: LimitedKind, id: string, bounds: Partial<Bounds>): Promise<void>;
  book(requests: number, costMicros: number, more?: Partial<Booking> & { agents?: readonly string[]; actions?: string[] }): Promise<Reservation | undefined>;
  readonly holder: Booking['holder'];
}

async function newPlace(): Promise<Place> {
  const organizationId = newId();
  await database.dataSource.query('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [organizationId, `place-${organizationId}`]);
  const agents = [newId(), newId()] as string[];
  const task = newId() as string;
  const holder = { organizationId, clientId: 'gateway', subject: 'gateway' };
  return {
    organizationId, agents, task, holder,
    limit: (kind, id, bounds) => database.dataSource.transaction((manager) => limits.set(manager, organizationId, kind, id, { ...FREE, ...bounds })),
    book: (requests, costMicros, { agents: behind = agents, actions, ...more } = {}) => meter.book({
      use: { requests, costMicros, actions, behind: { organizationId, agentIds: behind, delegationIds: [], taskIds: [task] } }, holder, by: { actor: { kind: 'client', id: 'gateway' } }, ...more,
    }),
  };
}

async function counters(place: Place): Promise<{ key: string; bound: number; reserved: number; committed: number }[]> {
  const rows = await database.dataSource.query<{ key: string; bound: string; reserved: string; committed: string }[]>(
    'SELECT key, bound, reserved, committed FROM usage_counters WHERE organization_id = $1 ORDER BY key', [place.organizationId]);
  return rows.map(({ key, bound, reserved, committed }) => ({ key, bound: Number(bound), reserved: Number(reserved), committed: Number(committed) }));
}

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', (error: { code: string }) => error.code);
const expireAll = () => database.dataSource.transaction((manager) => meter.expire(manager, 1000));

type Step =
  | { readonly kind: 'reserve'; readonly requests: number; readonly cost: number; readonly agent: number }
  | { readonly kind: 'use'; readonly requests: number; readonly cost: number; readonly agent: number }
  | { readonly kind: 'commit'; readonly which: number; readonly requests: number; readonly cost: number }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'pass'; readonly minutes: number };

const amount = fc.integer({ min: 0, max: 5 });
const agent = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reserve' as const), requests: amount, cost: amount, agent }) },
  fc.record({ kind: fc.constant('use' as const), requests: amount, cost: amount, agent }),
  fc.record({ kind: fc.constant('commit' as const), which: fc.nat(5), requests: amount, cost: amount }),
  fc.record({ kind: fc.constant('release' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 25 }) }),
);

describe('the meter', () => {
  it('never lets what is reserved and used exceed a bound, and keeps count of it to the last unit, whatever happens in whatever order', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      clock = START;
      const place = await newPlace();
      await place.limit('organization', place.organizationId, { requestsPerHour: 12, costBudgetMicros: 14, costPeriod: 'month' });
      await place.limit('agent', place.agents[0]!, { requestsPerHour: 7, costBudgetMicros: 9, costPeriod: 'day' });
      await place.limit('task', place.task, { costBudgetMicros: 11 });
      const open: Reservation[] = [];
      const used = { requests: 0, costMicros: 0 };
      for (const one of steps) {
        const before = await counters(place);
        let outcome = 'done';
        if (one.kind === 'pass') {
          clock += one.minutes * 60_000;
          await expireAll();
        } else if (one.kind === 'reserve' || one.kind === 'use') {
          const agents = one.agent === 2 ? place.agents : [place.agents[one.agent]!];
          outcome = await codeOf(place.book(one.requests, one.cost, { agents, holdSeconds: one.kind === 'reserve' ? 20 * 60 : undefined }).then((made) => {
            if (made) open.push(made);
            else [used.requests, used.costMicros] = [used.requests + one.requests, used.costMicros + one.cost];
          }));
        } else {
          const reservation = open[one.which % Math.max(1, open.length)];
          if (!reservation) continue;
          if (one.kind === 'release') outcome = await codeOf(meter.release(place.holder, reservation.id, BY));
          else outcome = await codeOf(meter.commit(place.holder, reservation.id, { requests: one.requests, costMicros: one.cost }, { actor: { kind: 'client' } }));
        }
        const after = await counters(place);
        // What is refused changes nothing: all counters or none.
        if (outcome !== 'done') expect(after).toEqual(before);
        for (const { key, bound, reserved, committed } of after) {
          if (reserved < 0 || committed < 0 || reserved + committed > bound) throw new Error(`${key}: ${reserved} reserved and ${committed} used of ${bound}`);
        }
      }
      clock += 3600_000;
      await expireAll();
      const rows = await database.dataSource.query<{ status: string; requests: string; cost: string }[]>(
        `SELECT status, coalesce(sum(committed_requests), 0) AS requests, coalesce(sum(committed_cost_micros), 0) AS cost FROM usage_reservations WHERE organization_id = $1 GROUP BY status`, [place.organizationId]);
      expect(rows.map(({ status }) => status)).not.toContain('reserved');
      const all = await counters(place);
      const sum = (prefix: string) => all.filter(({ key }) => key.startsWith(prefix)).reduce((total, { committed }) => total + committed, 0);
      const committed = rows.find(({ status }) => status === 'committed');
      expect({ requests: sum(`organization:${place.organizationId}:requests`), cost: sum(`organization:${place.organizationId}:cost`), reserved: all.reduce((total, { reserved }) => total + reserved, 0) })
        .toEqual({ requests: used.requests + Number(committed?.requests ?? 0), cost: used.costMicros + Number(committed?.cost ?? 0), reserved: 0 });
    }), { numRuns: 40 });
  }, 300_000);

  it('takes from every counter or from none, and says which has too little left', async () => {
    const place = await newPlace();
    await place.limit('organization', place.organizationId, { requestsPerHour: 100 });
    await place.limit('agent', place.agents[1]!, { requestsPerHour: 100, costBudgetMicros: 10 });
    await expect(place.book(1, 11)).rejects.toMatchObject({
      code: 'limit_exhausted', details: { exhausted: [{ subject: { kind: 'agent', id: place.agents[1] }, limit: 'cost_budget_usd', period: 'lifetime', resets_at: null }] },
    });
    expect(await counters(place)).toEqual([]);
  });

  it('grants exactly what there is to any number that ask for several counters at once, whichever they name first', async () => {
    const place = await newPlace();
    await place.limit('organization', place.organizationId, { requestsPerHour: 50 });
    for (const agent of place.agents) await place.limit('agent', agent, { requestsPerHour: 30 });
    const answers = await Promise.all(Array.from({ length: 120 }, (_, index) => codeOf(place.book(1, 0, { agents: index % 2 ? place.agents : place.agents.toReversed(), holdSeconds: index % 3 ? 60 : undefined }))));
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(30);
    expect(new Set(answers)).toEqual(new Set(['done', 'limit_exhausted']));
  });

  it('begins to count anew with each window, and counts a budget of a month on', async () => {
    const place = await newPlace();
    await place.limit('agent', place.agents[0]!, { requestsPerHour: 2, costBudgetMicros: 3, costPeriod: 'month' });
    for (const expected of ['done', 'done', 'limit_exhausted']) expect(await codeOf(place.book(1, 1))).toBe(expected);
    // Ten minutes later a new hour has begun, and with it a new month.
    clock += 600_000;
    for (const expected of ['done', 'done', 'limit_exhausted']) expect(await codeOf(place.book(1, 1))).toBe(expected);
    clock += 3_600_000;
    for (const expected of ['done', 'limit_exhausted']) expect(await codeOf(place.book(1, 1))).toBe(expected);
    expect(await codeOf(place.book(1, 0))).toBe('done');
  });

  it('takes what was used beyond a reservation like anything else, or changes nothing', async () => {
    const place = await newPlace();
    await place.limit('task', place.task, { costBudgetMicros: 10 });
    const [first, second] = [await place.book(1, 4, { holdSeconds: 60 }), await place.book(1, 4, { holdSeconds: 60 })];
    const by = { actor: { kind: 'client' as const } };
    await expect(meter.commit(place.holder, first!.id, { costMicros: 7 }, by)).rejects.toMatchObject({ code: 'limit_exhausted' });
    await expect(meter.commit(place.holder, first!.id, { costMicros: 6 }, by)).resolves.toMatchObject({ status: 'committed', committed: { requests: 1, costMicros: 6 } });
    await expect(meter.commit(place.holder, second!.id, { costMicros: 1 }, by)).resolves.toMatchObject({ status: 'committed' });
    expect(await counters(place)).toMatchObject([{ reserved: 0, committed: 7 }]);
    // A second time the same is no news, and something else is refused.
    await expect(meter.commit(place.holder, first!.id, { costMicros: 6 }, by)).resolves.toMatchObject({ committed: { requests: 1, costMicros: 6 } });
    await expect(meter.commit(place.holder, first!.id, { costMicros: 5 }, by)).rejects.toMatchObject({ code: 'reservation_over' });
    await expect(meter.release(place.holder, first!.id, BY)).rejects.toMatchObject({ code: 'reservation_over' });
    expect(await counters(place)).toMatchObject([{ reserved: 0, committed: 7 }]);
  });

  it('gives back to its old window what was reserved there, and books what comes late in the window of now', async () => {
    const place = await newPlace();
    await place.limit('agent', place.agents[0]!, { requestsPerHour: 5 });
    const reserved = await place.book(3, 0, { holdSeconds: 1800 });
    clock += 900_000;
    await meter.commit(place.holder, reserved!.id, { requests: 4 }, { actor: { kind: 'client' } });
    expect(await counters(place)).toMatchObject([{ key: expect.stringContaining('23:00:00'), reserved: 0, committed: 3 }, { key: expect.stringContaining('00:00:00'), reserved: 0, committed: 1 }]);
  });

  it('refuses an action that somebody above does not allow', async () => {
    const place = await newPlace();
    await place.limit('organization', place.organizationId, { allowedActions: ['read', 'search'] });
    await place.limit('task', place.task, { allowedActions: ['read'] });
    for (const [action, expected] of [['read', 'done'], ['search', 'action_not_allowed'], ['write', 'action_not_allowed']] as const) expect(await codeOf(place.book(1, 0, { actions: [action] }))).toBe(expected);
  });

  it('answers the same key with what it answered first, and takes once, however many send it at once', async () => {
    const place = await newPlace();
    await place.limit('agent', place.agents[0]!, { requestsPerHour: 5 });
    const idempotency = { key: 'k1', request: { requests: 2 } };
    const answers = await Promise.all(Array.from({ length: 20 }, () => place.book(2, 0, { holdSeconds: 60, idempotency })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await counters(place)).toMatchObject([{ reserved: 2, committed: 0 }]);
    await meter.commit(place.holder, answers[0]!.id, {}, { actor: { kind: 'client' } });
    expect(await place.book(2, 0, { holdSeconds: 60, idempotency })).toEqual(answers[0]);
    await expect(place.book(2, 0, { holdSeconds: 60, idempotency: { key: 'k1', request: { requests: 3 } } })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    // The key of somebody else is another one.
    await expect(place.book(1, 0, { holdSeconds: 60, idempotency, holder: { ...place.holder, subject: 'another' } })).resolves.not.toMatchObject({ id: answers[0]!.id });
    // What was refused happened never: the same key may get it later.
    const refused = { key: 'k2', request: {} };
    await expect(place.book(5, 0, { idempotency: refused })).rejects.toMatchObject({ code: 'limit_exhausted' });
    clock += 3_600_000;
    await expect(place.book(5, 0, { idempotency: refused })).resolves.toMatchObject({ status: 'committed' });
  });

  it('records what became of each reservation, once, with the limits that it counts against and what is taken of them', async () => {
    const place = await newPlace();
    const [agentId, other] = place.agents;
    await place.limit('agent', agentId!, { costBudgetMicros: 1000, costPeriod: 'month' });
    await place.limit('task', place.task, { requestsPerHour: 50 });
    const told = async () => (await auditTrail(database.dataSource)).filter((event) => event['organization_id'] === place.organizationId && String(event['type']).startsWith('usage.'));
    const tokenId = newId() as string;
    const about = { agentId: agentId!, tokenId, taskId: place.task };
    const reserve = (key: string, requests = 2, cost = 30) => place.book(requests, cost, { agents: [agentId!, other!], holdSeconds: 60, idempotency: { key, request: {} }, about, by: BY });
    const [first, second, third] = [(await reserve('1'))!, (await reserve('2'))!, (await reserve('3'))!];
    for (const key of ['1', '2', '3']) await reserve(key);
    for (const _again of [1, 2]) {
      await meter.commit(place.holder, first.id, { requests: 3, costMicros: 10 }, BY);
      await meter.release(place.holder, second.id, BY);
    }
    await expect(meter.commit(place.holder, third.id, { costMicros: 5000 }, BY)).rejects.toMatchObject({ code: 'limit_exhausted' });
    clock += 61_000;
    await expireAll();
    await expireAll();
    await meter.release(place.holder, third.id, BY);
    const budget = { subject: { kind: 'agent', id: agentId }, limit: 'cost_budget_usd', period: 'month', window_start: '2026-11-01T00:00:00.000Z', bound: 1000 };
    const rate = { subject: { kind: 'task', id: place.task }, limit: 'requests_per_hour', period: 'hour', window_start: '2026-11-30T23:00:00.000Z', bound: 50 };
    const event = (type: string, id: string, details: object, taken: readonly [cost: number, requests: number], by: object = { kind: 'client', id: 'gateway' }) => ({
      type, outcome: 'success', organization_id: place.organizationId, actor: by, target: { kind: 'reservation', id }, task_id: place.task,
      details: {
        agent_id: agentId, checked_token_id: tokenId, delegation_ids: [], requests: 2, cost_micros: 30, ...details,
        bounds: expect.toSatisfy((bounds: object[]) => { expect(bounds).toHaveLength(2); expect(bounds).toEqual(expect.arrayContaining([{ ...budget, taken: taken[0] }, { ...rate, taken: taken[1] }])); return true; }),
      },
    });
    const expiry = { expires_at: first.expiresAt!.toISOString() };
    expect(await told()).toEqual([
      event('usage.reserved', first.id, expiry, [30, 2]), event('usage.reserved', second.id, expiry, [60, 4]), event('usage.reserved', third.id, expiry, [90, 6]),
      event('usage.committed', first.id, { requests: 3, cost_micros: 10, reserved_requests: 2, reserved_cost_micros: 30 }, [70, 7]),
      event('usage.released', second.id, {}, [40, 5]), event('usage.expired', third.id, {}, [10, 3], { kind: 'system' }),
    ].map((one) => expect.objectContaining(one)));
  });

  it('reserves nothing that cannot be recorded', async () => {
    const place = await newPlace();
    await place.limit('agent', place.agents[0]!, { costBudgetMicros: 10 });
    const held = (await place.book(1, 4, { holdSeconds: 60 }))!;
    const before = await counters(place);
    await database.dataSource.query(`ALTER TABLE audit_heads RENAME TO away`);
    try {
      await expect(place.book(1, 1, { holdSeconds: 60 })).rejects.toThrow();
      await expect(meter.commit(place.holder, held.id, {}, BY)).rejects.toThrow();
      await expect(meter.release(place.holder, held.id, BY)).rejects.toThrow();
    } finally {
      await database.dataSource.query(`ALTER TABLE away RENAME TO audit_heads`);
    }
    expect(await counters(place)).toEqual(before);
    expect(await meter.find(place.holder, held.id)).toMatchObject({ status: 'reserved' });
  });

  it('tells of each threshold once in a window, whoever reaches it', async () => {
    const place = await newPlace();
    await place.limit('agent', place.agents[0]!, { requestsPerHour: 10 });
    const told = async () => (await auditTrail(database.dataSource)).filter((event) => event['organization_id'] === place.organizationId && event['type'] === 'limit.threshold_reached').map((event) => (event['details'] as { threshold: number }).threshold);
    const reserved = await place.book(5, 0, { holdSeconds: 60 });
    expect(await told()).toEqual([50]);
    await meter.release(place.holder, reserved!.id, BY);
    await Promise.all(Array.from({ length: 8 }, () => place.book(1, 0)));
    expect(await told()).toEqual([50, 80]);
    await place.book(2, 0);
    expect(await told()).toEqual([50, 80, 100]);
    clock += 600_000;
    await place.book(10, 0);
    expect(await told()).toEqual([50, 80, 100, 50, 80, 100]);
  });
});
