import type { JsonValue } from '../../kernel/canonical-json.js';
import { newId, type TokenId } from '../../kernel/ids.js';
import { microsAsUsd } from '../../kernel/usd.js';
import type { Role } from '../../platform/http/caller.js';
import type { AuditEvent, AuditParty } from '../audit/audit-event.js';
import type { ActorChain } from '../delegation/delegation-chain.js';
import type { Bounds } from '../limits/bounds.js';
import type { StatusEntry } from './status-entries.service.js';
import type { LedgerRow } from './token-ledger.service.js';

/** What an agent is, as tokens state it (OIDC-A 1.0 section 2). */
export interface AgentProfile {
  readonly type: string;
  readonly model?: string;
  readonly version?: string;
  readonly provider?: string;
  readonly trustLevel: string;
  readonly capabilities: readonly string[];
  /** What it may use, where that is limited. */
  readonly limits?: Bounds;
}

/** For whom the token is, by which delegation. */
export interface DelegationFacts {
  readonly grantId: string;
  /** The `sub` of whoever delegated last: the direct delegator (OIDC-A 1.0 section 2.2). */
  readonly delegatorSub: string;
  readonly purpose?: string;
  readonly constraints?: JsonValue;
  /** Every step from the principal on, the first one first (OIDC-A 1.0 section 2.5). */
  readonly chain: readonly DelegationStep[];
}

export interface DelegationStep {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  /** NumericDate. */
  readonly delegated_at: number;
  /** Space-separated. */
  readonly scope: string;
  readonly purpose?: string;
  readonly constraints?: JsonValue;
}

/** What a policy decided about a token before it was issued. */
export interface DecisionFacts {
  readonly id: string;
  readonly policies: readonly string[];
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
  /** The token's own id when it is left out: a token that continues nothing begins a task. */
  readonly taskId?: string;
  readonly parentTaskId?: string;
  readonly parent?: { readonly tokenId: string; readonly rootTokenId: string; readonly ancestors: readonly string[] };
  readonly consentGrantId?: string;
  readonly delegation?: DelegationFacts;
  readonly act?: ActorChain;
  /** Who may act with this token (RFC 8693 section 4.4). */
  readonly mayAct?: { readonly sub: string };
  /** Names of the tools that it is good for; undefined when the agent has none assigned. */
  readonly tools?: readonly string[];
  /** Which running instance of the agent asked for it. */
  readonly instanceId?: string;
  readonly launchReason?: string;
  /** What it is wanted for, where no delegation says so. */
  readonly purpose?: string;
  /** What the policies decided: nothing is issued that they were not asked about. */
  readonly decision: DecisionFacts;
  /** RFC 7800: `jkt` (RFC 9449) or `x5t#S256` (RFC 8705). */
  readonly cnf?: { readonly [method: string]: string };
  /** NumericDate of the sign-in, when it speaks for a person. */
  readonly authTime?: number;
  readonly acr?: string;
  readonly authorizationDetails?: JsonValue;
  /** SHA-256 of an opaque token. */
  readonly opaqueHash?: Buffer;
  /** Where it is looked up whether it has ended, without asking this server. */
  readonly status?: StatusEntry;
}

/** A token about to be issued: what it says, its row in the ledger and its event. Nothing of it exists before all are committed. */
export interface TokenRecord {
  readonly tokenId: TokenId;
  readonly taskId: string;
  /** RFC 9068 section 2.2, `status` of the Token Status List, and ours, in the order in which they are written. */
  readonly claims: Record<string, JsonValue | undefined>;
  readonly row: LedgerRow;
  readonly event: AuditEvent;
}

