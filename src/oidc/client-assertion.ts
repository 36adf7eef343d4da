import { errors, type Client, type KoaContextWithOIDC } from 'oidc-provider';

const LONGEST_LIFETIME = 300;

/**
 * What the library leaves to us of `private_key_jwt` (RFC 7523 section 3, draft-ietf-oauth-rfc7523bis): the audience is the
 * issuer and nothing else, so that an assertion made for one endpoint or server cannot be used at another; and it is short-lived.
 */
export function assertAssertionAudience(issuer: string) {
  return async (_ctx: KoaContextWithOIDC, claims: Record<string, unknown>, _header: object, _client: Client): Promise<void> => {
    if (claims['aud'] !== issuer) throw new errors.InvalidClientAuth('audience (aud) must be the issuer identifier');
    const { iat, exp } = claims as { iat?: number; exp?: number };
    if (typeof exp !== 'number' || (typeof iat === 'number' && exp - iat > LONGEST_LIFETIME)) {
      throw new errors.InvalidClientAuth(`assertions may live for ${LONGEST_LIFETIME} seconds at most`);
    }
  };
}
