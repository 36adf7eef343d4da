import { DomainError } from '../../kernel/domain-error.js';

export const statusListNotFound = () =>
  new DomainError('not_found', 'status_list_not_found', 'There is no such status list, or every token in it has expired.');

/** Saying that tokens stand, when it is not known what ended meanwhile, would be worse than saying nothing. */
export const statusListsBehind = () =>
  new DomainError('unavailable', 'status_lists_behind', 'The status lists are not up to date at the moment; introspection tells how a token stands.', { retryAfterSeconds: 1 });

export const pastStatusUnknown = () =>
  new DomainError('invalid', 'past_status_unknown', 'A status list tells how tokens stand now, not at another time: leave "time" out.');
