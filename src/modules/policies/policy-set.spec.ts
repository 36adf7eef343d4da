import fc from 'fast-check';
import { BoundedMap } from '../../kernel/bounded-map.js';
import { useClock } from '../../kernel/clock.js';
import type { OrganizationId } from '../../kernel/ids.js';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { covers } from '../../kernel/scope-set.js';
import { isAuthorized } from './cedar.js';
import { actionEntity, resourceEntity, subjectEntity } from './cedar-terms.js';
import { checkPolicy, compilePolicy } from './compile-policy.js';
import type { DecisionRequest } from './decision.js';
import { ParsedSets } from './parsed-sets.js';
import { PolicySet, type Engine, type SetPolicy } from './policy-set.js';
import { cedarInput, factsOf } from './request-facts.js';
import { scopeRelations, type ScopeOrder } from './scope-relations.js';
import { standingOf } from './standing.js';

const HERE = '0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e' as OrganizationId;
/** Nothing implies anything. */
const NAMES: ScopeOrder = { covers, reached: (scope) => [scope] };
const engine = (): Engine => ({
  parsed: new ParsedSets(), outcomes: new BoundedMap(1000),
  scopes: { isOidcScope: (name) => name === 'openid', isApiScope: (name) => name.startsWith('agents:') || name.startsWith('policies:') },
});

function policy(id: string, rule: object): SetPolicy {
  const compiled = compilePolicy(rule);
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems));
  return { id, name: id, compiled };
}

const setOf = (...rules: object[]) => new PolicySet(rules.map((rule, index) => policy(`p${index}`, rule)), '1', engine());

const AGENT = { type: 'agent', id: 'a1', attributes: { agent_type: 'coding', agent_trust_level: 'verified', assigned_scopes: ['calendar:read', 'mail:send'], assigned_tools: ['weather'], status: 'active' } };
const ALICE = { type: 'user', id: 'alice', attributes: { role: 'member' } };
const request = (change: Partial<DecisionRequest>): DecisionRequest => ({ organizationId: HERE, subject: AGENT, action: 'issue', resource: { type: 'scope', id: 'calendar:read' }, ...change });
const allows = (rule: object, change: Partial<DecisionRequest> = {}) => setOf(rule).decide(request(change), NAMES).isAllowed;
/** Would it be denied, if everything were allowed otherwise? */
const denies = (rule: object, change: Partial<DecisionRequest> = {}) => !setOf({ effect: 'allow', what: { actions: ['*'] } }, rule).decide(request(change), NAMES).isAllowed;
const allowWhen = (when: object) => ({ effect: 'allow', when });
const denyWhen = (when: object) => ({ effect: 'deny', when });

describe('a set of policies', () => {
  it('allows what a policy allows and none denies, and names the policies', () => {
    const set = setOf({ effect: 'allow', who: { agents: ['*'] } }, { effect: 'allow', what: { actions: ['issue'] } }, { effect: 'deny', what: { actions: ['delegate'] } });
    expect(set.decide(request({}), NAMES)).toEqual({ isAllowed: true, policies: ['p0', 'p1'], reason: 'allowed' });
    expect(set.decide(request({ action: 'delegate' }), NAMES)).toEqual({ isAllowed: false, policies: ['p2'], reason: 'denied_by_policy' });
    expect(set.decide(request({ subject: ALICE, action: 'invoke' }), NAMES)).toEqual({ isAllowed: false, policies: [], reason: 'not_allowed' });
  });

  it('without policies allows nothing', () => {
    expect(new PolicySet([], '1', engine()).decide(request({}), NAMES)).toEqual({ isAllowed: false, policies: [], reason: 'not_allowed' });
  });

  it.each(['permit', 'forbid'])('denies when a %s cannot be evaluated, and names it', (effect) => {
    const overflow = `${effect}(principal, action, resource) when { context has n && context.n * 9223372036854775807 == 3 };`;
    const set = setOf({ effect: 'allow', what: { actions: ['*'] } }, { cedar: overflow, attributes: { 'context.n': 'number' } });
    expect(set.decide(request({ context: { n: 2 } }), NAMES)).toEqual({ isAllowed: false, policies: ['p1'], reason: 'policy_error' });
    expect(set.decide(request({ context: { n: 1 } }), NAMES).isAllowed).toBe(true);
  });

  it('denies when two policies read one attribute as two types', () => {
    const set = setOf(allowWhen({ attribute: 'resource.x', equals: 'a' }), denyWhen({ attribute: 'resource.x', contains: 'b' }));
    const decide = (x: unknown) => set.decide(request({ resource: { type: 'record', id: '1', attributes: { x } } }), NAMES);
    expect(decide('a')).toMatchObject({ isAllowed: false, reason: 'policy_error', policies: ['p1'] });
    expect(decide(['a'])).toMatchObject({ isAllowed: false });
  });
});

