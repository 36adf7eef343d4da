import { errors, type Client, type KoaContextWithOIDC } from 'oidc-provider';
import { epochSeconds } from '../kernel/clock.js';

const LONGEST_LIFETIME = 300;
/** How far the client's clock may be ahead of ours; as the library's own tolerance. Seconds. */
const CLOCK_TOLERANCE = 15;
/** What an assertion may call itself. Other kinds of JWT that the client signs with the same key say what they are. */
const KINDS = new Set(['jwt', 'client-authentication+jwt']);

/**
 * What the library leaves to us of `private_key_jwt` (RFC 7523 section 3, draft-ietf-oauth-rfc7523bis): the audience is the
 * issuer and nothing else, so that an assertion made for one endpoint or server cannot be used at another; it is short-lived;
 * and no request object or proof of the client is taken for one (RFC 8725 section 3.11).
 */
export function assertAssertionAudience(issuer: string) {
  return async (_ctx: KoaContextWithOIDC, claims: Record<string, unknown>, header: { readonly [member: string]: unknown }, _client: Client): Promise<void> => {
    if (claims['aud'] !== issuer) throw new errors.InvalidClientAuth('audience (aud) must be the issuer identifier');
    if (header['typ'] !== undefined && !KINDS.has(String(header['typ']).toLowerCase().replace(/^application\//, ''))) {
      throw new errors.InvalidClientAuth('the JWT is of another kind (typ)');
    }
    // What the assertion says of its own beginning is no measure: it may leave that out, or put it next year.
    const { exp } = claims as { exp?: number };
    if (typeof exp !== 'number' || exp > epochSeconds() + LONGEST_LIFETIME + CLOCK_TOLERANCE) {
      throw new errors.InvalidClientAuth(`assertions may live for ${LONGEST_LIFETIME} seconds at most`);
    }
  };
}
