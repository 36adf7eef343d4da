import { policyToJson, policyToText } from './cedar.js';
import { cedarTextOf, checkPolicy, compilePolicy } from './compile-policy.js';
import { LARGEST_RULE } from './policy-rule.js';

function problemsOf(rule: unknown): string[] {
  const compiled = checkPolicy(rule);
  if (!('problems' in compiled)) throw new Error('the rule is fine');
  return compiled.problems.map(({ path, message }) => `${path}: ${message}`);
}

const leaf = { attribute: 'context.purpose', equals: 'billing' };
const deep = (levels: number): object => (levels === 0 ? leaf : { not: deep(levels - 1) });

describe('a rule', () => {
  it('that uses everything the language has is taken', () => {
    const rule = {
      effect: 'allow',
      who: {
        agents: ['*'], users: ['0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e'], clients: ['crm-*'], subjects: [{ type: 'robot' }, { type: 'robot', id: 'r2-*' }], roles: ['admin'],
        organizations: ['0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e'], attributes: { agent_trust_level: ['verified', 'experimental'], agent_type: 'coding' },
      },
      what: { actions: ['issue', 'can_*'], scopes: ['calendar:read', 'mail:*'], tools: ['weather', 'db_*'], resources: ['https://api.example/*', { type: 'record', id: 'record-1' }, { type: 'doc' }] },
      when: {
        all: [
          { any: [{ attribute: 'subject.id', equals: { attribute: 'resource.owner' } }, { attribute: 'subject.groups', contains: { attribute: 'resource.group' } }, { attribute: 'resource.kind', in: { attribute: 'subject.kinds' } }] },
          { not: { attribute: 'context.launch_reason', in: ['system_job', 'agent_delegated'] } },
          { attribute: 'context.delegation_depth', at_most: 2 }, { attribute: 'context.auth_age', less_than: 300 }, { attribute: 'context.amount', at_least: 1 }, { attribute: 'context.amount', more_than: 0 },
          { attribute: 'context.amr', contains_any: ['hwk', 'otp'] }, { attribute: 'context.amr', contains_all: ['pwd'] }, { attribute: 'context.amr', contains: 'mfa' },
          { attribute: 'context.task.name', starts_with: 'report-' }, { attribute: 'context.ip', ip_in: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'] }, { attribute: 'context.ip', ip_in: '10.0.0.0/8' },
          { attribute: 'context.time', after: '2026-01-01T00:00:00Z' }, { attribute: 'context.time', before: '2036-01-01T00:00:00+01:00' },
          { within: { from: '22:00', to: '06:00', days: ['mon', 'tue'], zone: 'Europe/Berlin' } }, { attribute: 'action.soft', equals: true }, { attribute: 'resource.note', exists: false },
        ],
      },
    };
    expect(checkPolicy(rule)).toMatchObject({ effect: 'allow' });
  });

  it('is told what is wrong with it by the path of each member', () => {
    expect(problemsOf({
      effect: 'permit', who: { agent: ['x'], agents: 'x', users: [], organizations: ['acme'] }, what: { scopes: ['a*b'], resources: [{ id: 'x' }] },
      when: { all: [{ attribute: 'subject.x', equals: 1.5 }, { attribute: 'trust', equals: 'x' }, { attribute: 'context.a', in: [1, 'a'] }, { not: { within: { from: '25:00' } } }, { within: { days: ['mon'], zone: 'Mars/Olympus' } }] },
    })).toEqual([
      'effect: must be one of allow, deny',
      'who.agents: must be a list',
      'who.users: must not be empty',
      'who.organizations.0: must be the id of an organization',
      'who.agent: is not a member that is known here',
      'what.scopes.0: may have a * only at the end',
      'what.resources.0: must be the identifier of a resource, or {type, id}',
      'when.all.0.equals: must be text, a whole number, true, false or {attribute}',
      'when.all.1.attribute: must name an attribute of subject, resource, action or context, such as subject.agent_type',
      'when.all.2.in: must be a list of texts, a list of whole numbers or {attribute}',
      'when.all.3.not.within.from: must be a time of day such as 09:30',
      'when.all.4.within.zone: must be a time zone such as Europe/Berlin',
    ]);
  });

  it.each([
    ['is no object', 'allow everything', ': must be an object with effect, who, what and when, or with cedar'],
    ['has no effect', { who: { agents: ['*'] } }, 'effect: must be one of allow, deny'],
    ['allows everything to everybody by leaving out what it means', { effect: 'allow' }, ': would allow everything to everybody; say who, what or when'],
    ['has a condition of two shapes', { effect: 'deny', when: { all: [leaf], ...leaf } }, 'when: must have one of all, any, not, within and attribute'],
    ['has a condition of none', { effect: 'deny', when: {} }, 'when: must have one of all, any, not, within and attribute'],
    ['compares in two ways at once', { effect: 'deny', when: { ...leaf, in: ['x'] } }, /^when: must compare the attribute by one of equals, /],
    ['compares nothing', { effect: 'deny', when: { not: leaf, equals: 'x' } }, 'when: compares by equals, but names no attribute'],
    ['reads a prototype', { effect: 'deny', when: { attribute: 'subject.constructor', equals: 'x' } }, /^when.attribute: must name an attribute/],
    ['knows no such address', { effect: 'deny', when: { attribute: 'context.ip', ip_in: '10.0.0.0/33' } }, 'when.ip_in: must be an IP address or a range such as 10.0.0.0/8'],
    ['compares text with a number', { effect: 'deny', when: { attribute: 'subject.agent_type', at_most: 3 } }, 'when: compares subject.agent_type as a whole number, but it is text'],
    ['compares one attribute as two types', { effect: 'deny', when: { all: [{ attribute: 'resource.x', equals: 'a' }, { attribute: 'resource.x', equals: 1 }] } }, 'when.all.1: compares resource.x as a whole number, but it is text'],
    ['compares an attribute and a part of it', { effect: 'deny', when: { all: [{ attribute: 'resource.x', equals: 'a' }, { attribute: 'resource.x.y', equals: 'a' }] } }, 'when.all.1: reads resource.x.y beside resource.x, and only one of them can hold a value'],
    ['compares attributes of two types', { effect: 'deny', when: { attribute: 'context.ip', equals: { attribute: 'subject.agent_type' } } }, 'when: compares subject.agent_type as an IP address, but it is text'],
    ['has values of two types', { effect: 'deny', who: { attributes: { x: ['a', 1] } } }, 'who.attributes.x: must have values of one type'],
    ['has an attribute without a name', { effect: 'deny', who: { attributes: { 'a..b': 'x' } } }, 'who.attributes.a..b: is not a name that an attribute can have'],
    ['is nested too deep', { effect: 'deny', when: deep(12) }, 'when: must not stand more than 8 levels deep'],
    ['has too many conditions', { effect: 'deny', when: { all: Array.from({ length: 101 }, () => leaf) } }, 'when: must have at most 100 conditions'],
    ['has too long a list', { effect: 'deny', what: { actions: Array.from({ length: 101 }, (_, index) => `a${index}`) } }, 'what.actions: must have at most 100 entries'],
    ['is too large', { effect: 'deny', what: { actions: Array.from({ length: 100 }, (_, index) => `${'x'.repeat(200)}${index}`) } }, `: must be at most ${LARGEST_RULE} bytes of JSON`],
    ['holds control characters', { effect: 'deny', who: { users: ['a\nb'] } }, 'who.users.0: must not hold control characters'],
    ['would reach a prototype', JSON.parse('{"effect":"deny","who":{"attributes":{"__proto__":"x"}}}'), /^: must be JSON, at most 16 levels deep/],
  ])('that %s is refused', (_what, rule, problem) => {
    const problems = problemsOf(rule);
    expect(problems).toHaveLength(1);
    if (typeof problem === 'string') expect(problems[0]).toBe(problem);
    else expect(problems[0]).toMatch(problem);
  });

  it('may be as deep as the limit, so that the limit and not the engine decides', () => {
    expect(checkPolicy({ effect: 'deny', when: deep(8) })).toMatchObject({ effect: 'deny' });
    expect(checkPolicy({ effect: 'deny', when: { any: Array.from({ length: 100 }, () => leaf) } })).toMatchObject({ effect: 'deny' });
  });
});

describe('text in a rule', () => {
  it.each(['"', '\\', '\\"', '"); permit(principal, action, resource); //', '*', '\\*', "'", '${x}', '\u{1F600}', 'Ж', '?principal', '}', '@id("x")'])('stays text: %s', (text) => {
    const rule = { effect: 'allow', who: { users: [`${text}u`], subjects: [{ type: `${text}t`, id: `${text}i` }] }, what: { actions: [`${text}a`] }, when: { attribute: `resource.${text.replaceAll('.', '')}n`, equals: text === '*' ? 'x' : text } };
    if (text.includes('*')) {
      expect(problemsOf(rule)).toContain('who.users.0: may have a * only at the end');
      return;
    }
    const compiled = checkPolicy(rule);
    if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems));
    expect(JSON.stringify(compiled.policy)).toContain(JSON.stringify(`${text}u`));
    // What a reader is shown is one policy, and the same one.
    const shown = policyToJson(cedarTextOf(compiled));
    if (shown.type === 'failure') throw new Error(JSON.stringify(shown.errors));
    expect(policyToText(shown.json)).toEqual({ type: 'success', text: cedarTextOf(compiled) });
  });
});

