import type { SubjectIdentifier } from './signal-events.js';
import { invalidSubject, subjectNotRecognized } from './signals.errors.js';

/** Members of the complex subjects that events have. */
export const SUBJECT_MEMBERS = ['user', 'application', 'session', 'tenant'] as const;

const LONGEST = 512;

/** What a receiver chose for a subject of its stream; the last choice that fits an event decides. */
export interface SubjectChoice {
  readonly subject: SubjectIdentifier;
  /** Put back, or taken off. */
  readonly isSent: boolean;
  /** The first event of the audit log that it is for. */
  readonly firstSequence: number;
}

/**
 * A subject as a receiver names it: one of the kinds that events are about.
 * @throws DomainError `invalid_subject`; `subject_not_recognized` where it is one, and no event has one like it
 */
export function readSubject(value: unknown, issuer: string): SubjectIdentifier {
  const given = membersOf(value);
  switch (given['format']) {
    case 'iss_sub': return named(given, ['iss', 'sub'], issuer);
    case 'jwt_id': return named(given, ['iss', 'jti'], issuer);
    case 'complex': return complexOf(given, issuer);
    default: throw subjectNotRecognized();
  }
}

function complexOf({ format: _format, ...members }: Readonly<Record<string, unknown>>, issuer: string): SubjectIdentifier {
  const names = Object.keys(members);
  if (names.length === 0) throw invalidSubject();
  const read = names.map((name) => {
    if (!(SUBJECT_MEMBERS as readonly string[]).includes(name)) throw subjectNotRecognized();
    const member = membersOf(members[name]);
    if (member['format'] === 'opaque') return [name, named(member, ['id'], issuer)] as const;
    if (member['format'] === 'iss_sub') return [name, named(member, ['iss', 'sub'], issuer)] as const;
    throw subjectNotRecognized();
  });
  return { format: 'complex', ...Object.fromEntries(read) };
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || typeof (value as { format?: unknown }).format !== 'string') throw invalidSubject();
  return value as Record<string, unknown>;
}

/** RFC 9493: these members, and no others. */
function named(given: Readonly<Record<string, unknown>>, members: readonly string[], issuer: string): SubjectIdentifier {
  const isWhole = members.every((name) => typeof given[name] === 'string' && given[name] !== '' && given[name].length <= LONGEST);
  if (!isWhole || Object.keys(given).length !== members.length + 1) throw invalidSubject();
  if (members.includes('iss') && given['iss'] !== issuer) throw subjectNotRecognized();
  return given as SubjectIdentifier;
}

/** Is everything that the other one is about about this one as well? A complex subject is narrowed by each of its members. */
export function covers(subject: SubjectIdentifier, other: SubjectIdentifier): boolean {
  if (subject.format !== 'complex' || other.format !== 'complex') return areSame(subject, other);
  return membersIn(subject).every((name) => other[name] !== undefined && areSame(memberOf(subject, name), memberOf(other, name)));
}

/** Can there be something that both are about? (Shared Signals 1.0 section 8.1.3.1, as it matches subjects.) */
function overlap(subject: SubjectIdentifier, other: SubjectIdentifier): boolean {
  if (subject.format !== 'complex' || other.format !== 'complex') return areSame(subject, other);
  return membersIn(subject).every((name) => other[name] === undefined || areSame(memberOf(subject, name), memberOf(other, name)));
}

/**
 * Is this left out? Only what a subject that was taken off covers: an event that leaves a member of it open concerns others too.
 * @param choices in the order in which they were made
 */
export function isLeftOut(choices: readonly SubjectChoice[], subject: SubjectIdentifier, sequence: number): boolean {
  return choices.findLast(({ subject: chosen, firstSequence }) => firstSequence <= sequence && covers(chosen, subject))?.isSent === false;
}

/** How choices change by one more. */
export interface ChangedChoices<Choice extends SubjectChoice> {
  /** They say nothing any more: they are about less than the new one. */
  readonly dropped: readonly Choice[];
  /** Is there anything in the others that it would change? */
  readonly isAdded: boolean;
}

/** Undefined when it changes nothing. */
export function choosing<Choice extends SubjectChoice>(choices: readonly Choice[], subject: SubjectIdentifier, isSent: boolean): ChangedChoices<Choice> | undefined {
  const dropped = choices.filter((choice) => covers(subject, choice.subject));
  const others = choices.filter((choice) => !covers(subject, choice.subject));
  const isContradicted = others.some((choice) => choice.isSent !== isSent && overlap(choice.subject, subject));
  const isAdded = isContradicted || (!isSent && !isLeftOut(others, subject, Infinity));
  const isAsBefore = dropped.length === 1 && isAdded && dropped[0]!.isSent === isSent && covers(dropped[0]!.subject, subject) && choices.at(-1) === dropped[0];
  return isAsBefore || (dropped.length === 0 && !isAdded) ? undefined : { dropped, isAdded };
}

function memberOf(subject: SubjectIdentifier, name: string): SubjectIdentifier {
  return subject[name] as SubjectIdentifier;
}

function membersIn({ format: _format, ...members }: SubjectIdentifier): string[] {
  return Object.keys(members);
}

const SIMPLE_MEMBERS = ['format', 'iss', 'sub', 'id', 'jti'] as const;

/** Of simple ones: the members are all that there can be. */
function areSame(one: SubjectIdentifier, other: SubjectIdentifier): boolean {
  return SIMPLE_MEMBERS.every((name) => one[name] === other[name]);
}
