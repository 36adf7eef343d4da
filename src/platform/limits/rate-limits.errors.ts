import { DomainError } from '../../kernel/domain-error.js';

/** Whoever asks is told at once: waiting for a turn would take longer than it is worth, and everybody. */
export const serverBusy = () =>
  new DomainError('unavailable', 'server_busy', 'The server has more to do than it can keep up with; try again in a moment.', { retryAfterSeconds: 1 });

/** @param policy the limit by its name in `RateLimit-Policy` */
export const tooManyRequests = (policy: string, retryAfterSeconds: number) =>
  new DomainError('throttled', 'too_many_requests', 'Too many requests; try again later.', { retryAfterSeconds, details: { policy } });
