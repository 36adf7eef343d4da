import { z } from 'zod';
import { isScopeToken } from '../../kernel/scope-set.js';
import { ATTRIBUTE_TYPES, parseAttributePath, type AttributeType } from './attribute.js';
import { plainRange } from './ip-address.js';
import { isTimeZone, WEEKDAYS } from './local-time.js';

/**
 * The language that policies are written in, as JSON or YAML: `effect`, `who`, `what` and `when`, or Cedar itself for those who
 * know it. docs/how-to/write-a-policy.md explains it with examples. The shapes here are bounded, so that nothing that is saved
 * can be slow; `parseRule` says what is wrong by the path of the member.
 */

/** One thing that is wrong, and where: `when.all.0.equals`. */
export interface RuleProblem {
  readonly path: string;
  readonly message: string;
}

const LONGEST_TEXT = 512;
const LONGEST_LIST = 100;
const LONGEST_CEDAR = 8192;
const MOST_CONDITIONS = 100;
/** How deep `all`, `any` and `not` may stand in each other. */
const DEEPEST = 8;
/** Of a rule as JSON. Bytes. */
export const LARGEST_RULE = 16 * 1024;

const text = z.string().min(1).max(LONGEST_TEXT).refine((value) => !/[\p{Cc}\p{Cs}]/u.test(value), 'must not hold control characters');
const pattern = text.refine((value) => !value.slice(0, -1).includes('*'), 'may have a * only at the end');
const list = <T extends z.ZodType>(of: T) => z.array(of).min(1).max(LONGEST_LIST);
const attributeName = z.string().max(LONGEST_TEXT).refine((value) => parseAttributePath(value) !== undefined,
  'must name an attribute of subject, resource, action or context, such as subject.agent_type');
const wholeNumber = z.int();
const scalar = z.union([text, wholeNumber, z.boolean()], 'must be text, a whole number, true or false');
const reference = z.strictObject({ attribute: attributeName });

const entityPattern = z.strictObject({ type: text.refine((value) => !value.includes('*'), 'must be one type, without *'), id: pattern.optional() });
const scopePattern = pattern.refine((value) => value === '*' || isScopeToken(value), 'must be a scope name, or the beginning of one and a *');

const who = z.strictObject({
  agents: list(pattern).optional(),
  users: list(pattern).optional(),
  clients: list(pattern).optional(),
  subjects: list(entityPattern).optional(),
  roles: list(text).optional(),
  organizations: list(z.guid('must be the id of an organization')).optional(),
  attributes: z.record(z.string().max(100), z.union([scalar, list(scalar)], 'must be a value, or a list of values'))
    .refine((value) => Object.keys(value).length <= LONGEST_LIST, `must have at most ${LONGEST_LIST} members`).optional(),
}).refine((value) => Object.keys(value).length > 0, 'must say something; leave it out for everybody');

const what = z.strictObject({
  actions: list(pattern).optional(),
  scopes: list(scopePattern).optional(),
  tools: list(pattern).optional(),
  resources: list(z.union([pattern, entityPattern], 'must be the identifier of a resource, or {type, id}')).optional(),
}).refine((value) => Object.keys(value).length > 0, 'must say something; leave it out for everything');

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day such as 09:30');
const within = z.strictObject({
  from: clock.optional(),
  to: clock.optional(),
  days: list(z.enum(WEEKDAYS)).optional(),
  zone: z.string().max(64).refine(isTimeZone, 'must be a time zone such as Europe/Berlin').optional(),
}).refine(({ from, to, days }) => from !== undefined || to !== undefined || days !== undefined, 'must have from, to or days');

export type Within = z.infer<typeof within>;

const range = z.string().max(64).refine((value) => plainRange(value) !== undefined, 'must be an IP address or a range such as 10.0.0.0/8');
const moment = z.iso.datetime({ offset: true, error: 'must be a moment such as 2026-01-31T09:30:00Z' });

/** What a condition may compare an attribute with: one of these a condition. */
const OPERATORS = {
  equals: z.union([scalar, reference], 'must be text, a whole number, true, false or {attribute}').optional(),
  in: z.union([list(text), list(wholeNumber), reference], 'must be a list of texts, a list of whole numbers or {attribute}').optional(),
  contains: z.union([text, reference], 'must be text or {attribute}').optional(),
  contains_any: list(text).optional(),
  contains_all: list(text).optional(),
  starts_with: text.optional(),
  less_than: wholeNumber.optional(),
  at_most: wholeNumber.optional(),
  at_least: wholeNumber.optional(),
  more_than: wholeNumber.optional(),
  before: moment.optional(),
  after: moment.optional(),
  ip_in: z.union([range, list(range)], 'must be an IP range such as 10.0.0.0/8, or a list of them').optional(),
  exists: z.boolean().optional(),
};
export type Operator = keyof typeof OPERATORS;
const OPERATOR_NAMES = Object.keys(OPERATORS) as Operator[];

const comparison = z.strictObject({ attribute: attributeName.optional(), ...OPERATORS });

