import type { IncomingMessage } from 'node:http';
import type { AdapterPayload } from 'oidc-provider';
import { isCompactJws, type AccessTokenClaims, type TokenVerifier } from '../modules/tokens/token-verifier.service.js';
import { newId } from '../kernel/ids.js';
import { readForm, replaceBody } from './form-body.js';
import { PROTOCOL_ROUTES } from './protocol-routes.js';
import { stateOf } from './request-state.js';

/** Cannot be produced by the library's id alphabet, nor be an opaque token of ours. */
const HANDLE_PREFIX = '~';

/** Does this id stand for a token presented with this very request, rather than for anything stored? */
export function isHandle(id: string): boolean {
  return id.startsWith(HANDLE_PREFIX);
}

/**
 * The library's introspection and revocation endpoints refuse JWTs, for it keeps none. Ours are in the ledger, so before
 * the library sees the request (RFC 7662 section 2.1, RFC 7009 section 2.1):
 * 1. a presented JWT is verified with our keys and looked up in the ledger;
 * 2. it is swapped for a handle that lives as long as this request, which the adapter answers for;
 * 3. everything else – client authentication of every kind, policy, signed answers – stays the library's.
 * A JWT that is not ours, expired or dead gets a handle that nothing answers for: inactive, as the RFC wants.
 */
export async function presentToken(request: IncomingMessage, verifier: TokenVerifier): Promise<void> {
  const [target] = request.url!.split('?', 1);
  const isRevocation = target === PROTOCOL_ROUTES.revocation;
  if (request.method !== 'POST' || !(isRevocation || target === PROTOCOL_ROUTES.introspection)) return;
  const form = await readForm(request);
  if (!form) return;
  const state = stateOf(request);
  state.revokeChildren = isRevocation && form.get('revoke_children') === 'true';
  const tokens = form.getAll('token');
  const [token] = tokens;
  // No opaque token has a dot. What has one and is no JWT of ours is inactive; the library would call it unsupported.
  if (tokens.length !== 1 || !token?.includes('.')) return;
  const handle = HANDLE_PREFIX + newId();
  const found = isCompactJws(token) ? await verifier.findLive(token) : undefined;
  if (found) state.presented = { handle, claims: found.claims };
  form.set('token', handle);
  replaceBody(request, form);
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
