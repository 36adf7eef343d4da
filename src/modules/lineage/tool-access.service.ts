import { Injectable } from '@nestjs/common';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { epochSeconds } from '../../kernel/clock.js';
import { DomainError } from '../../kernel/domain-error.js';
import type { Caller } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import { AgentsService } from '../agents/agents.service.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import { callsOf } from '../limits/bounds.js';
import type { Reservation } from '../limits/usage-meter.service.js';
import { PolicyDecisions, type Decision, type DecisionEntity, type DecisionRequest } from '../policies/policy-decisions.service.js';
import { ToolsService, type ToolRecord } from '../tools/tools.service.js';
import { policyDenied, resourceMismatch, scopeNotCovered, toolArgumentsInvalid, toolNotAllowed } from './lineage.errors.js';
import { TokenUsage } from './token-usage.service.js';
import { TokenVerification, type Expectation, type VerifiedToken } from './token-verification.service.js';

export interface ToolCall extends Expectation {
  readonly token: string;
  /** Its name. */
  readonly tool: string;
  readonly arguments?: unknown;
  /** Reserves what the call costs, instead of using it up. */
  readonly reserve?: boolean;
}

export interface AllowedCall {
  readonly verified: VerifiedToken;
  readonly tool: ToolRecord;
  readonly decision: Decision;
  readonly reservation?: Reservation;
}

/** How long what a call costs stays reserved for it. */
const RESERVATION_SECONDS = 300;

/**
 * Whether a call of a tool with a token is right:
 * 1. the token is, and stands where it is said to;
 * 2. the tool is active, offered where the token is for, and named in it;
 * 3. the token covers the scopes that the tool requires;
 * 4. the tool takes the arguments;
 * 5. the policies allow it;
 * 6. the limits of everybody above the token allow it, and have as much left as it costs: one request, and the cost of the tool.
 *    That is used up by this, or reserved; the same idempotency key does so once.
 * The answer is on record, whichever it is.
 */