describe('who', () => {
  it.each([
    [{ agents: ['*'] }, AGENT, true], [{ agents: ['*'] }, ALICE, false], [{ agents: ['a1'] }, AGENT, true], [{ agents: ['a2', 'a1'] }, AGENT, true], [{ agents: ['a'] }, AGENT, false], [{ agents: ['a*'] }, AGENT, true],
    [{ users: ['a1'] }, AGENT, false], [{ users: ['alice'] }, ALICE, true], [{ clients: ['*'] }, { type: 'client', id: 'crm' }, true], [{ users: ['alice'], agents: ['*'] }, AGENT, true],
    [{ subjects: [{ type: 'robot' }] }, { type: 'robot', id: 'r2' }, true], [{ subjects: [{ type: 'robot', id: 'r*' }] }, { type: 'robot', id: 'r2' }, true], [{ subjects: [{ type: 'robot', id: 'r2' }] }, { type: 'robot', id: 'r2' }, true],
    [{ subjects: [{ type: 'a', id: 'b:c' }] }, { type: 'a:b', id: 'c' }, false], [{ subjects: [{ type: 'a:b', id: 'c' }] }, { type: 'a', id: 'b:c' }, false], [{ subjects: [{ type: 'agent', id: 'a1' }] }, AGENT, true],
    [{ roles: ['admin'] }, ALICE, false], [{ roles: ['admin', 'member'] }, ALICE, true], [{ roles: ['admin'] }, { type: 'user', id: 'x', attributes: { roles: ['member', 'admin'] } }, true], [{ roles: ['admin'] }, AGENT, false],
    [{ attributes: { agent_trust_level: 'verified' } }, AGENT, true], [{ attributes: { agent_trust_level: ['unverified', 'verified'], agent_type: 'coding' } }, AGENT, true], [{ attributes: { agent_trust_level: 'verified', agent_type: 'retrieval' } }, AGENT, false],
    [{ organizations: [HERE] }, AGENT, true], [{ organizations: ['0199f3a1-7c1e-7b1c-9d3e-000000000000'] }, AGENT, false],
  ])('%j for %j is %s', (who, subject, expected) => {
    expect(allows({ effect: 'allow', who }, { subject })).toBe(expected);
    expect(denies({ effect: 'deny', who }, { subject })).toBe(expected);
  });

  it('that names a role denies a person whose role nobody told, and nobody else', () => {
    expect(denies({ effect: 'deny', who: { roles: ['member'] } }, { subject: { type: 'user', id: 'x' } })).toBe(true);
    expect(allows({ effect: 'allow', who: { roles: ['member'] } }, { subject: { type: 'user', id: 'x' } })).toBe(false);
    expect(denies({ effect: 'deny', who: { roles: ['member'] } })).toBe(false);
  });
});

