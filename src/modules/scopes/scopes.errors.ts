import { DomainError } from '../../kernel/domain-error.js';

export const scopeNotFound = () =>
  new DomainError('not_found', 'scope_not_found', 'There is no such scope.');

export const scopeNameTaken = (name: string) =>
  new DomainError('conflict', 'scope_name_taken', `There is a scope ${name} already.`);

export const scopeNameReserved = (name: string) =>
  new DomainError('conflict', 'scope_name_reserved', `The name ${name} belongs to a scope of this server.`);

export const scopeBuiltIn = () =>
  new DomainError('forbidden', 'scope_built_in', 'This scope comes with the server and cannot be changed.');

export const unknownScopes = (names: readonly string[]) =>
  new DomainError('invalid', 'unknown_scope', `These scopes do not exist or are not active: ${names.join(' ')}.`, { details: { scopes: names } });
