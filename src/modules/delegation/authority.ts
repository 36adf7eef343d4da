import type { JsonValue } from '../../kernel/canonical-json.js';

/** One element of `authorization_details` (RFC 9396 section 2). */
export type AuthorizationDetail = { readonly type: string } & { readonly [member: string]: JsonValue };

/** What one delegation lets its agent do at the most. Null says that there is no bound of that kind. */
export interface Authority {
  readonly scopes: readonly string[];
  /** Names of tools. */
  readonly tools: readonly string[] | null;
  /** Identifiers of the APIs and MCP servers where it works (RFC 8707). */
  readonly resources: readonly string[] | null;
  readonly authorizationDetails: readonly AuthorizationDetail[];
  /** How many further delegations may follow one another below this one. */
  readonly maxDepth: number;
  /** NumericDate before which nothing is issued for it. */
  readonly notBefore: number | null;
  /** NumericDate. */
  readonly expiresAt: number | null;
  /** Seconds that a token issued for it lives at the longest. */
  readonly maxTokenTtl: number | null;
  /** How many tokens may be issued for it. */
  readonly maxUses: number | null;
  /** What may be used by it and by what is below it, metered by `limits`: calls in an hour. */
  readonly requestsPerHour: number | null;
  /** Millionths of a US dollar, for as long as it stands. */
  readonly costBudgetMicros: number | null;
  /** Names of actions; no other is allowed. */
  readonly allowedActions: readonly string[] | null;
}

/** An authority that is not limited in what may be used by it. */
export const UNMETERED = { requestsPerHour: null, costBudgetMicros: null, allowedActions: null } as const satisfies Partial<Authority>;

/** The rules of coverage among scopes that apply where the delegation is made. */
export interface ScopeCoverage {
  covers(held: ReadonlySet<string>, wanted: string): boolean;
}