describe('what', () => {
  it.each([
    [{ scopes: ['calendar:read'] }, 'calendar:read', true, true], [{ scopes: ['calendar:read'] }, 'calendar:read:freebusy', true, true], [{ scopes: ['calendar:read'] }, 'calendar:readable', false, false],
    // Whoever may have the wider scope would have the narrower one, which is denied.
    [{ scopes: ['calendar:read:private'] }, 'calendar:read', false, true], [{ scopes: ['calendar:read:private:*'] }, 'calendar:read', false, true], [{ scopes: ['calendar:read:private'] }, 'calendar', false, false],
    [{ scopes: ['calendar:*'] }, 'calendar:write', true, true], [{ scopes: ['calendar:*'] }, 'calendar', false, false], [{ scopes: ['*'] }, 'anything', true, true],
    [{ scopes: ['mail:send', 'calendar:read'] }, 'calendar:read:x', true, true], [{ tools: ['*'] }, 'calendar:read', false, false], [{ resources: [{ type: 'scope', id: 'calendar:read' }] }, 'calendar:read:x', true, true],
  ])('%j for the scope %s allows: %s, denies: %s', (what, id, allowed, denied) => {
    expect(allows({ effect: 'allow', what }, { resource: { type: 'scope', id } })).toBe(allowed);
    expect(denies({ effect: 'deny', what }, { resource: { type: 'scope', id } })).toBe(denied);
  });

  it('that names a scope follows what implies what, both ways for a denial', () => {
    const implied = new ScopeGraph(new Map([['office:all', ['mail:read']]]), new Set());
    const decide = (rule: object, id: string) => setOf({ effect: 'allow', who: { users: ['*'] } }, rule).decide(request({ resource: { type: 'scope', id } }), implied);
    expect(decide({ effect: 'allow', what: { scopes: ['office:all'] } }, 'mail:read:x').isAllowed).toBe(true);
    expect(decide({ effect: 'deny', what: { scopes: ['mail:read'] } }, 'office:all')).toMatchObject({ reason: 'denied_by_policy' });
    for (const scopes of [['mail:*'], ['mail:read:*'], ['mail:read:x']]) expect(decide({ effect: 'deny', what: { scopes } }, 'office:all')).toMatchObject({ reason: 'denied_by_policy' });
    expect(decide({ effect: 'deny', what: { scopes: ['mail:send:*'] } }, 'office:all')).toMatchObject({ reason: 'not_allowed' });
    expect(decide({ effect: 'allow', what: { scopes: ['mail:read'] } }, 'office:all').isAllowed).toBe(false);
  });

  it('is allowed for no scope that is not active, and still denied', () => {
    const inactive = new ScopeGraph(new Map(), new Set(['calendar:read']));
    for (const scopes of [['calendar:read'], ['calendar:*'], ['*']]) {
      expect(setOf({ effect: 'allow', what: { scopes } }).decide(request({}), inactive).isAllowed).toBe(false);
      expect(setOf({ effect: 'deny', what: { scopes } }).decide(request({}), inactive).reason).toBe('denied_by_policy');
    }
  });

  it.each([
    [{ tools: ['weather'] }, { type: 'tool', id: 'weather' }, true], [{ tools: ['we*'] }, { type: 'tool', id: 'weather' }, true], [{ tools: ['weather'] }, { type: 'scope', id: 'weather' }, false],
    [{ resources: ['https://api.example/*'] }, { type: 'resource', id: 'https://api.example/v1' }, true], [{ resources: ['https://api.example'] }, { type: 'resource', id: 'https://api.example/v1' }, false],
    [{ resources: [{ type: 'record' }] }, { type: 'record', id: '7' }, true], [{ resources: [{ type: 'record', id: 'r-*' }] }, { type: 'record', id: 'r-7' }, true], [{ resources: [{ type: 'record', id: 'r-7' }] }, { type: 'doc', id: 'r-7' }, false],
    [{ actions: ['read'] }, { type: 'record', id: '7' }, true], [{ actions: ['re*'] }, { type: 'record', id: '7' }, true], [{ actions: ['write', 'read'] }, { type: 'record', id: '7' }, true], [{ actions: ['rea'] }, { type: 'record', id: '7' }, false],
    [{ actions: ['read'], resources: [{ type: 'record' }] }, { type: 'doc', id: '7' }, false],
  ])('%j for reading %j is %s', (what, resource, expected) => {
    expect(allows({ effect: 'allow', what }, { resource, action: 'read' })).toBe(expected);
    expect(denies({ effect: 'deny', what }, { resource, action: 'read' })).toBe(expected);
  });
});

