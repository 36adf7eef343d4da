import { z } from 'zod';
import { isPlainJson } from '../../kernel/plain-json.js';
import type { Attributes, DecisionRequest } from './decision.js';
import { invalidAuthzenRequest } from './authzen.errors.js';

/**
 * Requests of OpenID AuthZEN Authorization API 1.0 (sections 5 to 8). Members that the standard does not know are not looked at,
 * as it asks; those that it knows are held to their types and to bounds.
 */

/** Bytes of JSON. */
const LARGEST_PROPERTIES = 16 * 1024;
export const MOST_EVALUATIONS = 200;
export const MOST_RESULTS = 200;

type Question = Omit<DecisionRequest, 'organizationId'>;

const name = z.string().min(1).max(512);
const properties = z.record(z.string(), z.unknown())
  .refine((value) => isPlainJson(value), 'must be at most 16 levels deep, without NUL characters and without the member names __proto__, constructor and prototype')
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= LARGEST_PROPERTIES, `must be at most ${LARGEST_PROPERTIES} bytes of JSON`);
const kind = z.object({ type: name, properties: properties.optional() });
const entity = kind.extend({ id: name });
const action = z.object({ name, properties: properties.optional() });

const evaluation = z.object({ subject: entity, action, resource: entity, context: properties.optional() });
const defaults = z.object({ subject: entity.partial(), action: action.partial(), resource: entity.partial(), context: properties }).partial();
const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;
export type Semantic = (typeof SEMANTICS)[number];
const evaluations = defaults.extend({
  evaluations: z.array(z.unknown()).max(MOST_EVALUATIONS).optional(),
  options: z.object({ evaluations_semantic: z.enum(SEMANTICS).optional() }).optional(),
});

const page = z.object({ token: z.string().max(2048).optional(), limit: z.int().min(0).optional() }).optional();
const searches = {
  subject: z.object({ subject: kind, action, resource: entity, context: properties.optional(), page }),
  resource: z.object({ subject: entity, action, resource: kind, context: properties.optional(), page }),
  action: z.object({ subject: entity, resource: entity, context: properties.optional(), page }),
};
export type Searched = keyof typeof searches;
export type SubjectSearch = z.infer<typeof searches.subject>;
export type ResourceSearch = z.infer<typeof searches.resource>;
export type ActionSearch = z.infer<typeof searches.action>;
export interface SearchRequests {
  subject: SubjectSearch;
  resource: ResourceSearch;
  action: ActionSearch;
}

/** @throws DomainError `invalid_authzen_request` */
export function readEvaluation(body: unknown): Question {
  const { subject, action: asked, resource, context } = parse(evaluation, body);
  return questionOf(subject, asked, resource, context);
}

/** One evaluation, as in a request for a single one; or several, each of which may be wrong by itself. */
export type Evaluations = { readonly single: Question } | { readonly several: readonly (Question | { readonly error: string })[]; readonly semantic: Semantic };

/** @throws DomainError `invalid_authzen_request` when the request as a whole is wrong */
export function readEvaluations(body: unknown): Evaluations {
  const { evaluations: items = [], options, ...shared } = parse(evaluations, body);
  if (items.length === 0) return { single: readEvaluation(body) };
  return {
    several: items.map((item) => {
      const result = evaluation.safeParse(withDefaults(item, shared));
      return result.success ? questionOf(result.data.subject, result.data.action, result.data.resource, result.data.context) : { error: sentenceOf(result.error) };
    }),
    semantic: options?.evaluations_semantic ?? 'execute_all',
  };
}

/** @throws DomainError `invalid_authzen_request` */
export function readSearch<Kind extends Searched>(searched: Kind, body: unknown): SearchRequests[Kind] {
  return parse(searches[searched] as unknown as z.ZodType<SearchRequests[Kind]>, body);
}

interface AuthzenEntity {
  readonly type: string;
  readonly id: string;
  readonly properties?: Attributes;
}

export function questionOf(subject: AuthzenEntity, asked: { readonly name: string; readonly properties?: Attributes }, resource: AuthzenEntity, context: Attributes | undefined): Question {
  const decided = ({ type, id, properties: attributes }: AuthzenEntity) => ({ type, id, ...(attributes && { attributes }) });
  return {
    subject: decided(subject), action: asked.name, ...(asked.properties && { actionAttributes: asked.properties }), resource: decided(resource), ...(context && { context }),
  };
}

/**
 * An evaluation takes what it does not say itself from the request. What it says replaces it whole, but for the type, id or name
 * that it leaves out.
 */
function withDefaults(item: unknown, shared: z.infer<typeof defaults>): unknown {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  const own = item as Record<string, unknown>;
  const merged = (member: 'subject' | 'action' | 'resource', required: readonly string[]) => {
    const [mine, theirs] = [own[member], shared[member] as Record<string, unknown> | undefined];
    if (mine === undefined) return theirs;
    if (typeof mine !== 'object' || mine === null || Array.isArray(mine) || theirs === undefined) return mine;
    return { ...Object.fromEntries(required.flatMap((one) => (theirs[one] === undefined ? [] : [[one, theirs[one]]]))), ...mine };
  };
  return { subject: merged('subject', ['type', 'id']), action: merged('action', ['name']), resource: merged('resource', ['type', 'id']), context: own['context'] ?? shared.context };
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (!result.success) throw invalidAuthzenRequest(sentenceOf(result.error));
  return result.data;
}

function sentenceOf({ issues: [issue] }: z.ZodError): string {
  const member = issue!.path.join('.') || 'The body';
  if (issue!.code === 'invalid_type' && issue!.message.endsWith('received undefined')) return `${member} is missing.`;
  if (issue!.code === 'custom') return `${member} ${issue!.message}.`;
  return `${member} is not valid: ${issue!.message.replace(/^Invalid input: /, '')}.`;
}
