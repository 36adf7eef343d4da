import { DomainError } from '../../kernel/domain-error.js';
import { LIMIT_OF, type Counter } from './bounds.js';

/** A limit that has too little left, as errors and answers name it. */
export function namedLimit({ kind, id, meter, period, end }: Counter) {
  return { subject: { kind, id }, limit: LIMIT_OF[meter], period, resets_at: end?.toISOString() ?? null };
}

export function sentenceOf({ kind, meter, period, end }: Counter): string {
  return `${LIMIT_OF[meter]} of the ${kind} ${end ? `for this ${period}, which ends at ${end.toISOString()}` : 'for as long as it lasts'}`;
}

/** @param exhausted what has too little left; never empty */
export const limitExhausted = (exhausted: readonly Counter[]) =>
  new DomainError('forbidden', 'limit_exhausted', `Too little is left of ${exhausted.map(sentenceOf).join(' and of ')}.`,
    { details: { reasons: ['limit_exhausted'], exhausted: exhausted.map(namedLimit) } });

export const actionNotAllowed = (kind: string) =>
  new DomainError('forbidden', 'action_not_allowed', `The allowed_actions of the ${kind} do not name this action.`, { details: { reasons: ['action_not_allowed'] } });

export const reservationNotFound = () =>
  new DomainError('not_found', 'reservation_not_found', 'There is no such reservation.');

/** @param status what became of it: `committed`, `released` or `expired` */
export const reservationOver = (status: string) =>
  new DomainError('conflict', 'reservation_over', `This reservation is ${status}; what was used without one can be reported on its own.`, { details: { status } });

export const idempotencyKeyReused = () =>
  new DomainError('conflict', 'idempotency_key_reused', 'This Idempotency-Key was sent before with another request.');
