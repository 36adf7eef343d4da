import type { AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import { isCompactJws, type AccessTokenClaims, type TokenVerifier } from '../modules/tokens/token-verifier.service.js';
import { newId } from '../kernel/ids.js';
import { readForm, replaceBody } from './form-body.js';
import type { RequestState } from './request-state.js';

/** Cannot be produced by the library's id alphabet, nor be an opaque token of ours. */
const HANDLE_PREFIX = '~';

/** Does this id stand for a token presented with this very request, rather than for anything stored? */
export function isHandle(id: string): boolean {
  return id.startsWith(HANDLE_PREFIX);
}

/**
 * The library's introspection and revocation endpoints refuse JWTs, for it keeps none. Ours are in the ledger, so before
 * the endpoint sees the request (RFC 7662 section 2.1, RFC 7009 section 2.1):
 * 1. a presented JWT is verified with our keys and looked up in the ledger;
 * 2. it is swapped for a handle that lives as long as this request, which the adapter answers for;
 * 3. everything else – client authentication of every kind, policy, signed answers – stays the library's.
 * A JWT that is not ours, expired or dead gets a handle that nothing answers for: inactive, as the RFC wants.
 */
export function presentedToken(verifier: TokenVerifier, paths: { introspection: string; revocation: string }) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const isRevocation = ctx.path === paths.revocation;
    if (ctx.method !== 'POST' || !(isRevocation || ctx.path === paths.introspection)) return next();
    const form = await readForm(ctx.req);
    if (!form) return next();
    const state = ctx.state as RequestState;
    state.revokeChildren = isRevocation && form.get('revoke_children') === 'true';
    const tokens = form.getAll('token');
    const [token] = tokens;
    if (tokens.length === 1 && token && isCompactJws(token)) {
      const handle = HANDLE_PREFIX + newId();
      const found = await verifier.findLive(token);
      if (found) state.presented = { handle, claims: found.claims };
      form.set('token', handle);
    }
    replaceBody(ctx.req, form);
    return next();
  };
}

/** Claims of ours as a payload of the library's AccessToken model. */
export function modelPayload(claims: AccessTokenClaims, atUserinfo?: { readonly consentGrantId?: string }): AdapterPayload {
  const { iss: _iss, sub, aud, client_id, exp, iat, jti, scope, cnf, authorization_details, ...extra } = claims;
  return {
    kind: 'AccessToken', jti, clientId: client_id, accountId: sub, exp, iat, scope, extra,
    // The library's userinfo endpoint serves tokens without an audience; ours name the API, of which userinfo is a part.
    ...(atUserinfo ? { grantId: atUserinfo.consentGrantId } : { aud }),
    ...(cnf?.jkt && { jkt: cnf.jkt }),
    ...(cnf?.['x5t#S256'] && { 'x5t#S256': cnf['x5t#S256'] }),
    ...(authorization_details ? { rar: authorization_details } : {}),
  } as AdapterPayload;
}
