import { DomainError } from '../../kernel/domain-error.js';
import type { Role } from '../../platform/http/caller.js';

export const organizationNotFound = () =>
  new DomainError('not_found', 'organization_not_found', 'There is no such organization.');

export const organizationSuspended = () =>
  new DomainError('forbidden', 'organization_suspended', 'This organization is suspended.');

export const slugTaken = () =>
  new DomainError('conflict', 'slug_taken', 'Another organization has this slug.');

export const lastOrganization = () =>
  new DomainError('conflict', 'last_organization', 'The last organization of an installation cannot be deleted.');

export const ownerRequired = () =>
  new DomainError('forbidden', 'owner_required', 'Only an owner of the organization may do this.');

export const platformAdministratorRequired = () =>
  new DomainError('forbidden', 'platform_administrator_required', 'Only a platform administrator may do this.');

export const ownOrganizationSuspension = () =>
  new DomainError('conflict', 'own_organization', 'Switch to another organization before you suspend this one.');

export const ownerUserRequired = () =>
  new DomainError('invalid', 'owner_user_required', 'Name a member of your organization in owner_user_id: an organization needs a person as its owner.');

export const ownerUserNotFound = () =>
  new DomainError('invalid', 'owner_user_not_found', 'The person named in owner_user_id cannot be the owner.');

export const membershipNotFound = () =>
  new DomainError('not_found', 'membership_not_found', 'There is no such member.');

export const alreadyMember = () =>
  new DomainError('conflict', 'already_member', 'This person is a member already.');

export const lastOwner = () =>
  new DomainError('conflict', 'last_owner', 'An organization needs an owner who can act: make somebody else an owner first.');

export const roleAboveOwn = () =>
  new DomainError('forbidden', 'role_above_own', 'You cannot give, change or take away a role above your own.');

export const roleBeyondScopes = (role: Role, missing: readonly string[]) =>
  new DomainError('forbidden', 'role_beyond_scopes', `To hand out the role ${role}, your token needs every scope that the role brings.`, { details: { missing_scopes: missing } });
