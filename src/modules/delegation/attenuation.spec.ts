import fc from 'fast-check';
import { covers } from '../../kernel/scope-set.js';
import { attenuate, NARROWING, type NarrowingRules } from './attenuation.js';
import type { Authority, AuthorizationDetail } from './authority.js';

const scopes = { covers };

const ALL: Authority = {
  scopes: ['calendar:read', 'mail:send'], tools: ['search', 'book'], resources: ['https://a.example', 'https://b.example'],
  authorizationDetails: [{ type: 'payment', actions: ['initiate', 'status'], currency: 'EUR' }],
  maxDepth: 2, notBefore: 1_000, expiresAt: 2_000, maxTokenTtl: 300, maxUses: 10,
  requestsPerHour: 60, costBudgetMicros: 2_500_000, allowedActions: ['search', 'read'],
};

/** One thing that somebody might do with an authority. */
interface Act {
  readonly scope: string;
  readonly tool: string;
  readonly resource: string;
  readonly detail: AuthorizationDetail;
  readonly at: number;
  readonly tokenTtl: number;
  readonly uses: number;
  readonly requests: number;
  readonly cost: number;
  readonly action: string;
}

/** What an authority permits, said without the rules that are tested: each bound on its own, as whoever enforces it reads it. */
const PERMITS: { readonly [Bound in keyof Authority]: (authority: Authority, act: Act) => boolean } = {
  scopes: ({ scopes: held }, { scope }) => held.some((name) => scope === name || (name.includes(':') && scope.startsWith(`${name}:`))),
  tools: ({ tools }, { tool }) => tools === null || tools.includes(tool),
  resources: ({ resources }, { resource }) => resources === null || resources.includes(resource),
  authorizationDetails: ({ authorizationDetails }, { detail }) => authorizationDetails.some((held) =>
    held.type === detail.type && held['currency'] === detail['currency'] && (detail['actions'] as string[]).every((action) => (held['actions'] as string[]).includes(action))),
  maxDepth: () => true,
  notBefore: ({ notBefore }, { at }) => notBefore === null || at >= notBefore,
  expiresAt: ({ expiresAt }, { at }) => expiresAt === null || at <= expiresAt,
  maxTokenTtl: ({ maxTokenTtl }, { tokenTtl }) => maxTokenTtl === null || tokenTtl <= maxTokenTtl,
  maxUses: ({ maxUses }, { uses }) => maxUses === null || uses <= maxUses,
  requestsPerHour: ({ requestsPerHour }, { requests }) => requestsPerHour === null || requests <= requestsPerHour,
  costBudgetMicros: ({ costBudgetMicros }, { cost }) => costBudgetMicros === null || cost <= costBudgetMicros,
  allowedActions: ({ allowedActions }, { action }) => allowedActions === null || allowedActions.includes(action),
};

const name = fc.constantFrom('calendar:read', 'calendar:read:busy', 'calendar:write', 'mail:send');
const tool = fc.constantFrom('search', 'book', 'pay');
const resource = fc.constantFrom('https://a.example', 'https://b.example', 'https://c.example');
const detail: fc.Arbitrary<AuthorizationDetail> = fc.record({
  type: fc.constantFrom('payment', 'document'), actions: fc.uniqueArray(fc.constantFrom('initiate', 'status', 'cancel'), { minLength: 1 }), currency: fc.constantFrom('EUR', 'USD'),
});
const orNone = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 4 });
const parts = {
  scopes: fc.uniqueArray(name), tools: orNone(fc.uniqueArray(tool)), resources: orNone(fc.uniqueArray(resource)), authorizationDetails: fc.array(detail, { maxLength: 3 }),
  notBefore: orNone(fc.integer({ min: 0, max: 6 })), expiresAt: orNone(fc.integer({ min: 0, max: 6 })), maxTokenTtl: orNone(fc.integer({ min: 1, max: 6 })), maxUses: orNone(fc.integer({ min: 1, max: 6 })),
  requestsPerHour: orNone(fc.integer({ min: 1, max: 6 })), costBudgetMicros: orNone(fc.integer({ min: 1, max: 6 })), allowedActions: orNone(fc.uniqueArray(tool)),
};
const authority: fc.Arbitrary<Authority> = fc.record({ ...parts, maxDepth: fc.integer({ min: 0, max: 4 }) });
/** A request that differs from what is above in few places, or most chains would end at their first step. */
const asked: fc.Arbitrary<Partial<Authority>> = fc.oneof(
  ...Object.entries(parts).map(([member, values]) => (values as fc.Arbitrary<unknown>).map((value) => ({ [member]: value }))),
  fc.integer({ min: 0, max: 5 }).map((maxDepth) => ({ maxDepth })),
  fc.record(parts, { requiredKeys: [] }),
) as fc.Arbitrary<Partial<Authority>>;
const act: fc.Arbitrary<Act> = fc.record({
  scope: name, tool, resource, detail, at: fc.integer({ min: 0, max: 6 }), tokenTtl: fc.integer({ min: 1, max: 6 }), uses: fc.integer({ min: 1, max: 6 }),
  requests: fc.integer({ min: 1, max: 6 }), cost: fc.integer({ min: 1, max: 6 }), action: tool,
});

