import type { Caller, Role } from '../../platform/http/caller.js';

/**
 * The scopes that guard this server's own API, each with the sentence that discovery, the API document and the consent
 * page show for it.
 */
export const API_SCOPES = {
  'agents:read': 'See agents, their settings and what they may do.',
  'agents:write': 'Register, change, suspend and remove agents and their secrets.',
  'tools:read': 'See the tools that agents may be given.',
  'tools:write': 'Add, change and remove tools.',
  'scopes:read': 'See which scopes exist and what they cover.',
  'scopes:write': 'Add, change and remove scopes.',
  'resources:read': 'See the APIs and MCP servers that accept tokens of this server.',
  'resources:write': 'Add, change and remove APIs and MCP servers that accept tokens of this server.',
  'policies:read': 'See the policies that decide what is allowed.',
  'policies:write': 'Add, change and remove policies.',
  'decisions:evaluate': 'Ask whether a request is allowed, and who may do what to what.',
  'delegations:read': 'See what people have delegated to agents.',
  'delegations:write': 'Delegate authority to agents and take it back.',
  'tasks:read': 'See the tasks that agents work on.',
  'tasks:write': 'Complete and cancel tasks.',
  'users:read': 'See the people of the organization.',
  'users:write': 'Add, change and remove people of the organization.',
  'organizations:read': 'See the organization and its members.',
  'organizations:write': 'Change the organization, its members and its enrolment token, and make new organizations.',
  'tokens:read': 'See which tokens were issued.',
  'tokens:revoke': 'End tokens before they expire.',
  'audit:read': 'Read the audit log.',
  'ssf.read': 'Receive the security events of the organization, and see the streams that bring them.',
  'ssf.manage': 'Make, change and end streams of security events.',
  'approvals:read': 'See requests that wait for approval.',
  'approvals:decide': 'Approve and deny requests that wait for approval.',
  'keys:write': 'Rotate signing keys.',
  'clients:write': 'Register, change and remove OAuth clients.',
  'admin:read': 'See the dashboard and statistics.',
} as const satisfies Record<string, string>;

export type ApiScope = keyof typeof API_SCOPES;

export const ROLES = ['owner', 'admin', 'member'] as const satisfies readonly Role[];

/** What sets an owner apart from an admin is not a scope but deleting the organization. */
const ALL = new Set(Object.keys(API_SCOPES) as ApiScope[]);

/** What is common to see, and what a person may do with what is theirs. See docs/decisions/0004-roles.md. */
const OF_MEMBERS: ReadonlySet<ApiScope> = new Set<ApiScope>([
  'agents:read', 'agents:write', 'tools:read', 'scopes:read', 'resources:read', 'delegations:read', 'delegations:write',
  'tasks:read', 'tasks:write', 'users:read', 'organizations:read', 'tokens:read', 'tokens:revoke', 'approvals:read', 'approvals:decide',
]);

const SCOPES: Record<Role, ReadonlySet<ApiScope>> = { owner: ALL, admin: ALL, member: OF_MEMBERS };
const RANK: Record<Role, number> = { owner: 3, admin: 2, member: 1 };

/** The scopes of this server's API that a member with this role may hold. */
export function scopesOfRole(role: Role): ReadonlySet<ApiScope> {
  return SCOPES[role];
}

/** May a member with this role hold this scope? Scopes of other APIs are not ours to judge by role. */
export function roleAllows(role: Role, scope: string): boolean {
  return !Object.hasOwn(API_SCOPES, scope) || SCOPES[role].has(scope as ApiScope);
}

export function isAbove(role: Role, other: Role): boolean {
  return RANK[role] > RANK[other];
}

/**
 * The highest role this caller may give, take or act upon. Agents and other clients with the scope stand as an admin: they
 * run the organization, but it is never theirs to delete.
 */
export function standingOf(caller: Pick<Caller, 'kind' | 'role' | 'isPlatformAdministrator'>): Role {
  if (caller.isPlatformAdministrator) return 'owner';
  return caller.kind === 'user' ? caller.role ?? 'member' : 'admin';
}