describe('when', () => {
  const at = (time: string) => ({ context: { time } });
  it.each([
    [{ attribute: 'context.n', equals: 5 }, { context: { n: 5 } }, true], [{ attribute: 'context.n', equals: 5 }, { context: { n: 6 } }, false],
    [{ attribute: 'context.n', in: [4, 5] }, { context: { n: 5 } }, true], [{ attribute: 'context.n', less_than: 5 }, { context: { n: 5 } }, false], [{ attribute: 'context.n', at_most: 5 }, { context: { n: 5 } }, true],
    [{ attribute: 'context.n', at_least: 5 }, { context: { n: 5 } }, true], [{ attribute: 'context.n', more_than: 5 }, { context: { n: 5 } }, false], [{ attribute: 'context.f', equals: true }, { context: { f: true } }, true],
    [{ attribute: 'context.t', contains: 'b' }, { context: { t: ['a', 'b'] } }, true], [{ attribute: 'context.t', contains_any: ['c', 'b'] }, { context: { t: new Set(['a', 'b']) } }, true], [{ attribute: 'context.t', contains_all: ['c', 'b'] }, { context: { t: ['a', 'b'] } }, false],
    [{ attribute: 'context.task.name', starts_with: 're*' }, { context: { task: { name: 're*port' } } }, true], [{ attribute: 'context.task.name', starts_with: 're*' }, { context: { task: { name: 'report' } } }, false],
    [{ attribute: 'context.launch_reason', equals: 'system_job' }, { context: { launch_reason: 'system_job' } }, true], [{ attribute: 'context.delegation_depth', at_most: 1 }, { context: { delegation_depth: 2 } }, false],
    [{ attribute: 'context.amr', contains: 'hwk' }, { context: { amr: ['pwd', 'hwk'] } }, true], [{ attribute: 'context.auth_age', at_most: 300 }, { context: { auth_age: 299 } }, true],
    [{ attribute: 'context.ip', ip_in: '10.0.0.0/8' }, { context: { ip: '10.1.2.3' } }, true], [{ attribute: 'context.ip', ip_in: '10.0.0.0/8' }, { context: { ip: '::ffff:10.1.2.3' } }, true], [{ attribute: 'context.ip', ip_in: ['10.0.0.0/8', '2001:db8::/32'] }, { context: { ip: '2001:DB8:0:0::1' } }, true],
    [{ attribute: 'context.ip', ip_in: '10.0.0.0/8' }, { context: { ip: '11.0.0.1' } }, false], [{ attribute: 'context.time', before: '2026-01-01T00:00:00Z' }, at('2025-12-31T23:59:59.999Z'), true], [{ attribute: 'context.time', after: '2026-01-01T00:00:00Z' }, at('2025-12-31T18:59-05:00'), false],
    [{ within: { from: '09:00', to: '17:00' } }, at('2026-01-07T09:00:00Z'), true], [{ within: { from: '09:00', to: '17:00' } }, at('2026-01-07T17:00:00Z'), false], [{ within: { from: '09:00', to: '17:00', zone: 'Europe/Berlin' } }, at('2026-01-07T08:00:00Z'), true],
    [{ within: { from: '22:00', to: '06:00' } }, at('2026-01-07T23:00:00Z'), true], [{ within: { from: '22:00', to: '06:00' } }, at('2026-01-07T05:59:59Z'), true], [{ within: { from: '22:00', to: '06:00' } }, at('2026-01-07T12:00:00Z'), false],
    [{ within: { days: ['wed'] } }, at('2026-01-07T12:00:00Z'), true], [{ within: { days: ['thu'], zone: 'Asia/Tokyo' } }, at('2026-01-07T23:00:00Z'), true], [{ within: { to: '12:00', days: ['sat', 'sun'] } }, at('2026-01-07T11:00:00Z'), false],
    [{ attribute: 'resource.owner', equals: { attribute: 'subject.id' } }, { resource: { type: 'doc', id: '1', attributes: { owner: 'a1' } } }, true], [{ attribute: 'subject.assigned_tools', contains: { attribute: 'resource.id' } }, { resource: { type: 'doc', id: 'weather' } }, true],
    [{ attribute: 'subject.agent_type', in: { attribute: 'resource.types' } }, { resource: { type: 'doc', id: '1', attributes: { types: ['coding'] } } }, true], [{ attribute: 'action.soft', equals: true }, { actionAttributes: { soft: true } }, true], [{ attribute: 'action.name', starts_with: 'is' }, {}, true],
    [{ attribute: 'resource.x', exists: true }, { resource: { type: 'doc', id: '1', attributes: { x: 0 } } }, true], [{ attribute: 'resource.x', exists: false }, { resource: { type: 'doc', id: '1', attributes: { x: null } } }, true],
    [{ all: [{ attribute: 'context.a', equals: 'x' }, { not: { attribute: 'context.b', equals: 'x' } }] }, { context: { a: 'x', b: 'y' } }, true], [{ any: [{ attribute: 'context.a', equals: 'x' }, { attribute: 'context.b', equals: 'x' }] }, { context: { a: 'y', b: 'x' } }, true],
  ] as [object, Partial<DecisionRequest>, boolean][])('%j with %j is %s', (when, change, expected) => {
    expect(allows(allowWhen(when), change)).toBe(expected);
    expect(denies(denyWhen(when), change)).toBe(expected);
  });

  it.each([
    ['is missing', undefined], ['is of another type', { wrong: true }], ['is a number that is not whole', 1.5], ['is null', null],
  ])('counts an attribute that %s against whoever asks', (_how, value) => {
    for (const when of [{ attribute: 'context.x', equals: 1 }, { attribute: 'context.x', starts_with: 'a' }, { attribute: 'context.x', contains: 'a' }, { attribute: 'context.x', ip_in: '0.0.0.0/0' }, { attribute: 'context.x', after: '2000-01-01T00:00:00Z' }]) {
      const change = { context: { x: value } };
      expect({ when, allowed: allows(allowWhen(when), change), denied: denies(denyWhen(when), change) }).toEqual({ when, allowed: false, denied: true });
      expect({ when, allowed: allows(allowWhen({ not: when }), change), denied: denies(denyWhen({ not: when }), change) }).toEqual({ when, allowed: false, denied: true });
      expect(allows(allowWhen({ not: { not: when } }), change)).toBe(false);
    }
  });

  it('does not count what this kind of subject cannot have as missing', () => {
    const unverified = { attribute: 'subject.agent_trust_level', equals: 'unverified' };
    expect(denies(denyWhen(unverified), { subject: ALICE })).toBe(false);
    expect(denies(denyWhen(unverified), { subject: { type: 'agent', id: 'a2' } })).toBe(true);
    expect(denies(denyWhen(unverified), { subject: { type: 'robot', id: 'r2' } })).toBe(true);
    expect(allows(allowWhen({ not: unverified }), { subject: ALICE })).toBe(true);
    expect(allows(allowWhen({ not: unverified }), { subject: { type: 'agent', id: 'a2' } })).toBe(false);
  });

  it('takes the time from the clock unless the asker tells it, and a time that is none for missing', () => {
    const restore = useClock({ now: () => Date.UTC(2026, 0, 7, 12) });
    try {
      const noon = { within: { from: '11:00', to: '13:00' } };
      expect([allows(allowWhen(noon)), allows(allowWhen(noon), at('2026-01-07T03:00:00Z')), allows(allowWhen(noon), at('noon')), denies(denyWhen(noon), at('noon'))]).toEqual([true, false, false, true]);
    } finally {
      restore();
    }
  });
});

