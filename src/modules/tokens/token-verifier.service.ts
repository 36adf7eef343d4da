import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { epochSeconds } from '../../kernel/clock.js';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { isId, type OrganizationId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { formatScope, parseScope } from '../../kernel/scope-set.js';
import { Config } from '../../platform/config/config.js';
import { verifyCompact } from '../../platform/crypto/jws.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { TokenLedger, type LineageRow, type Standing } from './token-ledger.service.js';

/** Claims of an access token of ours whose signature holds. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly tenant_id: string;
  readonly role?: string;
  readonly scope?: string;
  readonly cnf?: { readonly jkt?: string; readonly 'x5t#S256'?: string };
  readonly act?: JsonValue;
  readonly [claim: string]: unknown;
}

const REMEMBERED = 10_000;

/**
 * Tells whether a presented access token is one of ours and how it stands. Signatures that held once are remembered by the
 * token's hash, until it expires or the keys change; whether the token is alive is asked of the ledger every time. What it says
 * of its scopes is what is honoured of them now: whoever asks about a token, or takes one, learns of no inactive scope.
 */
@Injectable()
export class TokenVerifier {
  private readonly verified = new Map<string, AccessTokenClaims>();

  constructor(
    private readonly config: Config,
    private readonly keyRing: KeyRing,
    private readonly ledger: TokenLedger,
    private readonly scopes: ScopesService,
  ) {
    keyRing.subscribe(() => this.verified.clear());
  }

  /** The claims of an unexpired JWT access token signed by this server (RFC 9068 section 4); undefined for anything else. */
  verify(token: string): AccessTokenClaims | undefined {
    const key = hash('sha256', token, 'base64');
    const known = this.verified.get(key);
    if (known) return known.exp > epochSeconds() ? known : undefined;
    const claims = isCompactJws(token) ? this.check(token) : undefined;
    if (claims) this.remember(key, claims);
    return claims;
  }

  /**
   * A live access token, JWT or opaque, with how it stands; undefined when it is not ours, expired, or no longer alive.
   */
  async findLive(token: string): Promise<{ claims: AccessTokenClaims; standing: Standing } | undefined> {
    const found = await this.find(token);
    return found?.standing.dead === null ? found : undefined;
  }

  /** An access token of ours, JWT or opaque, with how it stands; undefined when it is not ours, or an expired JWT. */
  async find(token: string): Promise<{ claims: AccessTokenClaims; standing: Standing } | undefined> {
    const claims = isOpaque(token) ? await this.readOpaque(token) : this.verify(token);
    if (!claims) return undefined;
    const standing = await this.ledger.standing(claims.jti);
    return standing && { claims: asHonoured(claims, this.peekGraph(claims) ?? await this.readGraph(claims)), standing };
  }

  /** A live access token of ours, JWT or opaque, that another one is to descend from; undefined for anything else. */
  async findLiveParent(token: string): Promise<{ claims: AccessTokenClaims; row: LineageRow } | undefined> {
    const claims = isOpaque(token) ? await this.readOpaque(token) : this.verify(token);
    const known = claims && await this.ledger.find(claims.jti);
    if (!claims || known?.standing.dead !== null) return undefined;
    return { claims: asHonoured(claims, this.peekGraph(claims) ?? await this.readGraph(claims)), row: known.row };
  }

  /** What is honoured of the scope of the live token with this id; undefined when it is not in the ledger, or not alive. */
  async liveScope(tokenId: string, scope: string): Promise<string | undefined> {
    const standing = isId(tokenId) ? await this.ledger.standing(tokenId) : undefined;
    if (standing?.dead !== null) return undefined;
    const graph = await this.scopes.graphOf(standing.organizationId);
    return formatScope(parseScope(scope).filter((name) => graph.isActive(name)));
  }

  private peekGraph({ tenant_id: organizationId }: AccessTokenClaims): ScopeGraph | undefined {
    return this.scopes.peekGraph(organizationId as OrganizationId);
  }

  private readGraph({ tenant_id: organizationId }: AccessTokenClaims): Promise<ScopeGraph> {
    return this.scopes.graphOf(organizationId as OrganizationId);
  }

  private async readOpaque(token: string): Promise<AccessTokenClaims | undefined> {
    const found = await this.ledger.findOpaque(hash('sha256', token, 'buffer'));
    return found?.claims as AccessTokenClaims | undefined;
  }

  private check(token: string): AccessTokenClaims | undefined {
    try {
      const { payload } = verifyCompact(token, (kid) => this.keyRing.verificationKey(kid), { typ: 'at+jwt' });
      // Where it could be looked up whether the token has ended is of no use to whoever asks us.
      const { status: _status, ...claims } = payload;
      const { iss, sub, aud, client_id, exp, jti, tenant_id } = claims;
      const isOurs = iss === this.config.issuer && typeof sub === 'string' && typeof aud === 'string' && typeof client_id === 'string'
        && typeof exp === 'number' && exp > epochSeconds() && isId(jti) && isId(tenant_id);
      return isOurs ? claims as unknown as AccessTokenClaims : undefined;
    } catch {
      return undefined;
    }
  }

  private remember(key: string, claims: AccessTokenClaims): void {
    // A Map iterates in order of insertion: the first key is the oldest.
    if (this.verified.size >= REMEMBERED) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(key, claims);
  }
}

function asHonoured(claims: AccessTokenClaims, graph: ScopeGraph): AccessTokenClaims {
  const scopes = parseScope(claims.scope);
  const honoured = scopes.filter((name) => graph.isActive(name));
  return honoured.length === scopes.length ? claims : { ...claims, scope: honoured.length === 0 ? undefined : formatScope(honoured) };
}

/** Three non-empty base64url parts: the shape of our JWTs, which no opaque token of ours has. */
export function isCompactJws(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** No opaque token of ours has a dot, and no other token is without one. The form of a long token is looked at once, when its signature is. */
function isOpaque(token: string): boolean {
  return !token.includes('.');
}
