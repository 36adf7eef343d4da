import type { ActionConstraint, DetailedError, EntityUidJson, Expr, PolicyJson, PrincipalConstraint, ResourceConstraint } from '@cedar-policy/cedar-wasm/nodejs';
import { declaredAttributes, parseAttributePath, pathText, type AttributePath, type Root } from './attribute.js';
import { policyToJson } from './cedar.js';
import { unjoined } from './cedar-terms.js';
import type { Read } from './compile-condition.js';
import type { Compilation } from './compile-rule.js';
import type { CedarRule, RuleProblem } from './policy-rule.js';
import type { Match, NameMatch, Selector } from './selector.js';

/** Compiles a policy that somebody wrote in Cedar: what it reads and whom it concerns is found in its syntax tree. */
export function compileCedar({ cedar, attributes = {} }: CedarRule): Compilation {
  const parsed = policyToJson(cedar);
  if (parsed.type === 'failure') return { problems: parsed.errors.map((error) => cedarProblem(error, cedar)) };
  const policy = parsed.json;
  const known = [
    ...declaredAttributes().map(({ path, type }): Read => ({ kind: 'attribute', path, type })),
    ...Object.entries(attributes).map(([text, type]): Read => ({ kind: 'attribute', path: parseAttributePath(text)!, type })),
  ];
  const contradiction = contradictionIn(attributes);
  if (contradiction) return { problems: [contradiction] };
  const chains: AttributePath[] = [];
  for (const { body } of policy.conditions) collectChains(body, chains);
  if (chains.some(({ names }) => names.length === 0)) return { problems: [{ path: 'cedar', message: 'uses the context as a whole; read its attributes one by one' }] };
  return {
    effect: policy.effect === 'permit' ? 'allow' : 'deny',
    policy: cedar,
    reads: known.filter((read) => read.kind === 'attribute' && chains.some((chain) => leadsTo(chain, read.path))),
    selector: selectorOf(policy),
    parts: [],
  };
}

/**
 * The validator's words, and the place that they are about.
 * @param text of the policy, when somebody wrote it in Cedar
 */
export function cedarProblem({ message, help, sourceLocations }: DetailedError, text: string | undefined): RuleProblem {
  // The id that the policy was given for the occasion means nothing to its author.
  const words = [message, help].filter((one) => one != null).map((one) => one!.replace(/^for policy `[^`]*`, /, '').replace(/ with id `[^`]*`/, ''));
  if (text === undefined) return { path: '', message: words.join('; ') };
  const start = sourceLocations?.[0]?.start;
  const place = start === undefined ? '' : `${placeIn(text, start)}: `;
  return { path: 'cedar', message: `${place}${words.join('; ')}` };
}

/** @param offset in bytes, as Cedar counts */
function placeIn(text: string, offset: number): string {
  const before = Buffer.from(text).subarray(0, offset).toString().split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

function contradictionIn(attributes: NonNullable<CedarRule['attributes']>): RuleProblem | undefined {
  const declared = new Set(declaredAttributes().map(({ path }) => pathText(path)));
  const names = Object.keys(attributes);
  for (const name of names) {
    if (declared.has(name)) return { path: `attributes.${name}`, message: 'is an attribute whose type the server knows; leave it out' };
    const parent = [...names, ...declared].find((other) => name.startsWith(`${other}.`) || (declared.has(other) && other.startsWith(`${name}.`)));
    if (parent !== undefined) return { path: `attributes.${name}`, message: `cannot stand beside ${parent}: only one of them can hold a value` };
  }
  return undefined;
}

const VARIABLES: Readonly<Record<string, Root>> = { principal: 'subject', resource: 'resource', context: 'context' };

/** Every `principal.a.b` in the tree, as long as it goes. A variable alone is of interest only when it is the context, which has no identity. */
function collectChains(expression: unknown, into: AttributePath[]): void {
  const chain = chainOf(expression);
  if (chain) {
    if (chain.names.length > 0 || chain.root === 'context') into.push(chain);
    return;
  }
  if (typeof expression !== 'object' || expression === null) return;
  const { has } = expression as { has?: { left: Expr; attr: string | string[] } };
  const held = has && chainOf(has.left);
  if (held) {
    into.push(asAction({ root: held.root, names: [...held.names, ...[has.attr].flat()] }));
    return;
  }
  // A value is data; what looks like a tree in it is none.
  if ('Value' in expression) return;
  for (const member of Object.values(expression)) collectChains(member, into);
}

function chainOf(expression: unknown): AttributePath | undefined {
  const names: string[] = [];
  let at = expression as { '.'?: { left: Expr; attr: string }; Var?: string } | null;
  while (typeof at === 'object' && at !== null && at['.']) {
    names.unshift(at['.'].attr);
    at = at['.'].left as typeof at;
  }
  const root = typeof at === 'object' && at !== null && at.Var !== undefined ? VARIABLES[at.Var] : undefined;
  return root && asAction({ root, names });
}

/** The properties of the action stand in the context. */
function asAction(chain: AttributePath): AttributePath {
  return chain.root === 'context' && chain.names[0] === 'action' ? { root: 'action', names: chain.names.slice(1) } : chain;
}

/** Does reading the one read the other: the same, a record that holds it, or, by mistake, a part of it? */
function leadsTo(chain: AttributePath, path: AttributePath): boolean {
  if (chain.root !== path.root) return false;
  return path.names.slice(0, chain.names.length).every((name, level) => name === chain.names[level]);
}

function selectorOf({ principal, action, resource }: PolicyJson): Selector {
  const subjects = matchesOf(principal, 'Subject', { Agent: 'agent', User: 'user', Client: 'client' });
  const resources = matchesOf(resource, 'Entity', { Scope: 'scope', Tool: 'tool', Resource: 'resource' });
  const actions = actionsOf(action);
  return { ...(subjects && { subjects }), ...(actions && { actions }), ...(resources && { resources }) };
}

/** @param rest the Cedar type of all that have none of their own: `Entity::"record:record-1"` */
function matchesOf(constraint: PrincipalConstraint | ResourceConstraint, rest: string, types: Readonly<Record<string, string>>): Match[] | undefined {
  if (constraint.op === '==' && 'entity' in constraint) {
    const { type, id } = uid(constraint.entity);
    if (type === rest && id.includes(':')) return [unjoined(id)];
    return types[type] === undefined ? undefined : [{ type: types[type], id }];
  }
  if (constraint.op === 'is' && types[constraint.entity_type] !== undefined) return [{ type: types[constraint.entity_type]! }];
  return undefined;
}

function actionsOf(constraint: ActionConstraint): NameMatch[] | undefined {
  if (constraint.op === '==' && 'entity' in constraint) return [{ name: uid(constraint.entity).id, isPrefix: false }];
  if (constraint.op !== 'in') return undefined;
  const entities = 'entities' in constraint ? constraint.entities : [constraint.entity];
  return entities.map((one) => ({ name: uid(one).id, isPrefix: false }));
}

function uid(entity: EntityUidJson): { type: string; id: string } {
  return '__entity' in entity ? entity.__entity : entity;
}
