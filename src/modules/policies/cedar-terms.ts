import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { KNOWN_SUBJECTS, type AttributePath, type Root } from './attribute.js';

/**
 * Cedar as data. Policies are built as syntax trees and never as text, so that nothing that somebody wrote into a rule can
 * become anything but a value.
 */

/** The Cedar types that stand for types of subjects and resources. Whatever else callers name is a `Subject` or an `Entity`. */
const SUBJECT_TYPES: Readonly<Record<(typeof KNOWN_SUBJECTS)[number], string>> = { agent: 'Agent', user: 'User', client: 'Client' };
const RESOURCE_TYPES: Readonly<Record<string, string>> = { scope: 'Scope', tool: 'Tool', resource: 'Resource' };
export const PRINCIPAL_TYPES: readonly string[] = [...Object.values(SUBJECT_TYPES), 'Subject'];
export const TARGET_TYPES: readonly string[] = [...Object.values(RESOURCE_TYPES), 'Entity'];

export interface EntityName {
  readonly type: string;
  readonly id: string;
}

/** The Cedar type of its own that this type of subject has, if any. */
export function ownSubjectType(type: string): string | undefined {
  return Object.hasOwn(SUBJECT_TYPES, type) ? SUBJECT_TYPES[type as keyof typeof SUBJECT_TYPES] : undefined;
}

export function ownResourceType(type: string): string | undefined {
  return Object.hasOwn(RESOURCE_TYPES, type) ? RESOURCE_TYPES[type] : undefined;
}

export function subjectEntity({ type, id }: EntityName): EntityName {
  const own = ownSubjectType(type);
  return own === undefined ? { type: 'Subject', id: joined(type, id) } : { type: own, id };
}

export function resourceEntity({ type, id }: EntityName): EntityName {
  const own = ownResourceType(type);
  return own === undefined ? { type: 'Entity', id: joined(type, id) } : { type: own, id };
}

export function actionEntity(name: string): EntityName {
  return { type: 'Action', id: name };
}

/** `record:record-1`. The type cannot run into the id, whatever is in either. */
function joined(type: string, id: string): string {
  return `${type.replaceAll('%', '%25').replaceAll(':', '%3A')}:${id}`;
}

/** What `joined` was made of. */
export function unjoined(id: string): EntityName {
  const colon = id.indexOf(':');
  return { type: id.slice(0, colon).replaceAll('%3A', ':').replaceAll('%25', '%'), id: id.slice(colon + 1) };
}

export const PRINCIPAL: Expr = { Var: 'principal' };
export const RESOURCE: Expr = { Var: 'resource' };
export const ACTION: Expr = { Var: 'action' };
const CONTEXT: Expr = { Var: 'context' };

export const literal = (value: string | number | boolean): Expr => ({ Value: value });
export const entity = ({ type, id }: EntityName): Expr => ({ Value: { __entity: { type, id } } });
export const setOf = (members: readonly Expr[]): Expr => ({ Set: [...members] });
export const not = (arg: Expr): Expr => ({ '!': { arg } });
export const equal = (left: Expr, right: Expr): Expr => ({ '==': { left, right } });
export const isOfType = (left: Expr, type: string): Expr => ({ is: { left, entity_type: type } });
export const isIn = (left: Expr, right: Expr): Expr => ({ in: { left, right } });
export const contains = (left: Expr, right: Expr): Expr => ({ contains: { left, right } });
export const startsWith = (left: Expr, prefix: string): Expr => ({ like: { left, pattern: [{ Literal: prefix }, 'Wildcard'] } });
export const extension = (name: string, ...values: Expr[]): Expr => ({ [name]: values });

/** All of them: balanced, so that a hundred terms are seven levels deep. */
export function and(terms: readonly Expr[]): Expr {
  return balanced(terms, true, (left, right) => ({ '&&': { left, right } }));
}

export function or(terms: readonly Expr[]): Expr {
  return balanced(terms, false, (left, right) => ({ '||': { left, right } }));
}

function balanced(terms: readonly Expr[], none: boolean, join: (left: Expr, right: Expr) => Expr): Expr {
  if (terms.length === 0) return literal(none);
  if (terms.length === 1) return terms[0]!;
  const middle = terms.length >> 1;
  return join(balanced(terms.slice(0, middle), none, join), balanced(terms.slice(middle), none, join));
}

/** The one where the condition holds, the other where it does not. The validator takes what is safe behind `&&` for safe here. */
export function either(condition: Expr, held: Expr, otherwise: Expr): Expr {
  return or([and([condition, held]), and([not(condition), otherwise])]);
}

/** Where an attribute is found in Cedar. */
const HOLDERS: Readonly<Record<Root, Expr>> = { subject: PRINCIPAL, resource: RESOURCE, action: { '.': { left: CONTEXT, attr: 'action' } }, context: CONTEXT };

export function valueOf({ root, names }: AttributePath): Expr {
  return names.reduce<Expr>((left, attr) => ({ '.': { left, attr } }), HOLDERS[root]);
}

/** Is it there, and everything that leads to it? Each step stands on those before it. */
export function isPresent({ root, names }: AttributePath): Expr {
  return names.map((attr, level): Expr => ({ has: { left: valueOf({ root, names: names.slice(0, level) }), attr } }))
    .reduce((left, right) => ({ '&&': { left, right } }));
}