describe('a policy in Cedar', () => {
  it('is taken as it stands, with the types of what it reads', () => {
    const cedar = 'permit(principal == User::"alice", action == Action::"read", resource)\nwhen { resource has status && resource.status == "active" && context.action has soft && context.action.soft };';
    expect(checkPolicy({ cedar, attributes: { 'resource.status': 'text', 'action.soft': 'flag' } })).toMatchObject({
      effect: 'allow', selector: { subjects: [{ type: 'user', id: 'alice' }], actions: [{ name: 'read' }] },
      reads: [{ path: { root: 'resource', names: ['status'] }, type: 'text' }, { path: { root: 'action', names: ['soft'] }, type: 'flag' }],
    });
  });

  it.each([
    ['does not parse', 'permit(principal, action, resource) whe', /^cedar: line 1, column 40: failed to parse policy from string: unexpected end of input/],
    ['is two policies', 'permit(principal, action, resource); forbid(principal, action, resource);', /^cedar: line 1, column 38: failed to parse/],
    ['is a template', 'permit(principal == ?principal, action, resource);', /^cedar: line 1, column 21: .*template/],
    ['names a type that does not exist', '\npermit(principal == Group::"x", action, resource);', /^cedar: line 2, column 21: unrecognized entity type `Group`/],
    ['compares what cannot be compared', 'permit(principal, action, resource) when { principal.id < 3 };', /^cedar: line 1, column 44: unexpected type: expected Long but saw String/],
    ['reads what may be missing', 'permit(principal, action, resource) when { principal.agent_type == "coding" };', /unable to guarantee safety of access to optional attribute `agent_type`.*try testing/],
    ['reads what nobody told the type of', 'permit(principal, action, resource) when { resource has x && resource.x == 1 };', /attribute `x`|policy is impossible/],
    ['can never apply', 'forbid(principal is Agent, action, resource) when { principal is User };', /policy is impossible/],
    ['uses the context as a whole', 'permit(principal, action, resource) when { context == {} };', 'cedar: uses the context as a whole; read its attributes one by one'],
  ])('that %s is refused in the words of the validator, with the place', (_what, cedar, problem) => {
    const [first] = problemsOf({ cedar });
    if (typeof problem === 'string') expect(first).toBe(problem);
    else expect(first).toMatch(problem);
  });

  it.each([
    [{ 'subject.agent_type': 'text' }, 'attributes.subject.agent_type: is an attribute whose type the server knows; leave it out'],
    [{ 'resource.a': 'text', 'resource.a.b': 'text' }, 'attributes.resource.a.b: cannot stand beside resource.a: only one of them can hold a value'],
    [{ 'resource.x': 'string' }, 'attributes.resource.x: must be one of text, number, flag, texts, time, ip'],
  ])('cannot give attributes types that contradict each other: %j', (attributes, problem) => {
    expect(problemsOf({ cedar: 'permit(principal, action, resource);', attributes })).toEqual([problem]);
  });

  it('is compiled without the validator when it was validated before, to the same thing', () => {
    const rule = { cedar: 'permit(principal, action, resource is Scope);' };
    expect(compilePolicy(rule)).toEqual(checkPolicy(rule));
  });
});
