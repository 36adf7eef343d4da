import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { declarationOf, KNOWN_SUBJECTS, parseAttributePath, pathText, TYPE_WORDS, type AttributePath, type AttributeType } from './attribute.js';
import { and, contains, either, equal, extension, isOfType, isPresent, literal, not, or, ownSubjectType, PRINCIPAL, setOf, startsWith, valueOf } from './cedar-terms.js';
import { plainRange } from './ip-address.js';
import { minutesOf } from './local-time.js';
import type { Condition, RuleProblem, Within } from './policy-rule.js';

/** What a policy reads of a request: an attribute as a type, whether one was sent at all, or the clock of a time zone. */
export type Read =
  | { readonly kind: 'attribute'; readonly path: AttributePath; readonly type: AttributeType }
  | { readonly kind: 'given'; readonly path: AttributePath }
  | { readonly kind: 'clock'; readonly zone: string };

/** A part of a rule that holds or does not, for explanations. */
export interface Part {
  /** In the rule: `when.all.0`. */
  readonly path: string;
  readonly expression: Expr;
  readonly reads: readonly Read[];
}

export const GIVEN: AttributePath = { root: 'context', names: ['given'] };

export function clockPath(zone: string, name: 'minute_of_day' | 'weekday'): AttributePath {
  return { root: 'context', names: ['local_time', zone, name] };
}

/**
 * Compiles the conditions of one rule, and remembers what they read.
 *
 * An attribute that is missing decides against whoever asks: the condition does not hold in a policy that allows and holds in
 * one that denies, and the other way round below a `not`. An attribute that this kind of subject cannot have (the trust level of
 * a person) is not missing: its condition does not hold.
 */
export class ConditionCompiler {
  readonly reads = new Map<string, Read>();
  readonly parts: Part[] = [];
  readonly problems: RuleProblem[] = [];
  private readonly types = new Map<string, AttributeType>();

  /** @param failsClosedAs what a condition counts as when its attribute is missing */
  compile(condition: Condition, path: string, failsClosedAs: boolean): Expr {
    const nested = (conditions: readonly Condition[], name: string) => conditions.map((one, index) => this.compile(one, `${path}.${name}.${index}`, failsClosedAs));
    if (condition.all) return and(nested(condition.all, 'all'));
    if (condition.any) return or(nested(condition.any, 'any'));
    if (condition.not) return not(this.compile(condition.not, `${path}.not`, !failsClosedAs));
    if (condition.within) return this.part(path, () => this.within(condition.within!, failsClosedAs));
    return this.part(path, () => this.comparison(condition, path, failsClosedAs));
  }

  /** Notes a part of the rule and what compiling it reads. */
  part(path: string, compile: () => Expr): Expr {
    const before = this.current;
    this.current = new Map();
    const expression = compile();
    this.parts.push({ path, expression, reads: [...this.current.values()] });
    this.current = before;
    return expression;
  }

  /** Notes that an attribute is read, as this type. */
  read(path: AttributePath, type: AttributeType, place: string): Expr {
    const text = pathText(path);
    const declared = declarationOf(path)?.type ?? this.types.get(text);
    if (declared !== undefined && declared !== type) this.problems.push({ path: place, message: `compares ${text} as ${TYPE_WORDS[type]}, but it is ${TYPE_WORDS[declared]}` });
    for (const other of this.types.keys()) {
      if (other.startsWith(`${text}.`) || text.startsWith(`${other}.`)) this.problems.push({ path: place, message: `reads ${text} beside ${other}, and only one of them can hold a value` });
    }
    this.types.set(text, declared ?? type);
    this.note(text, { kind: 'attribute', path, type: declared ?? type });
    return valueOf(path);
  }

  /** The test, or what a missing attribute counts as. */
  guarded(path: AttributePath, test: Expr, failsClosedAs: boolean): Expr {
    if (declarationOf(path)?.isCertain) return test;
    return failsClosedAs ? either(isPresent(path), test, absence(path)) : and([isPresent(path), test]);
  }

  private current = new Map<string, Read>();

  private note(key: string, read: Read): void {
    this.reads.set(key, read);
    this.current.set(key, read);
  }

  private comparison(condition: Condition, place: string, failsClosedAs: boolean): Expr {
    const path = parseAttributePath(condition.attribute!)!;
    if (condition.exists !== undefined) {
      this.note(`given ${pathText(path)}`, { kind: 'given', path });
      const isGiven = contains(valueOf(GIVEN), literal(pathText(path)));
      return condition.exists ? isGiven : not(isGiven);
    }
    const other = referenceIn(condition);
    const { type, otherType } = this.typesOf(condition, path, other);
    const test = testOf(condition, this.read(path, type, place), other && this.read(other, otherType, place));
    const guarded = other ? this.guarded(other, test, failsClosedAs) : test;
    return this.guarded(path, guarded, failsClosedAs);
  }