export function tokenRecord(issuance: Issuance): TokenRecord {
  const tokenId = issuance.tokenId ?? newId<TokenId>();
  const taskId = issuance.taskId ?? tokenId;
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
      delegation_grant_id: issuance.delegation?.grantId,
      act: issuance.act as JsonValue | undefined,
      cnf: issuance.cnf,
      opaque_hash: issuance.opaqueHash && `\\x${issuance.opaqueHash.toString('hex')}`,
      claims: issuance.format === 'opaque' && kind === 'access_token' ? claims : undefined,
      authenticated_at: issuance.authTime === undefined ? undefined : new Date(issuance.authTime * 1000).toISOString(),
      launch_reason: issuance.launchReason,
      status_entry: issuance.status?.entry,
      issued_at: new Date(issuance.issuedAt * 1000).toISOString(),
      expires_at: new Date(issuance.expiresAt * 1000).toISOString(),
    },
    event: {
      type: 'token.issued',
      outcome: 'success',
      organization_id: issuance.organizationId,
      actor: actorOf(issuance),
      act: issuance.act as JsonValue | undefined,
      subject: issuance.subject.id,
      target: { kind, id: tokenId },
      token_id: tokenId,
      task_id: taskId,
      details: {
        grant_type: issuance.grantType, audience: issuance.audience, scope, expires_at: issuance.expiresAt,
        parent_token_id: issuance.parent?.tokenId, consent_grant_id: issuance.consentGrantId, delegation_grant_id: issuance.delegation?.grantId,
        tools: issuance.tools, instance_id: issuance.instanceId, launch_reason: issuance.launchReason, purpose: issuance.delegation?.purpose ?? issuance.purpose,
        parent_task_id: issuance.parentTaskId, acr: issuance.acr, decision: issuance.decision as unknown as JsonValue,
      },
    },
  };
}

/** Who got it: the agent that acts, for whomever, or whoever speaks for themselves. */
function actorOf({ subject, clientId, delegation }: Issuance): AuditParty {
  if (delegation) return { kind: 'agent', id: clientId, client_id: clientId };
  return subject.kind === 'client' ? { kind: 'client', id: clientId } : { kind: subject.kind, id: subject.id, client_id: clientId };
}

function claimsOf(issuance: Issuance, tokenId: string, taskId: string, scope: string): Record<string, JsonValue | undefined> {
  const { agent, delegation } = issuance;
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
    act: issuance.act as JsonValue | undefined,
    may_act: issuance.mayAct,
    authorization_details: issuance.authorizationDetails,
    tenant_id: issuance.organizationId,
    role: issuance.subject.kind === 'agent' ? 'agent' : issuance.role,
    token_id: tokenId,
    task_id: taskId,
    parent_task_id: issuance.parentTaskId,
    parent_token_id: issuance.parent?.tokenId,
    status: issuance.status && { status_list: { idx: issuance.status.index, uri: issuance.status.uri } },
    ...(delegation && {
      delegation_grant_id: delegation.grantId,
      delegator_sub: delegation.delegatorSub,
      delegation_purpose: delegation.purpose,
      delegation_constraints: delegation.constraints,
      delegation_chain: delegation.chain as unknown as JsonValue,
    }),
    tools: issuance.tools,
    ...(agent && {
      agent: {
        type: agent.type, model: agent.model, version: agent.version, provider: agent.provider, instance_id: issuance.instanceId,
        trust_level: agent.trustLevel, capabilities: agent.capabilities,
      },
      agent_type: agent.type,
      agent_model: agent.model,
      agent_version: agent.version,
      agent_provider: agent.provider,
      agent_instance_id: issuance.instanceId,
      agent_context_id: taskId,
      agent_trust_level: agent.trustLevel,
      agent_capabilities: agent.capabilities,
      agent_limits: agent.limits && limitsClaim(agent.limits),
    }),
  };
}

/** Money as text: a JSON number of some reader might be a float. */
function limitsClaim({ requestsPerHour, costBudgetMicros, costPeriod, allowedActions }: Bounds): JsonValue {
  return {
    requests_per_hour: requestsPerHour ?? undefined,
    ...(costBudgetMicros !== null && { cost_budget_usd: microsAsUsd(costBudgetMicros), cost_period: costPeriod }),
    allowed_actions: allowedActions ?? undefined,
  };
}