/** One of `all`, `any`, `not`, `within` and `attribute`; with `attribute`, one operator. */
export interface Condition extends z.infer<typeof comparison> {
  all?: Condition[];
  any?: Condition[];
  not?: Condition;
  within?: Within;
}

const condition: z.ZodType<Condition> = comparison.extend({
  get all() { return z.array(condition).min(1).max(MOST_CONDITIONS).optional(); },
  get any() { return z.array(condition).min(1).max(MOST_CONDITIONS).optional(); },
  get not() { return condition.optional(); },
  within: within.optional(),
}).superRefine((value, context) => {
  const shapes = (['all', 'any', 'not', 'within', 'attribute'] as const).filter((name) => value[name] !== undefined);
  const operators = OPERATOR_NAMES.filter((name) => value[name] !== undefined);
  if (shapes.length !== 1) context.addIssue({ code: 'custom', message: 'must have one of all, any, not, within and attribute' });
  else if (shapes[0] === 'attribute' && operators.length !== 1) context.addIssue({ code: 'custom', message: `must compare the attribute by one of ${OPERATOR_NAMES.join(', ')}` });
  else if (shapes[0] !== 'attribute' && operators.length > 0) context.addIssue({ code: 'custom', message: `compares by ${operators[0]}, but names no attribute` });
});

const structuredRule = z.strictObject({ effect: z.enum(['allow', 'deny']), who: who.optional(), what: what.optional(), when: condition.optional() })
  .refine(({ effect, ...rest }) => effect === 'deny' || Object.keys(rest).length > 0, 'would allow everything to everybody; say who, what or when');

const cedarRule = z.strictObject({
  cedar: z.string().min(1).max(LONGEST_CEDAR),
  attributes: z.record(attributeName, z.enum(ATTRIBUTE_TYPES)).refine((value) => Object.keys(value).length <= LONGEST_LIST, `must have at most ${LONGEST_LIST} members`).optional(),
});

export type StructuredRule = z.infer<typeof structuredRule>;
export type Who = z.infer<typeof who>;
export type What = z.infer<typeof what>;
export interface CedarRule {
  readonly cedar: string;
  /** Types of the attributes that the text reads, beside those that the server knows. */
  readonly attributes?: Readonly<Record<string, AttributeType>>;
}
export type PolicyRule = StructuredRule | CedarRule;

export function isCedarRule(rule: PolicyRule): rule is CedarRule {
  return 'cedar' in rule;
}

/** Reads what somebody wrote. It is plain JSON: who calls has seen to that. */
export function parseRule(value: unknown): { rule: PolicyRule } | { problems: RuleProblem[] } {
  const size = sizeProblem(value);
  if (size) return { problems: [size] };
  const isCedar = typeof value === 'object' && value !== null && 'cedar' in value;
  const result = isCedar ? cedarRule.safeParse(value) : structuredRule.safeParse(value);
  if (result.success) return { rule: result.data };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue)) };
}

/** Looked at before the shapes are, which read recursively. */
function sizeProblem(value: unknown): RuleProblem | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { path: '', message: 'must be an object with effect, who, what and when, or with cedar' };
  if (Buffer.byteLength(JSON.stringify(value)) > LARGEST_RULE) return { path: '', message: `must be at most ${LARGEST_RULE} bytes of JSON` };
  let level: unknown[] = [(value as { when?: unknown }).when];
  let conditions = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) return { path: 'when', message: `must not stand more than ${DEEPEST} levels deep` };
    const nested: unknown[] = level.flatMap((one) => (typeof one === 'object' && one !== null ? conditionsIn(one) : []));
    conditions += nested.length;
    if (conditions > MOST_CONDITIONS) return { path: 'when', message: `must have at most ${MOST_CONDITIONS} conditions` };
    level = nested;
  }
  return undefined;
}

function conditionsIn({ all, any, not }: { all?: unknown; any?: unknown; not?: unknown }): unknown[] {
  return [...(Array.isArray(all) ? all : []), ...(Array.isArray(any) ? any : []), ...(not === undefined ? [] : [not])];
}

function problemsOf(issue: z.core.$ZodIssue): RuleProblem[] {
  const path = issue.path.map(String).join('.');
  switch (issue.code) {
    case 'unrecognized_keys': return issue.keys.map((key) => ({ path: [...issue.path.map(String), key.slice(0, 100)].join('.'), message: 'is not a member that is known here' }));
    case 'too_big': return [{ path, message: issue.origin === 'array' ? `must have at most ${issue.maximum} entries` : `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}` }];
    case 'too_small': return [{ path, message: issue.origin === 'array' || issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}` }];
    case 'invalid_type': return [{ path, message: issue.message.includes('received undefined') ? 'is missing' : `must be ${EXPECTED[issue.expected] ?? issue.expected}` }];
    case 'invalid_value': return [{ path, message: `must be one of ${issue.values.join(', ')}` }];
    default: return [{ path, message: issue.message }];
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'an object', record: 'an object', array: 'a list', string: 'text', int: 'a whole number', number: 'a whole number', boolean: 'true or false',
};