  /** As what the two sides are compared; for those that nobody has said anything about, as what the comparison needs. */
  private typesOf(condition: Condition, path: AttributePath, other: AttributePath | undefined): { type: AttributeType; otherType: AttributeType } {
    const { equals, in: members } = condition;
    if (other && condition.in !== undefined) return { type: 'text', otherType: 'texts' };
    if (other && condition.contains !== undefined) return { type: 'texts', otherType: 'text' };
    if (other) {
      const type = this.typeSoFar(path) ?? this.typeSoFar(other) ?? 'text';
      return { type, otherType: type };
    }
    const type = ((): AttributeType => {
      if (equals !== undefined) return TYPE_OF_SCALAR[typeof equals as 'string' | 'number' | 'boolean'];
      if (members !== undefined) return typeof (members as unknown[])[0] === 'number' ? 'number' : 'text';
      if (condition.contains !== undefined || condition.contains_any !== undefined || condition.contains_all !== undefined) return 'texts';
      if (condition.starts_with !== undefined) return 'text';
      if (condition.before !== undefined || condition.after !== undefined) return 'time';
      return condition.ip_in === undefined ? 'number' : 'ip';
    })();
    return { type, otherType: type };
  }

  private typeSoFar(path: AttributePath): AttributeType | undefined {
    return declarationOf(path)?.type ?? this.types.get(pathText(path));
  }

  private within({ from, to, days, zone = 'UTC' }: Within, failsClosedAs: boolean): Expr {
    this.note(`clock ${zone}`, { kind: 'clock', zone });
    const minute = valueOf(clockPath(zone, 'minute_of_day'));
    const isAfter = from === undefined ? undefined : { '>=': { left: minute, right: literal(minutesOf(from)) } } satisfies Expr;
    const isBefore = to === undefined ? undefined : { '<': { left: minute, right: literal(minutesOf(to)) } } satisfies Expr;
    // From 22:00 to 06:00 goes over midnight.
    const isOverMidnight = from !== undefined && to !== undefined && minutesOf(from) > minutesOf(to);
    const hours = [isAfter, isBefore].filter((one) => one !== undefined);
    const isOnDay = days && contains(setOf(days.map(literal)), valueOf(clockPath(zone, 'weekday')));
    const test = and([...(isOnDay ? [isOnDay] : []), isOverMidnight ? or(hours) : and(hours)]);
    const isKnown = isPresent({ root: 'context', names: ['local_time', zone] });
    return failsClosedAs ? either(isKnown, test, literal(true)) : and([isKnown, test]);
  }
}

const TYPE_OF_SCALAR = { string: 'text', number: 'number', boolean: 'flag' } as const;

/** What the absence of an attribute counts as where missing ones count against whoever asks. */
function absence(path: AttributePath): Expr {
  const of = path.root === 'subject' ? declarationOf(path)?.of : undefined;
  if (!of) return literal(true);
  const concerned = KNOWN_SUBJECTS.filter((type) => of.includes(type)).map((type) => ownSubjectType(type)!);
  return or([...concerned, 'Subject'].map((type) => isOfType(PRINCIPAL, type)));
}

function referenceIn({ equals, in: members, contains: member }: Condition): AttributePath | undefined {
  for (const operand of [equals, members, member]) {
    if (typeof operand === 'object' && 'attribute' in operand) return parseAttributePath(operand.attribute);
  }
  return undefined;
}

function testOf(condition: Condition, value: Expr, other: Expr | undefined): Expr {
  const { equals, in: members, contains: member, less_than: lessThan, at_most: atMost, at_least: atLeast, more_than: moreThan, before, after } = condition;
  if (equals !== undefined) return equal(value, other ?? literal(equals as string | number | boolean));
  if (members !== undefined) return contains(other ?? setOf((members as (string | number)[]).map(literal)), value);
  if (member !== undefined) return contains(value, other ?? literal(member as string));
  if (condition.contains_any) return { containsAny: { left: value, right: setOf(condition.contains_any.map(literal)) } };
  if (condition.contains_all) return { containsAll: { left: value, right: setOf(condition.contains_all.map(literal)) } };
  if (condition.starts_with !== undefined) return startsWith(value, condition.starts_with);
  if (lessThan !== undefined) return { '<': { left: value, right: literal(lessThan) } };
  if (atMost !== undefined) return { '<=': { left: value, right: literal(atMost) } };
  if (atLeast !== undefined) return { '>=': { left: value, right: literal(atLeast) } };
  if (moreThan !== undefined) return { '>': { left: value, right: literal(moreThan) } };
  if (before !== undefined) return { '<': { left: value, right: moment(before) } };
  if (after !== undefined) return { '>=': { left: value, right: moment(after) } };
  return or([condition.ip_in!].flat().map((range) => extension('isInRange', value, extension('ip', literal(plainRange(range)!)))));
}

function moment(text: string): Expr {
  return extension('datetime', literal(new Date(text).toISOString()));
}
