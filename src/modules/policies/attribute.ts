/**
 * What a policy may read of a request, by name: `subject.agent_trust_level`, `resource.status`, `action.soft`,
 * `context.task.cost_center`. A name has one type, so that a comparison means one thing.
 */

export const ATTRIBUTE_TYPES = ['text', 'number', 'flag', 'texts', 'time', 'ip'] as const;
/** `number` is a whole number; `texts` a list of texts; `time` a moment; `ip` an address. */
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

export const ROOTS = ['subject', 'resource', 'action', 'context'] as const;
export type Root = (typeof ROOTS)[number];

export interface AttributePath {
  readonly root: Root;
  /** One name for each level: `context.task.cost_center` has two. */
  readonly names: readonly string[];
}

const MOST_LEVELS = 4;
const NAME = /^[^.\p{Cc}\p{Cs}]{1,100}$/u;
/** Names that reach a prototype are nobody's attribute. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** What stands in a dotted name; undefined when it is none. */
export function parseAttributePath(text: string): AttributePath | undefined {
  const [root, ...names] = text.split('.');
  if (!ROOTS.includes(root as Root) || names.length === 0 || names.length > MOST_LEVELS) return undefined;
  return names.every((name) => NAME.test(name) && !FORBIDDEN.has(name)) ? { root: root as Root, names } : undefined;
}

export function pathText({ root, names }: AttributePath): string {
  return [root, ...names].join('.');
}

interface Declaration {
  readonly type: AttributeType;
  /** Always there, whatever the caller sends. */
  readonly isCertain?: boolean;
  /** Types of subjects that can have it; every type when left out. */
  readonly of?: readonly string[];
}

/**
 * Attributes that this server itself speaks of. The name of any other has the type that the policy compares it as.
 * docs/how-to/write-a-policy.md says what each means.
 */
const DECLARED: Readonly<Record<string, Declaration>> = {
  'subject.id': { type: 'text', isCertain: true },
  'subject.type': { type: 'text', isCertain: true },
  'subject.status': { type: 'text' },
  'subject.agent_type': { type: 'text', of: ['agent'] },
  'subject.agent_model': { type: 'text', of: ['agent'] },
  'subject.agent_provider': { type: 'text', of: ['agent'] },
  'subject.agent_trust_level': { type: 'text', of: ['agent'] },
  'subject.capabilities': { type: 'texts', of: ['agent'] },
  'subject.owner': { type: 'text', of: ['agent'] },
  'subject.assigned_scopes': { type: 'texts', of: ['agent', 'client'] },
  'subject.assigned_tools': { type: 'texts', of: ['agent', 'client'] },
  'subject.role': { type: 'text', of: ['user'] },
  'subject.roles': { type: 'texts', of: ['user'] },

  'resource.id': { type: 'text', isCertain: true },
  'resource.type': { type: 'text', isCertain: true },
  // Worked out by the server for scopes and tools; what a caller sends under these names is not looked at.
  'resource.is_active': { type: 'flag' },
  'resource.is_assigned': { type: 'flag' },
  'resource.is_allowed_by_role': { type: 'flag' },
  'resource.covered_by': { type: 'texts' },
  'resource.overlaps': { type: 'texts' },

  'action.name': { type: 'text', isCertain: true },

  'context.organization_id': { type: 'text', isCertain: true },
  'context.time': { type: 'time' },
  'context.ip': { type: 'ip' },
  'context.launch_reason': { type: 'text' },
  'context.delegation_depth': { type: 'number' },
  'context.grant_type': { type: 'text' },
  'context.acr': { type: 'text' },
  'context.amr': { type: 'texts' },
  'context.auth_age': { type: 'number' },
  'context.audience': { type: 'text' },
  'context.purpose': { type: 'text' },
};

/** Types of subjects whose attributes this server knows; of any other it knows nothing, so any attribute may be missing there. */
export const KNOWN_SUBJECTS = ['agent', 'user', 'client'] as const;

export function declarationOf(path: AttributePath): Declaration | undefined {
  const text = pathText(path);
  return Object.hasOwn(DECLARED, text) ? DECLARED[text] : undefined;
}

/** All that the server itself speaks of. */
export function declaredAttributes(): { path: AttributePath; type: AttributeType; isCertain: boolean }[] {
  return Object.entries(DECLARED).map(([text, { type, isCertain = false }]) => ({ path: parseAttributePath(text)!, type, isCertain }));
}

/** In words, for messages. */
export const TYPE_WORDS: Readonly<Record<AttributeType, string>> = {
  text: 'text', number: 'a whole number', flag: 'true or false', texts: 'a list of texts', time: 'a moment', ip: 'an IP address',
};
