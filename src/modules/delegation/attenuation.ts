import { canonicalJson } from '../../kernel/canonical-json.js';
import { microsAsUsd } from '../../kernel/usd.js';
import type { Authority, AuthorizationDetail, ScopeCoverage } from './authority.js';

/** Where a delegation asked for more than the one above it has, and what exactly. */
export interface Widening {
  readonly member: keyof Authority;
  readonly beyond: readonly string[];
}

/** A part of what is asked for that the authority above does not hold; empty when it holds all. */
type NarrowingRule = (above: Authority, asked: Authority, scopes: ScopeCoverage) => readonly string[];

/** Members that list what may be done: a child lists no more. */
const notIn = (above: readonly string[] | null, asked: readonly string[] | null): readonly string[] =>
  above === null ? [] : asked === null ? ['everything'] : asked.filter((name) => !above.includes(name));

/** Members that are limits: a child's is no higher. */
const higherThan = (above: number | null, asked: number | null, inWords: (amount: number) => string = String): readonly string[] =>
  above === null ? [] : asked === null ? ['no limit'] : asked > above ? [inWords(asked)] : [];

/**
 * One rule for each member of an authority. Together they are what keeps a chain of delegations from ever widening: taking any
 * one away makes `attenuation.spec.ts` find a chain that does.
 */
export const NARROWING: { readonly [Member in keyof Authority]: NarrowingRule } = {
  scopes: (above, asked, scopes) => {
    const held = new Set(above.scopes);
    return asked.scopes.filter((name) => !scopes.covers(held, name));
  },
  tools: (above, asked) => notIn(above.tools, asked.tools),
  resources: (above, asked) => notIn(above.resources, asked.resources),
  authorizationDetails: (above, asked) => asked.authorizationDetails.filter((detail) => !above.authorizationDetails.some((held) => contains(held, detail))).map(({ type }) => type),
  // One step is used up by the delegation itself; whoever has none left hands nothing on.
  maxDepth: (above, asked) => (asked.maxDepth < 0 || asked.maxDepth > above.maxDepth - 1 ? [String(Math.max(asked.maxDepth, 0))] : []),
  notBefore: (above, asked) => (above.notBefore !== null && (asked.notBefore === null || asked.notBefore < above.notBefore) ? [String(asked.notBefore ?? 'no beginning')] : []),
  expiresAt: (above, asked) => higherThan(above.expiresAt, asked.expiresAt),
  maxTokenTtl: (above, asked) => higherThan(above.maxTokenTtl, asked.maxTokenTtl),
  maxUses: (above, asked) => higherThan(above.maxUses, asked.maxUses),
  requestsPerHour: (above, asked) => higherThan(above.requestsPerHour, asked.requestsPerHour),
  costBudgetMicros: (above, asked) => higherThan(above.costBudgetMicros, asked.costBudgetMicros, microsAsUsd),
  allowedActions: (above, asked) => notIn(above.allowedActions, asked.allowedActions),
};

export type NarrowingRules = Partial<typeof NARROWING>;

/**
 * The authority of a delegation made by the holder of another one: what is asked for, and where nothing is said, what is there
 * – or every place where more was asked for than there is. Nothing is cut down in silence.
 *
 * @param above what the delegator holds by their own delegation
 * @param asked members left out are as above, with one step of depth less
 */
export function attenuate(
  above: Authority, asked: Partial<Authority>, scopes: ScopeCoverage, rules: NarrowingRules = NARROWING,
): { readonly authority: Authority } | { readonly widenings: readonly Widening[] } {
  const authority: Authority = { ...above, maxDepth: above.maxDepth - 1, ...asked };
  const widenings = (Object.entries(rules) as [keyof Authority, NarrowingRule][])
    .map(([member, rule]) => ({ member, beyond: rule(above, authority, scopes) }))
    .filter(({ beyond }) => beyond.length > 0);
  return widenings.length > 0 ? { widenings } : { authority };
}

/**
 * Is everything that `asked` permits permitted by `held`? Only the type of a detail knows what its members mean, so this is
 * strict: the same type and members; lists of text may be shorter, everything else is the same (RFC 9396 section 6.1 leaves
 * the comparison to the server).
 */
function contains(held: AuthorizationDetail, asked: AuthorizationDetail): boolean {
  const members = Object.keys(held);
  if (members.length !== Object.keys(asked).length) return false;
  return members.every((member) => {
    const [all, some] = [held[member], asked[member]];
    if (some === undefined || all === undefined) return false;
    if (isTextList(all) && isTextList(some)) return some.length > 0 && some.every((name) => all.includes(name));
    return canonicalJson(all) === canonicalJson(some);
  });
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((member) => typeof member === 'string');
}
