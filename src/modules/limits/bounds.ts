/** Who can be limited. */
export type SubjectKind = 'organization' | 'agent' | 'task' | 'delegation';

/** What is counted. `requests` are whole; `cost` is in millionths of a US dollar. */
export type Meter = 'requests' | 'cost';

/** How long a count lasts before it begins anew: by the clock and the calendar of UTC, or never. */
export type Period = 'hour' | 'day' | 'month' | 'lifetime';

export const COST_PERIODS = ['day', 'month', 'lifetime'] as const satisfies readonly Period[];
export type CostPeriod = (typeof COST_PERIODS)[number];

/** What somebody may use. Null says that there is no bound of that kind. */
export interface Bounds {
  readonly requestsPerHour: number | null;
  readonly costBudgetMicros: number | null;
  /** What the budget is for. */
  readonly costPeriod: CostPeriod;
  /** Names of actions; no other is allowed. */
  readonly allowedActions: readonly string[] | null;
}

/** Somebody who is limited, and how. */
export interface BoundedSubject {
  readonly kind: SubjectKind;
  readonly id: string;
  readonly bounds: Bounds;
}

/** One count: of one thing, for one subject, in one window. */
export interface Counter {
  readonly key: string;
  readonly kind: SubjectKind;
  readonly id: string;
  readonly meter: Meter;
  readonly period: Period;
  /** Null of a count that never began and never ends. */
  readonly start: Date | null;
  readonly end: Date | null;
  readonly bound: number;
}

/** How much is used, or to be used. */
export interface Amounts {
  readonly requests: number;
  readonly costMicros: number;
}

/** The name of a bound on the wire. */
export const LIMIT_OF: { readonly [Name in Meter]: 'requests_per_hour' | 'cost_budget_usd' } = { requests: 'requests_per_hour', cost: 'cost_budget_usd' };

export function amountOf(amounts: Amounts, meter: Meter): number {
  return meter === 'requests' ? amounts.requests : amounts.costMicros;
}

/** The window that a moment falls into. */
export function windowAt(period: Period, at: number): { readonly start: Date | null; readonly end: Date | null } {
  const moment = new Date(at);
  const [year, month, day, hour] = [moment.getUTCFullYear(), moment.getUTCMonth(), moment.getUTCDate(), moment.getUTCHours()];
  switch (period) {
    case 'hour': return { start: new Date(Date.UTC(year, month, day, hour)), end: new Date(Date.UTC(year, month, day, hour + 1)) };
    case 'day': return { start: new Date(Date.UTC(year, month, day)), end: new Date(Date.UTC(year, month, day + 1)) };
    case 'month': return { start: new Date(Date.UTC(year, month)), end: new Date(Date.UTC(year, month + 1)) };
    case 'lifetime': return { start: null, end: null };
  }
}

/** What is counted for somebody now: one counter for each bound on an amount. */
export function countersOf({ kind, id, bounds: { requestsPerHour, costBudgetMicros, costPeriod } }: BoundedSubject, at: number): Counter[] {
  const counter = (meter: Meter, period: Period, bound: number): Counter => {
    const { start, end } = windowAt(period, at);
    return { key: `${kind}:${id}:${meter}:${period}:${start?.toISOString() ?? ''}`, kind, id, meter, period, start, end, bound };
  };
  return [
    ...(requestsPerHour === null ? [] : [counter('requests', 'hour', requestsPerHour)]),
    ...(costBudgetMicros === null ? [] : [counter('cost', costPeriod, costBudgetMicros)]),
  ];
}

/**
 * @param names those that an action goes by: one that is allowed is enough
 */
export function allowsAction({ allowedActions }: Pick<Bounds, 'allowedActions'>, names: readonly string[]): boolean {
  return allowedActions === null || names.some((name) => allowedActions.includes(name));
}

/** What a call of a tool goes by: its name, and `invoke`, which stands for every tool. */
export function callsOf(tool: string): string[] {
  return [tool, 'invoke'];
}

export function hasBounds({ requestsPerHour, costBudgetMicros, allowedActions }: Pick<Bounds, 'requestsPerHour' | 'costBudgetMicros' | 'allowedActions'>): boolean {
  return requestsPerHour !== null || costBudgetMicros !== null || allowedActions !== null;
}

/** Do the new bounds allow nothing that the former did not? A budget for another period cannot be compared, and counts as wider. */
export function isNarrower(bounds: Bounds, former: Bounds | undefined): boolean {
  if (!former) return true;
  const within = (amount: number | null, most: number | null) => most === null || (amount !== null && amount <= most);
  return within(bounds.requestsPerHour, former.requestsPerHour) && within(bounds.costBudgetMicros, former.costBudgetMicros)
    && (former.costBudgetMicros === null || bounds.costPeriod === former.costPeriod)
    && (former.allowedActions === null || (bounds.allowedActions?.every((name) => former.allowedActions!.includes(name)) ?? false));
}

/** Which of the thresholds, in per cent of the bound, are reached and were not before. */
export function crossedThresholds(taken: number, bound: number, alerted: number, thresholds: readonly number[]): number[] {
  return thresholds.filter((threshold) => threshold > alerted && taken * 100 >= bound * threshold);
}