/** The chain that comes of these requests: those that are refused make no link. */
function chain(root: Authority, requests: readonly Partial<Authority>[], rules: NarrowingRules): Authority[] {
  const links = [root];
  for (const request of requests) {
    const made = attenuate(links.at(-1)!, request, scopes, rules);
    if ('authority' in made) links.push(made.authority);
  }
  return links;
}

/** Holds when nothing is permitted by a link that one above it does not permit, and the chain is no longer than its root allows. */
function neverWidens(rules: NarrowingRules): fc.IProperty<[Authority, Partial<Authority>[], Act]> {
  return fc.property(authority, fc.array(asked, { maxLength: 8 }), act, (root, requests, what) => {
    const links = chain(root, requests, rules);
    if (links.length - 1 > root.maxDepth) return false;
    return Object.values(PERMITS).every((permits) => links.every((link, index) => !permits(link, what) || links.slice(0, index).every((above) => permits(above, what))));
  });
}

describe('attenuation', () => {
  it('never widens, whatever sequence of steps is asked for', () => {
    fc.assert(neverWidens(NARROWING), { numRuns: 2_000 });
  });

  it.each(Object.keys(NARROWING) as (keyof Authority)[])('needs its rule for %s: without it some sequence of steps widens', (member) => {
    const { [member]: _removed, ...rest } = NARROWING;
    expect(fc.check(neverWidens(rest), { numRuns: 20_000, seed: 20_261 }).failed).toBe(true);
  });

  it('hands on what is above, one step shorter, to whoever asks for nothing in particular', () => {
    expect(attenuate(ALL, {}, scopes)).toEqual({ authority: { ...ALL, maxDepth: 1 } });
  });

  it('gives what is asked for when it is less', () => {
    const less: Partial<Authority> = {
      scopes: ['calendar:read:busy'], tools: ['book'], resources: [], authorizationDetails: [{ type: 'payment', actions: ['status'], currency: 'EUR' }],
      maxDepth: 0, notBefore: 1_100, expiresAt: 1_900, maxTokenTtl: 60, maxUses: 1,
      requestsPerHour: 59, costBudgetMicros: 2_499_999, allowedActions: ['read'],
    };
    expect(attenuate(ALL, less, scopes)).toEqual({ authority: less });
  });

  it.each<[keyof Authority, Partial<Authority>, string[]]>([
    ['scopes', { scopes: ['calendar:read', 'calendar:write'] }, ['calendar:write']],
    ['scopes', { scopes: ['calendar'] }, ['calendar']],
    ['tools', { tools: ['search', 'pay'] }, ['pay']],
    ['tools', { tools: null }, ['everything']],
    ['resources', { resources: ['https://a.example/'] }, ['https://a.example/']],
    ['authorizationDetails', { authorizationDetails: [{ type: 'payment', actions: ['initiate', 'cancel'], currency: 'EUR' }] }, ['payment']],
    ['authorizationDetails', { authorizationDetails: [{ type: 'payment', actions: ['initiate'] }] }, ['payment']],
    ['authorizationDetails', { authorizationDetails: [{ type: 'payment', actions: ['initiate'], currency: 'EUR', amount: '1' }] }, ['payment']],
    ['authorizationDetails', { authorizationDetails: [{ type: 'payment', actions: [], currency: 'EUR' }] }, ['payment']],
    ['maxDepth', { maxDepth: 2 }, ['2']],
    ['notBefore', { notBefore: 999 }, ['999']],
    ['notBefore', { notBefore: null }, ['no beginning']],
    ['expiresAt', { expiresAt: 2_001 }, ['2001']],
    ['expiresAt', { expiresAt: null }, ['no limit']],
    ['maxTokenTtl', { maxTokenTtl: 301 }, ['301']],
    ['maxUses', { maxUses: null }, ['no limit']],
    ['requestsPerHour', { requestsPerHour: 61 }, ['61']],
    ['costBudgetMicros', { costBudgetMicros: 2_500_001 }, ['2.500001']],
    ['costBudgetMicros', { costBudgetMicros: null }, ['no limit']],
    ['allowedActions', { allowedActions: ['read', 'write'] }, ['write']],
  ])('refuses more %s than there is, and says what', (member, request, beyond) => {
    expect(attenuate(ALL, request, scopes)).toEqual({ widenings: [{ member, beyond }] });
  });

  it('says of every member at once where more was asked for', () => {
    const made = attenuate(ALL, { scopes: ['x:y'], maxUses: 11 }, scopes);
    expect(made).toEqual({ widenings: [{ member: 'scopes', beyond: ['x:y'] }, { member: 'maxUses', beyond: ['11'] }] });
  });

  it('ends where the depth is used up', () => {
    expect(attenuate({ ...ALL, maxDepth: 0 }, {}, scopes)).toEqual({ widenings: [{ member: 'maxDepth', beyond: ['0'] }] });
  });
});
