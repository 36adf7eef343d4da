import { errors } from 'oidc-provider';
import { refusalReason, type IssuedToken } from '../../modules/tokens/token-issuer.service.js';

/** A token response (RFC 6749 section 5.1) with our two members. */
export function tokenResponse(issued: IssuedToken): Record<string, unknown> {
  return {
    access_token: issued.value,
    token_type: issued.isBound ? 'DPoP' : 'Bearer',
    expires_in: issued.expiresIn,
    scope: issued.scope,
    token_id: issued.tokenId,
    task_id: issued.taskId,
  };
}

/**
 * What the ledger refused, because something that the token stands on ended meanwhile, in the protocol's words.
 * @throws InvalidGrant, or the error as it is
 */
export function asInvalidGrant(error: unknown): never {
  const reason = refusalReason(error);
  throw reason ? new errors.InvalidGrant({ cause: error as Error, detail: reason }) : error;
}
