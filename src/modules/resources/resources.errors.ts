import { DomainError, quoted } from '../../kernel/domain-error.js';

export const resourceNotFound = () =>
  new DomainError('not_found', 'resource_not_found', 'There is no such resource.');

export const resourceIdentifierTaken = (identifier: string) =>
  new DomainError('conflict', 'resource_identifier_taken', `There is a resource ${identifier} already, in this organization or another, perhaps in another spelling.`);

export const resourceIdentifierReserved = (identifier: string) =>
  new DomainError('conflict', 'resource_identifier_reserved', `${identifier} is at the address of this server, which keeps those for itself.`);

export const resourceBuiltIn = () =>
  new DomainError('forbidden', 'resource_built_in', `This resource is the server's own API and cannot be changed.`);

/** @param problem what is wrong, to follow "The identifier" */
export const invalidResourceIdentifier = (problem: string) =>
  new DomainError('invalid', 'invalid_resource_identifier', `The identifier ${problem}.`);

export const unknownResources = (identifiers: readonly string[]) =>
  new DomainError('invalid', 'unknown_resource', `These resources do not exist or are not active: ${identifiers.map(quoted).join(' ')}.`);
