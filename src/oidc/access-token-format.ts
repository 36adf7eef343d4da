import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { errors, type AccessToken, type KoaContextWithOIDC } from 'oidc-provider';
import { epochSeconds } from '../kernel/clock.js';
import type { JsonValue } from '../kernel/canonical-json.js';
import { newId, type OrganizationId, type TokenId } from '../kernel/ids.js';
import { parseScope } from '../kernel/scope-set.js';
import type { DelegationPath } from '../modules/delegation/delegation-grants.service.js';
import { OrganizationsService } from '../modules/organizations/organizations.service.js';
import { roleAllows } from '../modules/organizations/roles.js';
import { ConsentGrants } from '../modules/tokens/consent-grants.service.js';
import type { TokenTaker } from '../modules/tokens/issuance-policies.service.js';
import { StatusEntries } from '../modules/tokens/status-entries.service.js';
import { tokenRecord, type Issuance, type TokenRecord } from '../modules/tokens/token-record.js';
import { UsersService } from '../modules/users/users.service.js';
import { Config } from '../platform/config/config.js';
import { ActingOnConsent } from './acting-on-consent.service.js';
import { clientRecordOf } from './clients.js';
import { CodeFlowTerms } from './code-flow-terms.service.js';
import { currentState, stateOf } from './request-state.js';

type Issued = Pick<TokenRecord, 'row' | 'event'>;
type Common = Omit<Issuance, 'format' | 'scopes' | 'expiresAt' | 'decision'> & { readonly taker: TokenTaker; readonly path?: DelegationPath; readonly organizationId: OrganizationId };

/** What the library stores of a token, as far as we read it. */
interface SavedToken {
  readonly accountId?: string;
  readonly grantId?: string;
  readonly scope?: string;
  readonly jkt?: string;
  readonly exp?: number;
  readonly iat?: number;
}

/**
 * Access tokens of the library's own grants (authorization code, refresh token) say the same, and are recorded the same, as
 * those we issue ourselves. The library calls this before it signs a JWT, and our adapter before it would store an opaque
 * token; the record joins the unit of work, which commits before the response leaves.
 */
@Injectable()
export class AccessTokenFormat {
  constructor(
    private readonly config: Config,
    private readonly consents: ConsentGrants,
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly acting: ActingOnConsent,
    private readonly terms: CodeFlowTerms,
    private readonly statuses: StatusEntries,
  ) {}

  /** `formats.customizers.jwt`: replaces the payload that the library is about to sign. */
  async jwt(ctx: KoaContextWithOIDC, token: AccessToken, structured: { payload: object }): Promise<void> {
    const times = timesOf(structured.payload as Times);
    const status = await this.statuses.allot(times.expiresAt - times.issuedAt);
    const record = await this.record(ctx, token, { format: 'jwt', status, ...times });
    structured.payload = record.claims;
    currentState()!.work!.issued.push(record);
  }

  /** The row and event of an opaque token of this value, which the library was about to store. */
  async opaque(ctx: KoaContextWithOIDC, value: string, payload: SavedToken): Promise<Issued> {
    return this.record(ctx, ctx.oidc.entities.AccessToken!, { format: 'opaque', opaqueHash: hash('sha256', value, 'buffer'), ...timesOf(payload as Times) });
  }

  /** A refresh token has its row too: its issuance is a fact like any other. */
  async refreshToken(ctx: KoaContextWithOIDC, payload: SavedToken): Promise<TokenRecord> {
    const { taker: _taker, path: _path, ...common } = await this.common(ctx, payload.accountId!, payload.grantId!);
    return tokenRecord({
      // It is good for no more than the access tokens that it brings, about each of which the policies are asked.
      ...common, decision: stateOf(ctx.req).decision!, kind: 'refresh_token', format: 'opaque', scopes: parseScope(payload.scope), expiresAt: payload.exp!, cnf: payload.jkt ? { jkt: payload.jkt } : undefined,
    });
  }

  private async record(ctx: KoaContextWithOIDC, token: AccessToken, format: Pick<Issuance, 'format' | 'opaqueHash' | 'status' | 'issuedAt' | 'expiresAt'>): Promise<TokenRecord> {
    const { taker, path, ...common } = await this.common(ctx, token.accountId, token.grantId!);
    const { role } = common;
    const allowed = parseScope(token.scope).filter((scope) => role === undefined || roleAllows(role, scope));
    const audience = token.resourceServer?.identifier();
    const { scopes, tools, decision } = await this.terms.judge({
      organizationId: common.organizationId, taker, grantType: common.grantType, audience, scopes: allowed, areScopesRequested: false, act: common.act,
      onBehalfOf: common.act && common.subject.id, task: common.taskId, acr: common.acr, path, requiredTools: ctx.oidc.params!['required_tools'] as string | undefined,
    });
    stateOf(ctx.req).decision = decision;
    // What the response says and what the token says must agree; the library reads it from the token after this.
    token.scope = scopes.join(' ');
    const record = tokenRecord({
      ...common, ...format, scopes, tools, decision,
      audience,
      cnf: confirmation(token),
      authorizationDetails: token.rar as JsonValue | undefined,
    });
    return record;
  }

  private async common(ctx: KoaContextWithOIDC, userId: string, grantId: string): Promise<Common> {
    const tokenId = newId<TokenId>();
    const client = clientRecordOf(ctx.oidc.client!);
    const grant = await this.consents.findActive(grantId);
    if (!grant) throw new errors.InvalidGrant({ detail: 'consent_revoked' });
    const [role, user, agent, acting] = await Promise.all([
      this.organizations.roleOf(userId, grant.organizationId),
      this.users.findActive(userId),
      this.acting.agentOf(client),
      this.acting.of(ctx, grant),
    ]);
    const effectiveRole = role ?? (user?.isPlatformAdministrator ? 'owner' : undefined);
    if (!user || !effectiveRole) throw new errors.InvalidGrant({ detail: 'subject_inactive' });
    const source = ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken;
    return {
      taker: acting.taker ?? { kind: 'user', id: userId, role: effectiveRole },
      path: acting.path,
      grantType: String(ctx.oidc.params!['grant_type']),
      issuer: this.config.issuer,
      clientId: client.id,
      organizationId: grant.organizationId as OrganizationId,
      subject: { kind: 'user', id: userId },
      role: effectiveRole,
      agent: acting.taker?.agent.profile ?? agent?.profile,
      ...acting.facts,
      issuedAt: epochSeconds(),
      consentGrantId: grantId,
      tokenId,
      // The tokens of one response belong to one task, and so does what a refresh token brings: the one that the code began.
      taskId: stateOf(ctx.req).taskId ??= tokenId,
      authTime: source?.authTime,
      acr: source?.acr,
    };
  }
}

interface Times { readonly iat: number; readonly exp: number }

/** As the library counted them, from one moment. */
function timesOf({ iat, exp }: Times): Pick<Issuance, 'issuedAt' | 'expiresAt'> {
  return { issuedAt: iat, expiresAt: exp };
}

function confirmation(token: AccessToken): Issuance['cnf'] {
  if (token.jkt) return { jkt: token.jkt };
  const thumbprint = token['x5t#S256'];
  return thumbprint ? { 'x5t#S256': thumbprint } : undefined;
}
