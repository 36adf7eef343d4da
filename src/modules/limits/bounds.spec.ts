import { allowsAction, callsOf, countersOf, crossedThresholds, isNarrower, windowAt, type Bounds, type Period } from './bounds.js';

const AT = Date.parse('2026-12-31T23:59:59.999Z');
const FREE: Bounds = { requestsPerHour: null, costBudgetMicros: null, costPeriod: 'month', allowedActions: null };
const SOME: Bounds = { requestsPerHour: 10, costBudgetMicros: 1000, costPeriod: 'month', allowedActions: ['read', 'search'] };

describe('the window of a count', () => {
  it.each<[Period, string | undefined, string | undefined]>([
    ['hour', '2026-12-31T23:00:00.000Z', '2027-01-01T00:00:00.000Z'], ['day', '2026-12-31T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['month', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'], ['lifetime', undefined, undefined],
  ])('of %s is that of UTC in which the moment lies', (period, start, end) => {
    const window = windowAt(period, AT);
    expect([window.start?.toISOString(), window.end?.toISOString()]).toEqual([start, end]);
    if (end) expect(windowAt(period, Date.parse(end)).start?.toISOString()).toBe(end);
  });
});

describe('what is counted', () => {
  it('is each bound on an amount, in a window of its own that its key names', () => {
    expect(countersOf({ kind: 'agent', id: 'a', bounds: FREE }, AT)).toEqual([]);
    expect(countersOf({ kind: 'agent', id: 'a', bounds: SOME }, AT).map(({ key, bound }) => [key, bound])).toEqual([
      ['agent:a:requests:hour:2026-12-31T23:00:00.000Z', 10], ['agent:a:cost:month:2026-12-01T00:00:00.000Z', 1000],
    ]);
    expect(countersOf({ kind: 'task', id: 't', bounds: { ...FREE, costBudgetMicros: 5, costPeriod: 'lifetime' } }, AT)[0]!.key).toBe('task:t:cost:lifetime:');
    // A budget of the day and one of the month are counted apart, also on the first of the month.
    const first = Date.parse('2026-12-01T00:00:00Z');
    const keys = (['day', 'month'] as const).map((costPeriod) => countersOf({ kind: 'agent', id: 'a', bounds: { ...FREE, costBudgetMicros: 5, costPeriod } }, first)[0]!.key);
    expect(new Set(keys).size).toBe(2);
  });
});

describe('an action', () => {
  it.each<[readonly string[] | null, string[], boolean]>([
    [null, ['anything'], true], [['read'], ['read'], true], [['read'], ['write'], false], [[], ['read'], false],
    [['invoke'], callsOf('search'), true], [['search'], callsOf('search'), true], [['find'], callsOf('search'), false],
  ])('is allowed by %j under the names %j: %s', (allowedActions, names, expected) => {
    expect(allowsAction({ allowedActions }, names)).toBe(expected);
  });
});

describe('narrowing', () => {
  it.each<[string, Partial<Bounds>, boolean]>([
    ['the same', {}, true], ['fewer requests', { requestsPerHour: 9 }, true], ['less money', { costBudgetMicros: 1 }, true], ['fewer actions', { allowedActions: ['read'] }, true],
    ['none of them', { allowedActions: [] }, true], ['more requests', { requestsPerHour: 11 }, false], ['any number of requests', { requestsPerHour: null }, false], ['more money', { costBudgetMicros: 1001 }, false],
    ['any amount of money', { costBudgetMicros: null }, false], ['as much for a day', { costPeriod: 'day' }, false], ['as much for ever', { costPeriod: 'lifetime' }, false],
    ['another action', { allowedActions: ['read', 'write'] }, false], ['any action', { allowedActions: null }, false],
  ])('%s: %s', (_what, change, expected) => {
    expect(isNarrower({ ...SOME, ...change }, SOME)).toBe(expected);
  });

  it('is whatever there is where nothing was limited', () => {
    for (const former of [undefined, FREE]) expect(isNarrower(SOME, former)).toBe(true);
  });
});

describe('thresholds', () => {
  it.each([
    [49, 100, 0, []], [50, 100, 0, [50]], [79, 100, 50, []], [100, 100, 0, [50, 80, 100]], [100, 100, 80, [100]], [120, 100, 100, []], [1, 1, 0, [50, 80, 100]], [2, 3, 0, [50]],
  ])('%d of %d with %d already told reaches %j', (taken, bound, alerted, expected) => {
    expect(crossedThresholds(taken, bound, alerted, [50, 80, 100])).toEqual(expected);
  });
});
