import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import { parseScope } from '../../kernel/scope-set.js';
import { epochSeconds } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { SingleUse } from '../../platform/database/single-use.service.js';
import { invalidDpopProof, invalidToken } from '../../platform/http/access.errors.js';
import { CallerAuthenticator, type AuthenticatedRequest } from '../../platform/http/caller-authenticator.js';
import type { Caller } from '../../platform/http/caller.js';
import { roleAllows } from '../organizations/roles.js';
import { PROOF_WINDOW, verifyDpopProof } from './dpop-proof.js';
import type { Standing } from './token-ledger.service.js';
import { TokenVerifier, type AccessTokenClaims } from './token-verifier.service.js';

/**
 * Who calls the REST API (RFC 9068 section 4, RFC 6750, RFC 9449 section 7.1):
 * 1. the token is ours, unexpired, and its audience is this API;
 * 2. it is alive, and so is everything above it;
 * 3. a bound token comes with a fresh proof of its key, an unbound one as Bearer;
 * 4. a person's scopes are narrowed to what their role allows now.
 */
@Injectable()
export class AccessTokenAuthenticator extends CallerAuthenticator {
  constructor(private readonly config: Config, private readonly verifier: TokenVerifier, private readonly singleUse: SingleUse) {
    super();
  }

  async authenticate(request: AuthenticatedRequest): Promise<Caller | undefined> {
    const { authorization } = request.headers;
    if (authorization === undefined) return undefined;
    const [, scheme, token] = /^(Bearer|DPoP) ([\w.~+/-]+=*)$/i.exec(authorization) ?? [];
    if (!scheme || !token) throw invalidToken();
    const found = await this.verifier.findLive(token);
    if (!found || found.claims.aud !== this.config.apiResource) throw invalidToken();
    await this.checkBinding(request, scheme.toLowerCase(), token, found.claims);
    return callerOf(found.claims, found.standing);
  }

  async authenticateAgain(authorization: string): Promise<Caller | undefined> {
    const found = await this.verifier.findLive(authorization.slice(authorization.indexOf(' ') + 1));
    return found && callerOf(found.claims, found.standing);
  }

  private async checkBinding(request: AuthenticatedRequest, scheme: string, token: string, { cnf, client_id: clientId }: AccessTokenClaims): Promise<void> {
    if (scheme === 'bearer') {
      if (cnf) throw invalidToken();
      return;
    }
    const { dpop: proof } = request.headers;
    if (!cnf?.jkt) throw invalidToken();
    if (typeof proof !== 'string') throw invalidDpopProof('Send exactly one DPoP proof with a token that is bound to a key.');
    const { jkt, jti } = await verifyDpopProof(proof, { method: request.method, url: this.config.issuer + request.path, accessToken: token });
    if (jkt !== cnf.jkt) throw invalidDpopProof('The DPoP proof was made with another key than the token is bound to.');
    if (!await this.singleUse.claim(`dpop:${clientId}`, jti, epochSeconds() + 2 * PROOF_WINDOW)) throw invalidDpopProof('The DPoP proof was used before.');
  }
}

function callerOf(claims: AccessTokenClaims, standing: Standing): Caller {
  const kind = claims.role === 'agent' ? 'agent' : claims.sub === claims.client_id ? 'client' : 'user';
  const scopes = parseScope(claims.scope);
  const role = standing.role ?? (standing.isPlatformAdministrator ? 'owner' : undefined);
  return {
    kind,
    subject: claims.sub,
    clientId: claims.client_id,
    organizationId: claims.tenant_id as OrganizationId,
    role: kind === 'user' ? role : undefined,
    scopes: new Set(kind === 'user' && role ? scopes.filter((scope) => roleAllows(role, scope)) : scopes),
    // What spans organizations is a person's own: nobody who acts for them has it.
    isPlatformAdministrator: kind === 'user' && standing.isPlatformAdministrator && claims.act === undefined,
    tokenId: claims.jti,
    act: claims.act,
  };
}
