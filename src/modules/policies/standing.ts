import { covers } from '../../kernel/scope-set.js';
import { ROLES, scopesOfRole } from '../organizations/roles.js';
import type { Role } from '../../platform/http/caller.js';
import type { Attributes, DecisionRequest } from './decision.js';
import type { Standing } from './request-facts.js';
import type { ScopeOrder, ScopeRelations } from './scope-relations.js';

/** What the server knows of scopes, whoever asks. */
export interface ScopeKnowledge {
  /** OpenID Connect's own, which open no resource: everybody may be given them. */
  isOidcScope(name: string): boolean;
  /** Does it guard this server's own API? */
  isApiScope(name: string): boolean;
}

/** How the subject of a request stands to its resource: worked out only when a policy asks. */
export function standingOf(request: DecisionRequest, order: ScopeOrder, scopes: ScopeKnowledge, relations: ScopeRelations | undefined): Standing {
  const { subject: { attributes = {} }, resource } = request;
  return {
    relations,
    isAssigned() {
      if (resource.type === 'tool') return assigned(attributes['assigned_tools'])?.has(resource.id);
      if (resource.type !== 'scope') return undefined;
      const held = assigned(attributes['assigned_scopes']);
      return held && (order.covers(held, resource.id) || scopes.isOidcScope(resource.id));
    },
    isAllowedByRole() {
      const roles = rolesOf(attributes);
      if (roles.length === 0) return undefined;
      if (resource.type === 'tool') return true;
      if (resource.type !== 'scope') return undefined;
      // What an organization's own scopes permit is not for a role of this server to judge.
      return !scopes.isApiScope(resource.id) || roles.some((role) => covers(scopesOfRole(role), resource.id));
    },
  };
}

/** The lists that callers give come from caches, so that the same one is seen again and again. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function assigned(given: unknown): ReadonlySet<string> | undefined {
  if (given instanceof Set) return given as ReadonlySet<string>;
  if (!Array.isArray(given)) return undefined;
  const list = given as readonly string[];
  const known = sets.get(list);
  if (known) return known;
  const set = new Set(list);
  sets.set(list, set);
  return set;
}

function rolesOf({ role, roles }: Attributes): Role[] {
  const given: unknown[] = [role, ...(Array.isArray(roles) ? roles as unknown[] : [])];
  return ROLES.filter((known) => given.includes(known));
}
