/** What a decision by policies takes inside the server, with 10, 100 and 1000 policies in the organization. No network, no database. */
import { randomUUID } from 'node:crypto';
import { BoundedMap } from '../src/kernel/bounded-map.js';
import type { OrganizationId } from '../src/kernel/ids.js';
import { ScopeGraph } from '../src/kernel/scope-graph.js';
import { checkPolicy } from '../src/modules/policies/compile-policy.js';
import { ParsedSets } from '../src/modules/policies/parsed-sets.js';
import { PolicyDecisions, type DecisionRequest } from '../src/modules/policies/policy-decisions.service.js';
import { PolicySet, type Engine, type Outcome } from '../src/modules/policies/policy-set.js';
import type { PolicySets } from '../src/modules/policies/policy-sets.service.js';
import type { ScopesService } from '../src/modules/scopes/scopes.service.js';

export const DECISION_SIZES = [10, 100, 1000] as const;

export interface DecisionSeries {
  readonly policies: number;
  /** `new`: facts that were not seen before, so that Cedar is asked; `seen`: facts whose outcome is remembered. */
  readonly facts: 'new' | 'seen';
  /** Microseconds, one of each for each round. */
  readonly p50: number[];
  readonly p99: number[];
  /** Policies that concern a request and reach Cedar, at most. */
  readonly mostCandidates: number;
}

/** Milliseconds, at p50, with facts that were not seen before. */
export const DECISION_AIMS: Readonly<Record<number, number>> = { 10: 0.1, 100: 0.15, 1000: 0.25 };

const AGENTS = 50;
const WARM_UP = 3000;
const ASKED = 5000;
const HERE = randomUUID() as OrganizationId;

/**
 * Three policies that concern everybody, as the shipped ones, and for the rest in turns: one for an agent, one for a scope with
 * conditions, one that denies a tool.
 */
function policies(count: number): object[] {
  const common = [
    { effect: 'allow', who: { agents: ['*'] }, what: { actions: ['issue'], scopes: ['*'] }, when: { attribute: 'resource.is_assigned', equals: true } },
    { effect: 'allow', who: { users: ['*'] }, what: { actions: ['issue'], scopes: ['*'] }, when: { attribute: 'resource.is_allowed_by_role', equals: true } },
    { effect: 'deny', who: { agents: ['*'], attributes: { agent_trust_level: 'verified' } }, what: { actions: ['issue'] }, when: { attribute: 'context.auth_age', more_than: 1_000_000_000 } },
  ];
  const kinds = [
    (index: number) => ({ effect: 'allow', who: { agents: [`agent-${index}`] }, what: { scopes: [`area${index}:*`] }, when: { attribute: 'context.launch_reason', in: ['user_interactive', 'agent_delegated'] } }),
    (index: number) => ({
      effect: 'allow', what: { actions: ['issue'], scopes: [`area${index}:read`] },
      when: { all: [{ attribute: 'context.auth_age', at_most: 1_000_000 }, { attribute: 'context.ip', ip_in: '10.0.0.0/8' }, { attribute: 'subject.agent_type', equals: 'coding' }] },
    }),
    (index: number) => ({ effect: 'deny', what: { tools: [`tool-${index}`] }, when: { not: { attribute: 'context.acr', equals: 'high' } } }),
  ];
  return [...common, ...Array.from({ length: count - common.length }, (_, index) => kinds[index % kinds.length]!(Math.floor(index / kinds.length)))];
}

function decider(count: number): { decisions: PolicyDecisions; set: PolicySet; graph: ScopeGraph } {
  const scopes = { isOidcScope: () => false, isApiScope: () => false };
  const engine: Engine = { parsed: new ParsedSets(), outcomes: new BoundedMap<string, Outcome>(20_000), scopes };
  const set = new PolicySet(policies(count).map((rule, index) => {
    const compiled = checkPolicy(rule);
    if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems));
    return { id: `policy-${index}`, name: `policy ${index}`, compiled };
  }), 'bench', engine);
  const graph = new ScopeGraph(new Map(), new Set());
  const sets = { peek: () => set, of: () => Promise.resolve(set) } as unknown as PolicySets;
  const decisions = new PolicyDecisions(sets, { peekGraph: () => graph, graphOf: () => Promise.resolve(graph) } as unknown as ScopesService);
  return { decisions, set, graph };
}

function request(index: number, authAge: number): DecisionRequest {
  const agent = index % AGENTS;
  return {
    organizationId: HERE,
    subject: { type: 'agent', id: `agent-${agent}`, attributes: ATTRIBUTES },
    action: 'issue',
    resource: { type: 'scope', id: `area${index % 7}:read` },
    context: { launch_reason: 'user_interactive', auth_age: authAge, ip: `10.0.${(authAge >> 8) & 255}.${authAge & 255}`, grant_type: 'client_credentials' },
  };
}

const ATTRIBUTES = {
  agent_type: 'coding', agent_trust_level: 'verified', status: 'active', capabilities: ['summarize'],
  assigned_scopes: Array.from({ length: 20 }, (_, index) => `area${index}:read`), assigned_tools: ['weather'],
};

/** In turns, so that a slow minute of the machine hits all sizes alike. */
export async function measureDecisions(rounds: number): Promise<DecisionSeries[]> {
  const series: DecisionSeries[] = [];
  let fresh = 0;
  for (const count of DECISION_SIZES) {
    const { decisions, set, graph } = decider(count);
    let mostCandidates = 0;
    for (let index = 0; index < AGENTS * 7; index += 1) mostCandidates = Math.max(mostCandidates, set.questionOf(request(index, 1), graph).plan.policies.length);
    for (let index = 0; index < WARM_UP; index += 1) await allowed(decisions, request(index, fresh += 1));
    for (const facts of ['new', 'seen'] as const) {
      const one: DecisionSeries = { policies: count, facts, p50: [], p99: [], mostCandidates };
      for (let round = 0; round < rounds; round += 1) {
        const times = new Float64Array(ASKED);
        for (let index = 0; index < ASKED; index += 1) {
          const asked = request(index, facts === 'new' ? fresh += 1 : 1);
          const started = process.hrtime.bigint();
          await allowed(decisions, asked);
          times[index] = Number(process.hrtime.bigint() - started) / 1000;
        }
        times.sort();
        one.p50.push(times[ASKED >> 1]!);
        one.p99.push(times[Math.floor(ASKED * 0.99)]!);
      }
      series.push(one);
      console.error(`decisions  ${String(count).padStart(5)} policies  ${facts.padEnd(4)} facts  p50 ${one.p50.map((value) => value.toFixed(0)).join(', ')} µs`);
    }
  }
  return series;
}

/** A decision that came out wrong is no measurement. */
async function allowed(decisions: PolicyDecisions, asked: DecisionRequest): Promise<void> {
  const { isAllowed, reason } = await decisions.decide(asked);
  if (!isAllowed) throw new Error(`what every agent may do was denied: ${reason}`);
}
