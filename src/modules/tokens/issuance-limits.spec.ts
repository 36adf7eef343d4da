import type { AgentRecord, AgentsService } from '../agents/agents.service.js';
import type { DelegationGrants, DelegationPath } from '../delegation/delegation-grants.service.js';
import type { Counter } from '../limits/bounds.js';
import type { Limits, StandsBehind } from '../limits/limits.service.js';
import type { UsageCounters } from '../limits/usage-counters.service.js';
import { IssuanceLimits, type LimitedIssuance } from './issuance-limits.service.js';
import type { TokenChain, TokenLink } from './token-chain.service.js';

const agent = (id: string, more: Partial<AgentRecord> = {}) => ({ id, isLimited: false, hasLimitedTasks: false, ...more }) as AgentRecord;
const step = (id: string, more: object = {}) => ({ id, principalKind: 'user', principalId: 'person', requestsPerHour: null, costBudgetMicros: null, allowedActions: null, ...more });
const link = (clientId: string, more: Partial<TokenLink> = {}): TokenLink => ({ clientId, agentId: null, delegationGrantId: null, taskId: null, parentTaskId: null, act: null, ...more });
const pathOf = (...steps: object[]) => steps as unknown as DelegationPath;

type Asked = Omit<LimitedIssuance, 'organizationId'> & { readonly agent: AgentRecord };

/** Tokens that are in memory (those that begin with "known"), and others. */
const LINKS: Readonly<Record<string, TokenLink>> = {
  'known of a': link('a'), 'known of b': link('b', { delegationGrantId: 'free' }), 'known of limited': link('limited'), 'of b': link('b'), 'of limited': link('b', { act: { sub: 'limited' } }),
  'known in a task': link('b', { taskId: 't' }), 'known by another delegation': link('b', { delegationGrantId: 'elsewhere' }), 'known by one with bounds': link('b', { delegationGrantId: 'bounded' }),
};
const linksOf = (ids: readonly string[]) => ids.map((id) => LINKS[id]!);

/** Agents that are in memory, and others. */
function limitsAmong(known: readonly AgentRecord[], others: readonly AgentRecord[] = [], exhausted: readonly Partial<Counter>[] = []) {
  const asked: StandsBehind[] = [];
  const find = (id: string, among: readonly AgentRecord[]) => among.find((one) => one.id as string === id);
  const agents = { peek: (id: string) => find(id, known), findCached: (id: string) => Promise.resolve(find(id, [...known, ...others])) } as unknown as AgentsService;
  const limits = { behind: (behind: StandsBehind) => { asked.push(behind); return Promise.resolve([]); } } as unknown as Limits;
  const paths: Record<string, DelegationPath> = { free: pathOf(step('free')), bounded: pathOf(step('bounded', { requestsPerHour: 5 })) };
  const delegations = { peekPath: (id: string) => paths[id] } as unknown as DelegationGrants;
  const chain = { peek: (ids: string[]) => (ids.every((id) => id.startsWith('known')) ? linksOf(ids) : undefined), links: (ids: string[]) => Promise.resolve(linksOf(ids)) } as unknown as TokenChain;
  const counters = { exhausted: () => Promise.resolve(exhausted) } as unknown as UsageCounters;
  return { asked, check: ({ agent: taker, ...issuance }: Asked) => new IssuanceLimits(agents, delegations, limits, counters, chain).check(taker, { organizationId: 'o', ...issuance }) };
}

