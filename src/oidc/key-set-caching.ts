import type { KoaContextWithOIDC } from 'oidc-provider';
import { PROTOCOL_ROUTES } from './protocol-routes.js';

/**
 * Tells verifiers how long they may keep the key set (RFC 9111 section 5.2.2.1): the keys' schedule counts on it, see
 * `platform/crypto/key-lifecycle.ts`. Who keeps it longer meets keys that it does not know.
 *
 * @param maxAge seconds
 */
export function cacheableKeySet(maxAge: number) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    if (ctx.path === PROTOCOL_ROUTES.jwks && ctx.status === 200) ctx.set('Cache-Control', `public, max-age=${maxAge}`);
  };
}