describe('what the server works out', () => {
  const assigned = { attribute: 'resource.is_assigned', equals: true };
  const byRole = { attribute: 'resource.is_allowed_by_role', equals: true };
  it.each([
    [assigned, AGENT, { type: 'scope', id: 'calendar:read:freebusy' }, true], [assigned, AGENT, { type: 'scope', id: 'calendar:write' }, false], [assigned, AGENT, { type: 'scope', id: 'openid' }, true], [assigned, AGENT, { type: 'tool', id: 'weather' }, true],
    [assigned, AGENT, { type: 'tool', id: 'stocks' }, false], [assigned, { type: 'agent', id: 'a2' }, { type: 'scope', id: 'calendar:read' }, false], [assigned, AGENT, { type: 'record', id: 'calendar:read', attributes: { is_assigned: true } }, false],
    [byRole, ALICE, { type: 'scope', id: 'calendar:read' }, true], [byRole, ALICE, { type: 'scope', id: 'agents:write' }, true], [byRole, ALICE, { type: 'scope', id: 'policies:write' }, false], [byRole, ALICE, { type: 'scope', id: 'policies:write:x' }, false],
    [byRole, { type: 'user', id: 'x', attributes: { roles: ['owner'] } }, { type: 'scope', id: 'policies:write' }, true], [byRole, { type: 'user', id: 'x', attributes: { role: 'emperor' } }, { type: 'scope', id: 'calendar:read' }, false], [byRole, ALICE, { type: 'tool', id: 'weather' }, true],
  ])('%j of %j on %j is %s', (when, subject, resource, expected) => {
    expect(allows(allowWhen(when), { subject, resource })).toBe(expected);
  });
});