describe('a token for an agent', () => {
  const [self, other] = [agent('a'), agent('b')];

  it.each<[string, Asked]>([
    ['for itself', { agent: self }], ['by a delegation', { agent: self, path: pathOf(step('d')), act: { sub: 'a' } }], ['for another agent', { agent: self, path: pathOf(step('d', { principalKind: 'agent', principalId: 'b' })) }],
    ['below others', { agent: self, act: { sub: 'a', act: { sub: 'b' } } }], ['in a task', { agent: self, place: { taskId: 't' } }], ['in no task, where others are limited', { agent: agent('a', { hasLimitedTasks: true }), place: {} }],
    ['that descends from others', { agent: self, parent: { tokenId: 'known of b', ancestors: ['known of a'] } }],
    ['that descends from one at hand', { agent: self, parent: { tokenId: 'p', ancestors: ['known of a'], link: link('b') } }],
  ])('%s that no limit concerns is not asked about, and waits for nothing', (_what, issuance) => {
    const { check, asked } = limitsAmong([self, other]);
    expect(check(issuance)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it.each<[string, Asked, Partial<StandsBehind>]>([
    ['that is limited', { agent: agent('a', { isLimited: true }) }, { agentIds: ['a'] }],
    ['in a task where tasks are limited', { agent: agent('a', { hasLimitedTasks: true }), place: { parentTaskId: 't' } }, { taskIds: ['t'] }],
    ['by a delegation that is limited higher up', { agent: self, path: pathOf(step('top', { costBudgetMicros: 5 }), step('d')) }, { delegationIds: ['d'] }],
    ['for another agent that is limited', { agent: self, path: pathOf(step('d', { principalKind: 'agent', principalId: 'limited' })) }, { agentIds: ['a', 'limited'] }],
    ['below an agent that is limited', { agent: self, act: { sub: 'a', act: { sub: 'b', act: { sub: 'limited' } } } }, { agentIds: ['a', 'b', 'limited'] }],
    ['below an agent that is not in memory and limited', { agent: self, act: { sub: 'a', act: { sub: 'elsewhere' } } }, { agentIds: ['a', 'elsewhere'] }],
    ['that descends from one of an agent that is limited', { agent: self, parent: { tokenId: 'known of b', ancestors: ['known of limited'] } }, { agentIds: ['a', 'limited', 'b'], delegationIds: ['free'] }],
    ['whose parent is one of an agent that is limited', { agent: self, parent: { tokenId: 'p', ancestors: [], link: link('limited') } }, { agentIds: ['a', 'limited'] }],
    ['that descends from one that is not in memory', { agent: self, parent: { tokenId: 'known of b', ancestors: ['of limited'] } }, { agentIds: ['a', 'b', 'limited'] }],
    ['that descends from one in a task where tasks are limited', { agent: agent('a', { hasLimitedTasks: true }), parent: { tokenId: 'known in a task', ancestors: [] } }, { taskIds: ['t'] }],
    ['that descends from one by a delegation of which nothing is in memory', { agent: self, parent: { tokenId: 'known by another delegation', ancestors: [] } }, { delegationIds: ['elsewhere'] }],
    ['that descends from one by a delegation that is limited', { agent: self, parent: { tokenId: 'known by one with bounds', ancestors: [] } }, { delegationIds: ['bounded'] }],
  ])('%s is asked about with all above it', async (_what, issuance, behind) => {
    const { check, asked } = limitsAmong([self, other, agent('limited', { isLimited: true })], [agent('elsewhere', { isLimited: true })]);
    await check(issuance);
    expect(asked).toMatchObject([behind]);
  });

  it('below an agent that is neither in memory nor limited is not asked about further', async () => {
    const { check, asked } = limitsAmong([self], [other]);
    await check({ agent: self, act: { sub: 'a', act: { sub: 'b' } } });
    expect(asked).toEqual([]);
  });

  it('that descends from one that is not in memory, and that no limit concerns, is not asked about further', async () => {
    const { check, asked } = limitsAmong([self, other]);
    await check({ agent: self, parent: { tokenId: 'known of a', ancestors: ['of b'] } });
    expect(asked).toEqual([]);
  });

  it('is refused in the words of OAuth when nothing is left', async () => {
    const { check } = limitsAmong([], [], [{ kind: 'agent', id: 'a', meter: 'cost', period: 'lifetime', start: null, end: null, bound: 5 }]);
    await expect(check({ agent: agent('a', { isLimited: true }) })).rejects.toMatchObject({ code: 'access_denied', message: 'Nothing is left of cost_budget_usd of the agent for as long as it lasts.' });
  });
});
