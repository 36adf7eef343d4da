import { DomainError } from '../../kernel/domain-error.js';

/** Nothing happens without its record: when the log cannot be written, the request is refused. */
export const auditUnavailable = (cause: unknown) =>
  new DomainError('unavailable', 'audit_unavailable', 'The audit log cannot be written at the moment; nothing was done.', { cause, retryAfterSeconds: 1 });

export const auditOverloaded = () =>
  new DomainError('unavailable', 'audit_overloaded', 'The server has more to record than it can keep up with; nothing was done.', { retryAfterSeconds: 1 });

/** The row was refused as the database stood when it would have been written, e.g. `client_inactive`. */
export const rowRefused = (reason: string) =>
  new DomainError('forbidden', 'row_refused', 'Something that this stands on is no longer active.', { details: { reason } });

export const auditEventNotFound = () =>
  new DomainError('not_found', 'audit_event_not_found', 'There is no such event in the audit log.');

/** Who follows the log may have been sent more than this database has: it was restored from a copy. */
export const auditPositionUnknown = () =>
  new DomainError('invalid', 'audit_position_unknown', 'The log does not go as far as this event; look for yourself what it has, and follow it without a position.');

export const tooManyAuditStreams = () =>
  new DomainError('unavailable', 'too_many_audit_streams', 'As many follow the log here as this server has room for; try again in a while.', { retryAfterSeconds: 10 });
