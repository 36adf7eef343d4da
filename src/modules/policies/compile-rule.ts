import type { Expr, Policy } from '@cedar-policy/cedar-wasm/nodejs';
import { parseAttributePath, type AttributePath } from './attribute.js';
import {
  ACTION, actionEntity, and, contains, entity, equal, isIn, isOfType, isPresent, literal, not, or, ownResourceType, ownSubjectType, PRINCIPAL, RESOURCE, resourceEntity,
  setOf, startsWith, subjectEntity, type EntityName,
} from './cedar-terms.js';
import { ConditionCompiler, type Part, type Read } from './compile-condition.js';
import type { RuleProblem, StructuredRule, What, Who } from './policy-rule.js';
import { entityMatch, nameMatch, type Match, type Selector } from './selector.js';

/** A rule as Cedar, with what has to be known to use it without reading it again. */
export interface CompiledRule {
  readonly effect: 'allow' | 'deny';
  /** As data, or as the text of somebody who wrote Cedar: a number in it may be larger than JavaScript can hold. */
  readonly policy: Policy;
  readonly reads: readonly Read[];
  readonly selector: Selector;
  /** Whether each of these holds explains a decision. None for policies written in Cedar. */
  readonly parts: readonly Part[];
}

export type Compilation = CompiledRule | { readonly problems: readonly RuleProblem[] };

const path = (text: string): AttributePath => parseAttributePath(text)!;
const SUBJECT_ID = path('subject.id');
const SUBJECT_TYPE = path('subject.type');
const RESOURCE_ID = path('resource.id');
const RESOURCE_TYPE = path('resource.type');
const ACTION_NAME = path('action.name');
const IS_ACTIVE = path('resource.is_active');
const COVERED_BY = path('resource.covered_by');
const OVERLAPS = path('resource.overlaps');
const ROLE = path('subject.role');
const ROLES = path('subject.roles');
const ORGANIZATION = path('context.organization_id');

/** Compiles a rule that `parseRule` has read. Problems are those that only meaning shows, such as two types of one attribute. */
export function compileRule(rule: StructuredRule): Compilation {
  const conditions = new ConditionCompiler();
  const compiler = new RuleCompiler(rule.effect === 'deny', conditions);
  const terms = [
    ...(rule.who ? compiler.who(rule.who) : []),
    ...(rule.what ? compiler.what(rule.what) : []),
    ...(rule.when ? [conditions.compile(rule.when, 'when', rule.effect === 'deny')] : []),
  ];
  if (conditions.problems.length > 0) return { problems: conditions.problems };
  return {
    effect: rule.effect,
    policy: {
      effect: rule.effect === 'allow' ? 'permit' : 'forbid', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' },
      conditions: terms.length === 0 ? [] : [{ kind: 'when', body: and(terms) }],
    },
    reads: [...conditions.reads.values()],
    selector: selectorOf(rule),
    parts: conditions.parts,
  };
}

class RuleCompiler {
  constructor(private readonly denies: boolean, private readonly conditions: ConditionCompiler) {}

  who(who: Who): Expr[] {
    const { agents, users, clients, subjects, roles, organizations, attributes } = who;
    const terms: Expr[] = [];
    if (agents ?? users ?? clients ?? subjects ?? roles) terms.push(this.conditions.part('who', () => or([
      ...this.subjects('agent', agents), ...this.subjects('user', users), ...this.subjects('client', clients),
      ...(subjects ?? []).flatMap(({ type, id }) => this.subjects(type, [id ?? '*'])),
      ...(roles ? [this.roles(roles)] : []),
    ])));
    if (organizations) terms.push(this.conditions.part('who.organizations', () => contains(setOf(organizations.map(literal)), this.read(ORGANIZATION))));
    for (const [name, value] of Object.entries(attributes ?? {})) terms.push(this.attribute(name, value));
    return terms;
  }

  what(what: What): Expr[] {
    const { actions, scopes, tools, resources } = what;
    const terms: Expr[] = [];
    if (actions) terms.push(this.conditions.part('what.actions', () => this.actions(actions)));
    if (scopes ?? tools ?? resources) terms.push(this.conditions.part('what', () => or([
      ...(scopes ? this.scopes(scopes) : []), ...this.resources('tool', tools),
      ...(resources ?? []).flatMap((one) => (typeof one === 'string' ? this.resources('resource', [one]) : this.resources(one.type, [one.id ?? '*']))),
    ])));
    return terms;
  }

  private subjects(type: string, patterns: readonly string[] = []): Expr[] {
    const own = ownSubjectType(type);
    return this.entities(patterns, PRINCIPAL, (id) => subjectEntity({ type, id }),
      () => (own === undefined ? equal(this.read(SUBJECT_TYPE), literal(type)) : isOfType(PRINCIPAL, own)), SUBJECT_ID);
  }

  private resources(type: string, patterns: readonly string[] = []): Expr[] {
    const own = ownResourceType(type);
    // A resource of the type `scope` that is named as `{type, id}` has the meaning of a scope, too.
    if (type === 'scope') return this.scopes(patterns);
    return this.entities(patterns, RESOURCE, (id) => resourceEntity({ type, id }),
      () => (own === undefined ? equal(this.read(RESOURCE_TYPE), literal(type)) : isOfType(RESOURCE, own)), RESOURCE_ID);
  }

