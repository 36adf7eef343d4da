import type { PolicyJson, SchemaJson, Type, TypeOfAttribute } from '@cedar-policy/cedar-wasm/nodejs';
import { declaredAttributes, type AttributePath, type AttributeType } from './attribute.js';
import { PRINCIPAL_TYPES, TARGET_TYPES } from './cedar-terms.js';
import { clockPath, GIVEN, type Read } from './compile-condition.js';

/** Stands for every action that a policy does not name. It is named by none: no action has an empty name. */
const ANY_OTHER_ACTION = '';

interface RecordShape {
  readonly type: 'Record';
  readonly attributes: Record<string, TypeOfAttribute<string>>;
}

interface Leaf {
  readonly path: AttributePath;
  readonly type: Type<string>;
  readonly isCertain: boolean;
}

const TYPES: Readonly<Record<AttributeType, Type<string>>> = {
  text: { type: 'String' }, number: { type: 'Long' }, flag: { type: 'Boolean' }, texts: { type: 'Set', element: { type: 'String' } },
  time: { type: 'Extension', name: 'datetime' }, ip: { type: 'Extension', name: 'ipaddr' },
};

/**
 * The Cedar schema that a policy is checked against: all that the server speaks of, and what this policy reads beside it. Callers
 * may ask about any type of subject and resource and any action; the validator tries every combination, so the schema has only
 * those that the policy tells apart, and one that stands for all others.
 */
export function schemaFor(policy: PolicyJson, reads: readonly Read[]): SchemaJson<string> {
  const leaves = [...declaredAttributes().map(({ path, type, isCertain }): Leaf => ({ path, type: TYPES[type], isCertain })), ...reads.flatMap(leavesOf), {
    path: GIVEN, type: TYPES.texts, isCertain: true,
  }];
  const shape = (root: AttributePath['root']) => recordOf(leaves.filter((leaf) => leaf.path.root === root).map(({ path, ...leaf }) => ({ ...leaf, names: path.names })));
  const context = shape('context');
  const named = namesIn(policy);
  const appliesTo = {
    principalTypes: PRINCIPAL_TYPES.filter((type) => type === 'Subject' || named.types.has(type)),
    resourceTypes: TARGET_TYPES.filter((type) => type === 'Entity' || named.types.has(type)),
    context: { ...context, attributes: { ...context.attributes, action: { ...shape('action'), required: true } } },
  };
  return {
    '': {
      entityTypes: {
        ...Object.fromEntries(PRINCIPAL_TYPES.map((type) => [type, { shape: shape('subject') }])),
        ...Object.fromEntries(TARGET_TYPES.map((type) => [type, { shape: shape('resource') }])),
      },
      actions: Object.fromEntries([...named.actions, ANY_OTHER_ACTION].map((name) => [name, { appliesTo }])),
    },
  };
}

/** Every type and action that stands anywhere in a policy. What only looks like one does no harm. */
function namesIn(tree: unknown, found = { types: new Set<string>(), actions: new Set<string>() }): typeof found {
  if (typeof tree !== 'object' || tree === null) return found;
  const { type, id, entity_type: isType } = tree as { type?: unknown; id?: unknown; entity_type?: unknown };
  if (typeof isType === 'string') found.types.add(isType);
  if (typeof type === 'string' && typeof id === 'string') {
    if (type === 'Action') found.actions.add(id);
    else found.types.add(type);
  }
  for (const member of Object.values(tree)) namesIn(member, found);
  return found;
}

function leavesOf(read: Read): Leaf[] {
  if (read.kind === 'attribute') return [{ path: read.path, type: TYPES[read.type], isCertain: false }];
  if (read.kind === 'given') return [];
  return [
    { path: clockPath(read.zone, 'minute_of_day'), type: TYPES.number, isCertain: true }, { path: clockPath(read.zone, 'weekday'), type: TYPES.text, isCertain: true },
  ];
}

/** Those with one name are the record's own; the others belong to the records in it, which may be missing. The first to name one decides. */
function recordOf(leaves: readonly { names: readonly string[]; type: Type<string>; isCertain: boolean }[]): RecordShape {
  const attributes: Record<string, TypeOfAttribute<string>> = {};
  for (const { names: [name], type, isCertain } of leaves.filter(({ names }) => names.length === 1)) attributes[name!] ??= { ...type, required: isCertain };
  const inner = new Map<string, { names: readonly string[]; type: Type<string>; isCertain: boolean }[]>();
  for (const { names: [name, ...names], ...leaf } of leaves.filter(({ names }) => names.length > 1)) inner.set(name!, [...inner.get(name!) ?? [], { names, ...leaf }]);
  for (const [name, members] of inner) attributes[name] ??= { ...recordOf(members), required: false };
  return { type: 'Record', attributes };
}