@Injectable()
export class ToolAccess {
  constructor(
    private readonly verification: TokenVerification,
    private readonly tools: ToolsService,
    private readonly agents: AgentsService,
    private readonly clients: ClientsService,
    private readonly policies: PolicyDecisions,
    private readonly usage: TokenUsage,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @throws DomainError `presented_token_invalid`, `ancestor_token_invalid`, `lineage_mismatch`, `tool_not_allowed`, `resource_mismatch`, `scope_not_covered`,
   *   `tool_arguments_invalid`, `policy_denied`, `action_not_allowed`, `limit_exhausted`, `idempotency_key_reused`
   */
  async check(caller: Caller, call: ToolCall, idempotencyKey?: string): Promise<AllowedCall> {
    let verified: VerifiedToken | undefined;
    try {
      verified = await this.verification.verify(caller, call.token, call);
      const tool = await this.toolOf(verified, call);
      const decision = await this.policies.decide(await this.question(verified, tool));
      if (!decision.isAllowed) throw policyDenied({ id: decision.id, policies: decision.policies }, decision.reason);
      const reservation = await this.usage.book(caller, verified.row, {
        requests: 1, costMicros: tool.costMicros, actions: callsOf(tool.name), holdSeconds: call.reserve ? RESERVATION_SECONDS : undefined,
        idempotency: idempotencyKey === undefined ? undefined : { key: idempotencyKey, request: { route: 'verify-tool-access', ...call } as unknown as JsonValue },
      });
      const used = { cost_micros: tool.costMicros, reservation_id: reservation?.id };
      await this.audit.record({ ...eventOf(caller, call, verified), outcome: 'success', details: { ...detailsOf(verified, decision), ...used } });
      return { verified, tool, decision, reservation };
    } catch (error) {
      if (!(error instanceof DomainError) || (error.kind !== 'unauthenticated' && error.kind !== 'forbidden')) throw error;
      const denied = error.details?.['decision'] as Decision | undefined;
      const reasons = error.details?.['reasons'] as string[] | undefined;
      return this.audit.recordRefusal({ ...eventOf(caller, call, verified), reason: error.code, details: { ...detailsOf(verified, denied), reasons } }, error);
    }
  }

  private async toolOf(verified: VerifiedToken, call: ToolCall): Promise<ToolRecord> {
    const { claims, row } = verified;
    const tool = await this.tools.find(row.organizationId, call.tool);
    if (!tool) throw toolNotAllowed('tool_unknown');
    const named = claims['tools'];
    if (!Array.isArray(named) || !named.includes(tool.name)) throw toolNotAllowed('tool_not_in_token');
    if (tool.resourceIdentifier !== null && tool.resourceIdentifier !== claims.aud) throw resourceMismatch();
    const missing = await this.verification.uncovered(verified, tool.permissionsRequired);
    if (missing.length > 0) throw scopeNotCovered(missing);
    // Who sends none does not have them checked.
    const problems = call.arguments === undefined ? [] : this.tools.checkArguments(tool, call.arguments);
    if (problems.length > 0) throw toolArgumentsInvalid(problems);
    return tool;
  }

  /** Whoever acts asks; for whom, and how, is context. */
  private async question({ claims, row }: VerifiedToken, tool: ToolRecord): Promise<DecisionRequest> {
    const act = claims.act as unknown as ActorChain | undefined;
    const actsForAnother = claims.sub !== claims.client_id;
    return {
      organizationId: row.organizationId,
      subject: await this.actorOf(claims.client_id, claims.sub, claims.role),
      action: 'invoke',
      resource: { type: 'tool', id: tool.name, attributes: { resource_identifier: tool.resourceIdentifier ?? undefined, cost_micros: tool.costMicros } },
      context: {
        ip: requestContext()?.ip, grant_type: row.grantType, launch_reason: row.launchReason ?? undefined, delegation_depth: actorsOf(act).length,
        task: { id: row.taskId, parent_id: row.parentTaskId ?? undefined }, audience: claims.aud,
        purpose: claims['delegation_purpose'], on_behalf_of: actsForAnother ? claims.sub : undefined, acr: claims['acr'],
        auth_age: typeof claims['auth_time'] === 'number' ? epochSeconds() - claims['auth_time'] : undefined,
      },
    };
  }

  private async actorOf(clientId: string, subject: string, role: string | undefined): Promise<DecisionEntity> {
    const [client, agent, tools] = await Promise.all([this.clients.findCached(clientId), this.agents.findCached(clientId), this.tools.ofAgent(clientId)]);
    if (agent) {
      const { type, model, provider, trustLevel, capabilities } = agent.profile;
      return {
        type: 'agent', id: clientId,
        attributes: {
          agent_type: type, agent_model: model, agent_provider: provider, agent_trust_level: trustLevel, capabilities, owner: agent.ownerUserId, status: agent.status,
          assigned_scopes: client?.scopes, assigned_tools: new Set(tools.map(({ name }) => name)),
        },
      };
    }
    return subject === clientId
      ? { type: 'client', id: clientId, attributes: { status: client?.status, assigned_scopes: client?.scopes } }
      : { type: 'user', id: subject, attributes: { role } };
  }
}

function eventOf(caller: Caller, { tool }: ToolCall, verified: VerifiedToken | undefined): Omit<AuditEvent, 'outcome' | 'details'> {
  return {
    type: 'tool.checked', organization_id: caller.organizationId, ...doneBy(caller), subject: verified?.row.subject, target: { kind: 'tool', id: tool }, task_id: verified?.row.taskId,
  };
}

/** What was sent to the tool is not for the log. */
function detailsOf(verified: VerifiedToken | undefined, decision: Pick<Decision, 'id' | 'policies'> | undefined): NonNullable<AuditEvent['details']> {
  return { checked_token_id: verified?.row.id, client_id: verified?.row.clientId, decision: decision && { id: decision.id, policies: decision.policies } };
}
