import { DomainError } from '../../kernel/domain-error.js';

/**
 * What RFC 6750 section 3 and RFC 9449 section 7.1 say in `WWW-Authenticate`; carried in `details.challenge`, which the
 * problem filter turns into the header and leaves out of the body.
 */
export interface Challenge {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly error?: 'invalid_token' | 'insufficient_scope' | 'invalid_dpop_proof';
  readonly scope?: string;
}

const challenge = (value: Challenge) => ({ details: { challenge: value } });

export const accessUndeclared = (route: string) =>
  new DomainError('forbidden', 'access_undeclared', 'This route is not open to anybody.', { cause: new Error(`${route} declares no @Access`) });

export const tokenRequired = () =>
  new DomainError('unauthenticated', 'token_required', 'Send an access token in the Authorization header.', challenge({ scheme: 'Bearer' }));

export const invalidToken = (cause?: unknown) =>
  new DomainError('unauthenticated', 'invalid_token', 'The access token is not valid here, or no longer.', { cause, ...challenge({ scheme: 'Bearer', error: 'invalid_token' }) });

export const invalidDpopProof = (sentence: string) =>
  new DomainError('unauthenticated', 'invalid_dpop_proof', sentence, challenge({ scheme: 'DPoP', error: 'invalid_dpop_proof' }));

export const insufficientScope = (required: readonly string[]) =>
  new DomainError('forbidden', 'insufficient_scope', `This needs the scope ${required.join(' ')}, held by a role that allows it.`,
    challenge({ scheme: 'Bearer', error: 'insufficient_scope', scope: required.join(' ') }));