describe('remembered outcomes', () => {
  it('are given again only when everything is the same that the policies read', () => {
    const set = setOf(allowWhen({ all: [{ attribute: 'context.ip', ip_in: '10.0.0.0/8' }, { within: { from: '09:00', to: '17:00' } }] }));
    const decide = (ip: string, time: string) => set.decide(request({ context: { ip, time, unread: Math.random() } }), NAMES).isAllowed;
    const answers = () => [decide('10.0.0.1', '2026-01-07T10:00:00Z'), decide('11.0.0.1', '2026-01-07T10:00:00Z'), decide('10.0.0.1', '2026-01-07T18:00:00Z'), decide('10.0.0.1', '2026-01-07T10:00:01Z')];
    expect(answers()).toEqual([true, false, false, true]);
    expect(answers()).toEqual([true, false, false, true]);
  });

  it('are not shared by two subjects, resources, actions or sets', () => {
    const shared = engine();
    const one = new PolicySet([policy('p', { effect: 'allow', who: { agents: ['a1'] }, what: { actions: ['issue'], tools: ['weather'] } })], '1', shared);
    const other = new PolicySet([policy('p', { effect: 'deny', who: { agents: ['a1'] } })], '2', shared);
    const weather = { type: 'tool', id: 'weather' };
    const asked: Partial<DecisionRequest>[] = [{ resource: weather }, { resource: weather, subject: { type: 'agent', id: 'a2' } }, { resource: weather, action: 'invoke' }, { resource: { type: 'tool', id: 'w' } }];
    for (let round = 0; round < 2; round += 1) expect(asked.map((change) => one.decide(request(change), NAMES).isAllowed)).toEqual([true, false, false, false]);
    expect(other.decide(request({ resource: weather }), NAMES).isAllowed).toBe(false);
  });
});

describe('parsed sets', () => {
  it('make room for each other, and are parsed again when they come back', () => {
    const small: Engine = { ...engine(), parsed: new ParsedSets(2) };
    const sets = ['a1', 'a2', 'a3'].map((id) => new PolicySet([policy(`only-${id}`, { effect: 'allow', who: { agents: [id] }, when: { attribute: 'context.n', at_least: 0 } })], id, small));
    for (let n = 0; n < 3; n += 1) {
      expect(sets.map((set, index) => set.decide(request({ subject: { type: 'agent', id: `a${index + 1}` }, context: { n } }), NAMES).policies)).toEqual([['only-a1'], ['only-a2'], ['only-a3']]);
    }
  });
});

// ---- every rule that can be written, against an evaluator that shares no code with the compiler --------------------------------

