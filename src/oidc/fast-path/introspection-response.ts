import type { AccessTokenClaims } from '../../modules/tokens/token-verifier.service.js';

/** Texts of answers, for as long as the claims themselves are remembered. Of a token that came a long way it is several kilobytes. */
const written = new WeakMap<AccessTokenClaims, string>();

/**
 * What introspection says of a live access token (RFC 7662 section 2.2), as JSON: what the token itself says, and that it is alive.
 * The library says the same of the same token, which `fast-path.spec.ts` compares.
 */
export function introspectionResponse(claims: AccessTokenClaims): string {
  let text = written.get(claims);
  if (text === undefined) written.set(claims, text = JSON.stringify({ active: true, token_type: claims.cnf?.jkt ? 'DPoP' : 'Bearer', ...claims }));
  return text;
}
