import type { JsonValue } from '../../kernel/canonical-json.js';
import { newId, type TokenId } from '../../kernel/ids.js';
import type { Role } from '../../platform/http/caller.js';
import type { AuditEvent, AuditParty } from '../audit/audit-event.js';
import type { LedgerRow } from './token-ledger.service.js';

/** What an agent is, as tokens state it (OIDC-A 1.0 section 2). */
export interface AgentProfile {
  readonly type: string;
  readonly model?: string;
  readonly version?: string;
  readonly provider?: string;
  readonly trustLevel: string;
  readonly capabilities: readonly string[];
}

/** Everything that decides what one token says. Scopes, audience and lifetime have been narrowed already. */
export interface Issuance {
  readonly kind?: 'access_token' | 'refresh_token';
  readonly format: 'jwt' | 'opaque';
  readonly grantType: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly organizationId: string;
  readonly subject: { readonly kind: 'user' | 'agent' | 'client'; readonly id: string };
  /** The member's role, for people. */
  readonly role?: Role;
  readonly agent?: AgentProfile;
  readonly audience?: string;
  readonly scopes: readonly string[];
  /** NumericDate. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly tokenId?: TokenId;
  readonly taskId?: string;
  readonly parentTaskId?: string;
  readonly parent?: { readonly tokenId: string; readonly rootTokenId: string; readonly ancestors: readonly string[] };
  readonly consentGrantId?: string;
  readonly act?: JsonValue;
  /** RFC 7800: `jkt` (RFC 9449) or `x5t#S256` (RFC 8705). */
  readonly cnf?: { readonly [method: string]: string };
  /** NumericDate of the sign-in, when it speaks for a person. */
  readonly authTime?: number;
  readonly acr?: string;
  readonly authorizationDetails?: JsonValue;
  /** SHA-256 of an opaque token. */
  readonly opaqueHash?: Buffer;
}

/** A token about to be issued: what it says, its row in the ledger and its event. Nothing of it exists before all are committed. */
export interface TokenRecord {
  readonly tokenId: TokenId;
  readonly taskId: string;
  /** RFC 9068 section 2.2 and ours, in the order in which they are written. */
  readonly claims: Record<string, JsonValue | undefined>;
  readonly row: LedgerRow;
  readonly event: AuditEvent;
}

export function tokenRecord(issuance: Issuance): TokenRecord {
  const tokenId = issuance.tokenId ?? newId<TokenId>();
  const taskId = issuance.taskId ?? newId();
  const scope = issuance.scopes.join(' ');
  const claims = claimsOf(issuance, tokenId, taskId, scope);
  const kind = issuance.kind ?? 'access_token';
  return {
    tokenId,
    taskId,
    claims,
    row: {
      token_id: tokenId,
      kind,
      format: issuance.format,
      grant_type: issuance.grantType,
      organization_id: issuance.organizationId,
      client_id: issuance.clientId,
      subject: issuance.subject.id,
      user_id: issuance.subject.kind === 'user' ? issuance.subject.id : undefined,
      agent_id: issuance.subject.kind === 'agent' ? issuance.subject.id : undefined,
      audience: issuance.audience,
      scope,
      task_id: taskId,
      parent_task_id: issuance.parentTaskId,
      parent_token_id: issuance.parent?.tokenId,
      root_token_id: issuance.parent?.rootTokenId ?? tokenId,
      ancestors: issuance.parent && [...issuance.parent.ancestors, issuance.parent.tokenId],
      consent_grant_id: issuance.consentGrantId,
      act: issuance.act,
      cnf: issuance.cnf,
      opaque_hash: issuance.opaqueHash && `\\x${issuance.opaqueHash.toString('hex')}`,
      claims: issuance.format === 'opaque' && kind === 'access_token' ? claims : undefined,
      authenticated_at: issuance.authTime === undefined ? undefined : new Date(issuance.authTime * 1000).toISOString(),
      issued_at: new Date(issuance.issuedAt * 1000).toISOString(),
      expires_at: new Date(issuance.expiresAt * 1000).toISOString(),
    },
    event: {
      type: 'token.issued',
      outcome: 'success',
      organization_id: issuance.organizationId,
      actor: actorOf(issuance),
      act: issuance.act,
      subject: issuance.subject.id,
      target: { kind, id: tokenId },
      token_id: tokenId,
      task_id: taskId,
      details: {
        grant_type: issuance.grantType, audience: issuance.audience, scope, expires_at: issuance.expiresAt,
        parent_token_id: issuance.parent?.tokenId, consent_grant_id: issuance.consentGrantId,
      },
    },
  };
}

function actorOf({ subject, clientId }: Issuance): AuditParty {
  return subject.kind === 'client' ? { kind: 'client', id: clientId } : { kind: subject.kind, id: subject.id, client_id: clientId };
}

function claimsOf(issuance: Issuance, tokenId: string, taskId: string, scope: string): Record<string, JsonValue | undefined> {
  const { agent } = issuance;
  return {
    iss: issuance.issuer,
    sub: issuance.subject.id,
    aud: issuance.audience,
    client_id: issuance.clientId,
    scope: scope === '' ? undefined : scope,
    iat: issuance.issuedAt,
    exp: issuance.expiresAt,
    jti: tokenId,
    auth_time: issuance.authTime,
    acr: issuance.acr,
    cnf: issuance.cnf,
    act: issuance.act,
    authorization_details: issuance.authorizationDetails,
    tenant_id: issuance.organizationId,
    role: issuance.subject.kind === 'agent' ? 'agent' : issuance.role,
    token_id: tokenId,
    task_id: taskId,
    parent_task_id: issuance.parentTaskId,
    parent_token_id: issuance.parent?.tokenId,
    ...(agent && {
      agent: {
        type: agent.type, model: agent.model, version: agent.version, provider: agent.provider,
        trust_level: agent.trustLevel, capabilities: agent.capabilities,
      },
      agent_type: agent.type,
      agent_model: agent.model,
      agent_version: agent.version,
      agent_provider: agent.provider,
      agent_trust_level: agent.trustLevel,
      agent_capabilities: agent.capabilities,
    }),
  };
}