const WORDS = ['a', 'b', 'calendar:read', 'calendar:read:x', 'mail'];
const word = fc.constantFrom(...WORDS);
const patterns = fc.uniqueArray(fc.oneof(word, word.map((one) => `${one.slice(0, 3)}*`), fc.constant('*')), { minLength: 1, maxLength: 3 });
const entities = fc.array(fc.record({ type: fc.constantFrom('robot', 'record', 'agent'), id: fc.option(fc.oneof(word, word.map((one) => `${one[0]}*`)), { nil: undefined }) }), { minLength: 1, maxLength: 2 });
interface Leaf { attribute: string; equals?: string; in?: string[]; exists?: boolean }
type Tree = Leaf | { all: Tree[] } | { any: Tree[] } | { not: Tree };
const name = fc.constantFrom('context.x', 'context.y', 'resource.x', 'subject.x', 'subject.agent_type');
const leafTree: fc.Arbitrary<Tree> = fc.oneof(
  fc.record({ attribute: name, equals: word }), fc.record({ attribute: name, in: fc.array(word, { minLength: 1, maxLength: 3 }) }), fc.record({ attribute: name, exists: fc.boolean() }));
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 3, withCrossShrink: true }, leafTree, fc.record({ all: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }), fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }), fc.record({ not: tie('tree') })),
}));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
interface Rule { effect: 'allow' | 'deny'; who?: { agents?: string[]; users?: string[]; subjects?: { type: string; id?: string }[] }; what?: { actions?: string[]; scopes?: string[]; tools?: string[]; resources?: { type: string; id?: string }[] }; when?: Tree }
const rule: fc.Arbitrary<Rule> = fc.record({
  effect: fc.constantFrom('allow' as const, 'deny' as const),
  who: optional(fc.record({ agents: optional(patterns), users: optional(patterns), subjects: optional(entities) })),
  what: optional(fc.record({ actions: optional(patterns), scopes: optional(patterns), tools: optional(patterns), resources: optional(entities) })),
  when: optional(tree),
}).map((one) => JSON.parse(JSON.stringify(one)) as Rule).map(({ who, what, ...rest }) => ({ ...rest, ...(who && Object.keys(who).length > 0 && { who }), ...(what && Object.keys(what).length > 0 && { what }) }))
  .filter(({ effect, who, what, when }) => effect === 'deny' || who !== undefined || what !== undefined || when !== undefined);
const attributes = optional(fc.dictionary(fc.constantFrom('x', 'y', 'agent_type'), word, { maxKeys: 3 }));
const anyRequest: fc.Arbitrary<DecisionRequest> = fc.record({
  subject: fc.record({ type: fc.constantFrom('agent', 'user', 'robot'), id: word, attributes }), action: word, resource: fc.record({ type: fc.constantFrom('scope', 'tool', 'record', 'agent'), id: word, attributes }), context: attributes,
}).map((one) => ({ organizationId: HERE, ...one }));

/** Null when nobody can say. */
function holds(condition: Tree, asked: DecisionRequest): boolean | null {
  if ('all' in condition) return condition.all.map((one) => holds(one, asked)).reduce((a, b) => (a === false || b === false ? false : a === null || b === null ? null : true));
  if ('any' in condition) return condition.any.map((one) => holds(one, asked)).reduce((a, b) => (a === true || b === true ? true : a === null || b === null ? null : false));
  if ('not' in condition) {
    const held = holds(condition.not, asked);
    return held === null ? null : !held;
  }
  const [root, attribute = ''] = condition.attribute.split('.');
  const value = (root === 'context' ? asked.context : asked[root as 'subject' | 'resource'].attributes)?.[attribute];
  if (condition.exists !== undefined) return (value !== undefined) === condition.exists;
  if (value === undefined) return attribute === 'agent_type' && asked.subject.type === 'user' ? false : null;
  return condition.equals === undefined ? condition.in!.includes(value as string) : value === condition.equals;
}