  private entities(patterns: readonly string[], holder: Expr, named: (id: string) => EntityName, isOfThatType: () => Expr, id: AttributePath): Expr[] {
    const found = patterns.map(nameMatch);
    const exact = found.filter(({ isPrefix }) => !isPrefix);
    const prefixes = found.filter(({ isPrefix }) => isPrefix);
    const terms = prefixes.map(({ name }) => (name === '' ? isOfThatType() : and([isOfThatType(), startsWith(this.read(id), name)])));
    if (exact.length === 1) terms.push(equal(holder, entity(named(exact[0]!.name))));
    if (exact.length > 1) terms.push(isIn(holder, setOf(exact.map(({ name }) => entity(named(name))))));
    return terms;
  }

  /**
   * A scope that is allowed allows what it covers, as long as it is active. One that is denied denies also what covers it:
   * whoever held the wider one would hold it, too.
   */
  private scopes(patterns: readonly string[]): Expr[] {
    if (patterns.length === 0) return [];
    const relatesTo = (names: readonly string[]) => {
      const related = this.denies ? OVERLAPS : COVERED_BY;
      const value = this.conditions.read(related, 'texts', 'what.scopes');
      return this.conditions.guarded(related, { containsAny: { left: value, right: setOf(names.map(literal)) } }, this.denies);
    };
    const found = patterns.map(nameMatch);
    const exact = found.filter(({ isPrefix }) => !isPrefix).map(({ name }) => name);
    const terms = found.filter(({ isPrefix }) => isPrefix).map(({ name }) => {
      if (this.denies) return name === '' ? literal(true) : or([startsWith(this.read(RESOURCE_ID), name), relatesTo([`${name}*`])]);
      const isActive = this.conditions.guarded(IS_ACTIVE, this.conditions.read(IS_ACTIVE, 'flag', 'what.scopes'), false);
      return name === '' ? isActive : and([startsWith(this.read(RESOURCE_ID), name), isActive]);
    });
    if (exact.length > 0) terms.push(relatesTo(exact));
    return [and([isOfType(RESOURCE, 'Scope'), or(terms)])];
  }

  private actions(patterns: readonly string[]): Expr {
    const found = patterns.map(nameMatch);
    const exact = found.filter(({ isPrefix }) => !isPrefix).map(({ name }) => entity(actionEntity(name)));
    const prefixes = found.filter(({ isPrefix }) => isPrefix).map(({ name }) => (name === '' ? literal(true) : startsWith(this.read(ACTION_NAME), name)));
    return or([...(exact.length > 0 ? [exact.length === 1 ? equal(ACTION, exact[0]!) : isIn(ACTION, setOf(exact))] : []), ...prefixes]);
  }

  /** A person whose role nobody told is denied what any role is denied. */
  private roles(roles: readonly string[]): Expr {
    const names = setOf(roles.map(literal));
    const role = this.conditions.read(ROLE, 'text', 'who.roles');
    const all = this.conditions.read(ROLES, 'texts', 'who.roles');
    const holds = [and([isPresent(ROLE), contains(names, role)]), and([isPresent(ROLES), { containsAny: { left: all, right: names } }])];
    const isUnknown = and([isOfType(PRINCIPAL, 'User'), not(isPresent(ROLE)), not(isPresent(ROLES))]);
    return or(this.denies ? [...holds, isUnknown] : holds);
  }

  private attribute(name: string, value: string | number | boolean | readonly (string | number | boolean)[]): Expr {
    const place = `who.attributes.${name}`;
    const attribute = `subject.${name}`;
    const values = [value].flat();
    if (parseAttributePath(attribute) === undefined) this.conditions.problems.push({ path: place, message: 'is not a name that an attribute can have' });
    else if (new Set(values.map((one) => typeof one)).size > 1) this.conditions.problems.push({ path: place, message: 'must have values of one type' });
    else return this.conditions.compile(values.length === 1 ? { attribute, equals: values[0]! } : { any: values.map((equals) => ({ attribute, equals })) }, place, this.denies);
    return literal(this.denies);
  }

  private read(attribute: AttributePath): Expr {
    return this.conditions.read(attribute, 'text', '');
  }
}

function selectorOf({ effect, who = {}, what = {} }: StructuredRule): Selector {
  const { agents, users, clients, subjects, roles, organizations } = who;
  const { actions, scopes, tools, resources } = what;
  const namesSubjects = (agents ?? users ?? clients ?? subjects) !== undefined && roles === undefined;
  const targets = [
    ...(scopes ?? []).flatMap((pattern) => scopeMatches(pattern, effect === 'deny')), ...(tools ?? []).map((pattern) => entityMatch('tool', pattern)),
    ...(resources ?? []).flatMap((one) => {
      if (typeof one === 'string') return [entityMatch('resource', one)];
      return one.type === 'scope' ? scopeMatches(one.id ?? '*', effect === 'deny') : [entityMatch(one.type, one.id)];
    }),
  ];
  return {
    ...(namesSubjects ? {
      subjects: [
        ...(agents ?? []).map((pattern) => entityMatch('agent', pattern)), ...(users ?? []).map((pattern) => entityMatch('user', pattern)),
        ...(clients ?? []).map((pattern) => entityMatch('client', pattern)), ...(subjects ?? []).map(({ type, id }) => entityMatch(type, id)),
      ],
    } : {}),
    ...(actions ? { actions: actions.map(nameMatch) } : {}),
    ...(targets.length > 0 ? { resources: targets } : {}),
    ...(organizations ? { organizations } : {}),
  };
}

/** A beginning that is denied is also found by its name as a pattern: `scopeRelations` tells which of them a scope overlaps. */
function scopeMatches(pattern: string, denies: boolean): Match[] {
  const { name, isPrefix } = nameMatch(pattern);
  if (!isPrefix) return [{ type: 'scope', id: name, isScope: true }];
  return [entityMatch('scope', pattern), ...(denies && name !== '' ? [{ type: 'scope', id: pattern, isScope: true }] : [])];
}
