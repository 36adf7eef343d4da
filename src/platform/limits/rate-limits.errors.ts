import { DomainError } from '../../kernel/domain-error.js';

/** @param policy the limit by its name in `RateLimit-Policy` */
export const tooManyRequests = (policy: string, retryAfterSeconds: number) =>
  new DomainError('throttled', 'too_many_requests', 'Too many requests; try again later.', { retryAfterSeconds, details: { policy } });
