import type { AccessTokenClaims } from '../../modules/tokens/token-verifier.service.js';

/**
 * What introspection says of a live access token (RFC 7662 section 2.2): what the token itself says, and that it is alive. The
 * library says the same of the same token, which `fast-path.spec.ts` compares.
 */
export function introspectionResponse(claims: AccessTokenClaims): Readonly<Record<string, unknown>> {
  return { active: true, token_type: claims.cnf?.jkt ? 'DPoP' : 'Bearer', ...claims };
}
