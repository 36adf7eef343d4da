import type { CedarValueJson, EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import { nowDate } from '../../kernel/clock.js';
import { pathText, type AttributePath, type AttributeType } from './attribute.js';
import { resourceEntity, subjectEntity } from './cedar-terms.js';
import { clockPath, GIVEN, type Read } from './compile-condition.js';
import type { Attributes, DecisionRequest } from './decision.js';
import { plainAddress } from './ip-address.js';
import { localTime } from './local-time.js';
import type { ScopeRelations } from './scope-relations.js';

/** What the server works out about a request. */
export interface Standing {
  /** Of a scope. */
  readonly relations?: ScopeRelations;
  /** Of a scope or tool: is it, or what covers it, among those assigned to the subject? */
  readonly isAssigned: () => boolean | undefined;
  /** Of a scope or tool: does the role of the subject allow it? */
  readonly isAllowedByRole: () => boolean | undefined;
}

/**
 * The values that some policies read of a request, in the order of `reads`: as Cedar takes them, undefined where there is none
 * or where it is not what the policy compares it as.
 */
export function factsOf(request: DecisionRequest, reads: readonly Read[], standing: Standing): (CedarValueJson | undefined)[] {
  return reads.map((read) => {
    if (read.kind === 'attribute') return cedarValue(read.type, valueOf(request, read.path, standing));
    if (read.kind === 'given') return valueOf(request, read.path, standing) != null;
    const time = momentOf(timeOf(request));
    if (time === undefined) return undefined;
    const { weekday, minuteOfDay } = localTime(time, read.zone);
    return { weekday, minute_of_day: minuteOfDay };
  });
}

/** The entities and the context of a question to Cedar. */
export function cedarInput(request: DecisionRequest, reads: readonly Read[], facts: readonly (CedarValueJson | undefined)[]): { entities: EntityJson[]; context: Record<string, CedarValueJson> } {
  const holders: Record<AttributePath['root'], Record<string, CedarValueJson>> = { subject: {}, resource: {}, action: {}, context: {} };
  const given: string[] = [];
  let readsGiven = false;
  reads.forEach((read, index) => {
    const fact = facts[index];
    if (read.kind === 'given') {
      readsGiven = true;
      if (fact === true) given.push(pathText(read.path));
    } else if (fact !== undefined) {
      const path = read.kind === 'attribute' ? read.path : { ...clockPath(read.zone, 'weekday'), names: ['local_time', read.zone] };
      put(holders[path.root], path.names, fact);
    }
  });
  if (readsGiven) put(holders.context, GIVEN.names, given);
  if (reads.some((read) => read.kind === 'attribute' && read.path.root === 'action')) holders.context['action'] = holders.action;
  const entities: EntityJson[] = [];
  if (Object.keys(holders.subject).length > 0) entities.push({ uid: subjectEntity(request.subject), attrs: holders.subject, parents: [] });
  if (Object.keys(holders.resource).length > 0) entities.push({ uid: resourceEntity(request.resource), attrs: holders.resource, parents: [] });
  return { entities, context: holders.context };
}

/** The first to say what stands at a name has it: a text cannot also hold members. */
function put(holder: Record<string, CedarValueJson>, names: readonly string[], value: CedarValueJson): void {
  let at = holder;
  for (const name of names.slice(0, -1)) {
    const next = at[name] ??= {};
    if (typeof next !== 'object' || next === null || Array.isArray(next) || '__extn' in next) return;
    at = next as Record<string, CedarValueJson>;
  }
  at[names.at(-1)!] ??= value;
}

function valueOf(request: DecisionRequest, { root, names }: AttributePath, standing: Standing): unknown {
  const [name = ''] = names;
  switch (root) {
    case 'subject':
      if (names.length === 1 && (name === 'id' || name === 'type')) return request.subject[name];
      return lookUp(request.subject.attributes, names);
    case 'resource':
      if (names.length === 1 && (name === 'id' || name === 'type')) return request.resource[name];
      if (names.length === 1 && Object.hasOwn(WORKED_OUT, name)) return WORKED_OUT[name]!(standing);
      return lookUp(request.resource.attributes, names);
    case 'action':
      return names.length === 1 && name === 'name' ? request.action : lookUp(request.actionAttributes, names);
    case 'context':
      if (names.length === 1 && name === 'organization_id') return request.organizationId;
      if (names.length === 1 && name === 'time') return timeOf(request);
      return lookUp(request.context, names);
  }
}

/** Attributes of a resource that nobody can send. */
const WORKED_OUT: Readonly<Record<string, (standing: Standing) => unknown>> = {
  is_active: ({ relations }) => relations?.isActive,
  is_assigned: ({ isAssigned }) => isAssigned(),
  is_allowed_by_role: ({ isAllowedByRole }) => isAllowedByRole(),
  covered_by: ({ relations }) => relations?.coveredBy,
  overlaps: ({ relations }) => relations?.overlaps,
};

function timeOf({ context }: DecisionRequest): unknown {
  return lookUp(context, ['time']) ?? nowDate();
}

function lookUp(attributes: Attributes | undefined, names: readonly string[]): unknown {
  let at: unknown = attributes;
  for (const name of names) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Attributes)[name];
  }
  return at;
}

/** The value as Cedar takes it, when it is of the type. */
function cedarValue(type: AttributeType, value: unknown): CedarValueJson | undefined {
  switch (type) {
    case 'text': return typeof value === 'string' ? value : undefined;
    case 'number': return Number.isSafeInteger(value) ? value as number : undefined;
    case 'flag': return typeof value === 'boolean' ? value : undefined;
    case 'texts': {
      const members: readonly unknown[] | undefined = Array.isArray(value) ? value : value instanceof Set ? [...value] : undefined;
      return members?.every((member) => typeof member === 'string') ? members as string[] : undefined;
    }
    case 'time': {
      const time = momentOf(value);
      return time === undefined ? undefined : { __extn: { fn: 'datetime', arg: new Date(time).toISOString() } };
    }
    case 'ip': {
      const address = typeof value === 'string' ? plainAddress(value) : undefined;
      return address === undefined ? undefined : { __extn: { fn: 'ip', arg: address } };
    }
  }
}

/** RFC 3339, with or without seconds, as AuthZEN's examples have it. The zone has to be said. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;
/** What fits the four digits of a year. */
const FARTHEST = Date.UTC(9999, 11, 31);

/** Milliseconds since 1970. */
function momentOf(value: unknown): number | undefined {
  // Numbers would leave open whether they count seconds or milliseconds.
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' && MOMENT.test(value) ? Date.parse(value) : Number.NaN;
  return time >= 0 && time <= FARTHEST ? time : undefined;
}
