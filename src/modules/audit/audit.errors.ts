import { DomainError } from '../../kernel/domain-error.js';

/** Nothing happens without its record: when the log cannot be written, the request is refused. */
export const auditUnavailable = (cause: unknown) =>
  new DomainError('unavailable', 'audit_unavailable', 'The audit log cannot be written at the moment; nothing was done.', { cause, retryAfterSeconds: 1 });

export const auditOverloaded = () =>
  new DomainError('unavailable', 'audit_overloaded', 'The server has more to record than it can keep up with; nothing was done.', { retryAfterSeconds: 1 });

/** The row was refused as the database stood when it would have been written, e.g. `client_inactive`. */
export const rowRefused = (reason: string) =>
  new DomainError('forbidden', 'row_refused', 'Something that this stands on is no longer active.', { details: { reason } });

/** Events or hashes that must be there are not: somebody removed them, or the database lost them. */
export const auditLogIncomplete = (finding: string) =>
  new DomainError('conflict', 'audit_log_incomplete', 'The audit log no longer holds all that this proof is made of.', { cause: new Error(finding) });

export const auditEventNotFound = () =>
  new DomainError('not_found', 'audit_event_not_found', 'There is no such event in the audit log.');

/** Its hash is still in the log; its text is not. */
export const auditEventRemoved = () =>
  new DomainError('not_found', 'audit_event_removed', 'The text of this event was not to be kept any longer.');

export const noCheckpoint = () =>
  new DomainError('not_found', 'no_checkpoint', 'The audit log has not been signed yet, or is no longer what was signed.');

export const sizeOutOfRange = (size: number) =>
  new DomainError('invalid', 'size_out_of_range', `The sizes must be in order, from 1 to ${size}, which the log has now.`);

export const notYetInTree = (sequence: number, size: number) =>
  new DomainError('invalid', 'not_in_tree', `The event ${sequence} is not among the first ${size} of the log.`);

/** Who follows the log may have been sent more than this database has: it was restored from a copy. */
export const auditPositionUnknown = () =>
  new DomainError('invalid', 'audit_position_unknown', 'The log does not go as far as this event; look for yourself what it has, and follow it without a position.');

export const tooManyAuditStreams = () =>
  new DomainError('unavailable', 'too_many_audit_streams', 'As many follow the log here as this server has room for; try again in a while.', { retryAfterSeconds: 10 });