function applies({ effect, who, what, when }: Rule, { subject, action, resource, ...rest }: DecisionRequest): boolean {
  const fits = (pattern: string, text: string) => (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text);
  const scopeFits = (pattern: string) => {
    if (resource.type !== 'scope') return false;
    const below = fits(pattern, resource.id) || (!pattern.endsWith('*') && pattern.includes(':') && resource.id.startsWith(`${pattern}:`));
    const isAbove = resource.id.includes(':') && pattern !== '*' && pattern.startsWith(`${resource.id}:`);
    return below || (effect === 'deny' && isAbove);
  };
  const isWho = !who || [
    ...(who.agents ?? []).map((pattern) => subject.type === 'agent' && fits(pattern, subject.id)), ...(who.users ?? []).map((pattern) => subject.type === 'user' && fits(pattern, subject.id)),
    ...(who.subjects ?? []).map(({ type, id = '*' }) => subject.type === type && fits(id, subject.id)),
  ].some(Boolean);
  const targets = what && [...(what.scopes ?? []).map(scopeFits), ...(what.tools ?? []).map((pattern) => resource.type === 'tool' && fits(pattern, resource.id)),
    ...(what.resources ?? []).map(({ type, id = '*' }) => resource.type === type && fits(id, resource.id))];
  const isWhat = !what || ((!what.actions || what.actions.some((pattern) => fits(pattern, action))) && (targets!.length === 0 || targets!.some(Boolean)));
  if (!isWho || !isWhat) return false;
  const held = when ? holds(when, { subject, action, resource, ...rest }) : true;
  return held ?? effect === 'deny';
}

describe('any set of rules', () => {
  it('passes the validator, rule by rule, unless a rule can never apply', () => {
    fc.assert(fc.property(rule, (one) => {
      const compiled = checkPolicy(one);
      if ('problems' in compiled) expect(compiled.problems).toEqual([{ path: '', message: expect.stringContaining('policy is impossible') as string }]);
    }), { numRuns: 100 });
  });

  it('decides as its words say: a denial wins, and nothing is allowed that no rule allows', () => {
    fc.assert(fc.property(fc.array(rule, { maxLength: 6 }), fc.array(anyRequest, { minLength: 1, maxLength: 4 }), (rules, requests) => {
      const set = setOf(...rules);
      for (const asked of requests) {
        const applying = rules.flatMap((one, index) => (applies(one, asked) ? [{ id: `p${index}`, effect: one.effect }] : []));
        const denying = applying.filter(({ effect }) => effect === 'deny');
        const outcome = set.decide(asked, NAMES);
        expect({ asked, ...outcome }).toEqual({
          asked, isAllowed: denying.length === 0 && applying.length > 0, policies: (denying.length > 0 ? denying : applying).map(({ id }) => id),
          reason: denying.length > 0 ? 'denied_by_policy' : applying.length > 0 ? 'allowed' : 'not_allowed',
        });
      }
    }), { numRuns: 300 });
  });

  it('decides with its index as Cedar does without it', () => {
    fc.assert(fc.property(fc.array(rule, { minLength: 1, maxLength: 12 }), anyRequest, (rules, asked) => {
      const set = setOf(...rules);
      const relations = asked.resource.type === 'scope' ? scopeRelations(NAMES, [...WORDS, ...WORDS.map((one) => `${one.slice(0, 3)}*`)], asked.resource.id) : undefined;
      const reads = set.policies.flatMap(({ compiled }) => compiled.reads);
      const facts = factsOf(asked, reads, standingOf(asked, NAMES, engine().scopes, relations));
      const answer = isAuthorized({
        principal: subjectEntity(asked.subject), action: actionEntity(asked.action), resource: resourceEntity(asked.resource), ...cedarInput(asked, reads, facts),
        policies: { staticPolicies: Object.fromEntries(set.policies.map(({ id, compiled }) => [id, compiled.policy])) },
      });
      if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors));
      expect(answer.response.diagnostics.errors).toEqual([]);
      const outcome = set.decide(asked, NAMES);
      expect({ allowed: outcome.isAllowed, policies: outcome.policies }).toEqual({ allowed: answer.response.decision === 'allow', policies: answer.response.diagnostics.reason.toSorted() });
    }), { numRuns: 200 });
  });
});
