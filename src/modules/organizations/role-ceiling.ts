import { uncovered } from '../../kernel/scope-set.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { roleAboveOwn, roleBeyondScopes } from './organizations.errors.js';
import { isAbove, scopesOfRole, standingOf } from './roles.js';

/**
 * May the caller change or end what a member with this role is?
 * @throws DomainError `role_above_own`
 */
export function assertMayActOn(caller: Caller, role: Role): void {
  if (isAbove(role, standingOf(caller))) throw roleAboveOwn();
}

/**
 * May the caller make somebody what this role is? Whoever becomes admin or owner gets the scopes of that role, so the caller's
 * token must carry them: an application with one narrow scope cannot make itself a person who holds the rest.
 *
 * @throws DomainError `role_above_own`, `role_beyond_scopes`
 */
export function assertMayHandOut(caller: Caller, role: Role): void {
  assertMayActOn(caller, role);
  if (role === 'member') return;
  const missing = uncovered(caller.scopes, scopesOfRole(role));
  if (missing.length > 0) throw roleBeyondScopes(role, missing);
}
