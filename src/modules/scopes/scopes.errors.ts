import { DomainError } from '../../kernel/domain-error.js';

export const scopeNotFound = () =>
  new DomainError('not_found', 'scope_not_found', 'There is no such scope.');

export const scopeNameTaken = (name: string) =>
  new DomainError('conflict', 'scope_name_taken', `There is a scope ${name} already.`);

export const scopeNameReserved = (name: string) =>
  new DomainError('conflict', 'scope_name_reserved', `The name ${name} belongs to a scope of this server.`);

export const scopeBuiltIn = () =>
  new DomainError('forbidden', 'scope_built_in', 'This scope comes with the server and cannot be changed.');

export const scopeFromFile = () =>
  new DomainError('forbidden', 'scope_from_file', 'This scope is defined in a file of this server for all organizations, and is changed there.');

/** @param way from the scope over those that it would come to imply back to it */
export const scopeCycle = (way: readonly string[]) =>
  new DomainError('invalid', 'scope_cycle', `A scope cannot come to imply itself: ${way.join(' → ')}.`, { details: { cycle: way } });

export const impliesReserved = (names: readonly string[]) =>
  new DomainError('invalid', 'implied_scope_reserved', `No scope of an organization implies one of this server or of OpenID Connect: ${names.join(' ')}.`, { details: { scopes: names } });

export const unknownScopes = (names: readonly string[]) =>
  new DomainError('invalid', 'unknown_scope', `These scopes do not exist or are not active: ${names.join(' ')}.`, { details: { scopes: names } });
