import { ApiProperty } from '@nestjs/swagger';
import { now } from '../../kernel/clock.js';
import type { CountInPeriod } from '../audit/audit-statistics.service.js';
import type { StandingDelegation } from '../delegation/delegation-directory.service.js';
import type { AgentReport } from './agent-reports.service.js';
import { AuditLogEventDto } from './audit-search.dto.js';

/** Does it exist? */
export class AgentExistenceDto {
  agent_id: string;
  agent_name: string;
  status: 'pending' | 'active' | 'suspended' | 'deactivated';
  /** Whether it can get tokens and use them, as far as its own status and its organization's go. */
  is_usable: boolean;
  trust_level: 'unverified' | 'experimental' | 'verified';
  registered_at: string;
  activated_at: string | null;
  suspended_at: string | null;
  /** Up to a minute late. */
  last_used_at: string | null;
  token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  /** How many secrets work now. */
  live_secrets: number;
}

/** Who owns it? */
export class AgentOwnershipDto {
  /** The member whose agent it is; null when it is the organization's. */
  user_id: string | null;
  name: string | null;
  /** Of that member, or whom to write to as whoever registered it said. */
  email: string | null;
  /** Whether that member may sign in. */
  status: 'active' | 'disabled' | null;
  organization_id: string;
  organization_name: string;
  organization_status: 'active' | 'suspended';
}

/** What it may do for somebody else. */
export class ReceivedDelegationDto {
  id: string;
  /** Who delegated it. */
  principal: { kind: 'user' | 'agent'; id: string };
  /** For whom it acts in the end. */
  subject: { kind: 'user' | 'agent'; id: string };
  scopes: string[];
  /** Names; null for any of its own. */
  tools: string[] | null;
  purpose: string | null;
  expires_at: string | null;

  static of(this: void, { grant }: StandingDelegation): ReceivedDelegationDto {
    return {
      id: grant.id, principal: { kind: grant.principalKind, id: grant.principalId }, subject: { kind: grant.subjectKind, id: grant.subjectId },
      scopes: grant.scopes, tools: grant.tools, purpose: grant.purpose, expires_at: grant.expiresAt?.toISOString() ?? null,
    };
  }
}

/** What can it do? */
export class AgentAbilitiesDto {
  /** All that it may ask for on its own behalf. */
  scopes: string[];
  grant_types: string[];
  /** Names. */
  tools: string[];
  /** What was delegated to it and is alive, the newest 50. */
  delegations: ReceivedDelegationDto[];
  has_more_delegations: boolean;
}

/** What the policies would say if it asked for this now, for itself. */
export class AgentForecastDto {
  kind: 'scope' | 'tool';
  name: string;
  is_allowed: boolean;
  /** @example "denied_by_policy" */
  reason: string;
  /** Ids of the policies that decide it. */
  policies: string[];
}

export class CountOfDayDto {
  /** Its beginning, in UTC. */
  day: string;
  count: number;

  static of(this: void, { period, count }: CountInPeriod): CountOfDayDto {
    return { day: period.toISOString(), count };
  }
}

/** What did it do? */
export class AgentDeedsDto {
  /** The last 20 events in which it has any part, the newest first; `GET /api/admin/audit/logs?agent=` has all. */
  last_events: AuditLogEventDto[];
  /** Tokens that it got in the last 30 days; days without any are left out. */
  tokens_by_day: CountOfDayDto[];
  /** What it was refused. */
  refusals_by_day: CountOfDayDto[];
}

/** A way to stop it. */
export class AgentStopDto {
  /** What it does. */
  effect: string;
  /** @example "POST" */
  method: string;
  path: string;
  /** What to send, if anything. A kill switch wants a `reason` beside it, in words. */
  @ApiProperty({ type: 'object', nullable: true, additionalProperties: true, example: { target: { kind: 'agent', id: '0199c3a4-6f1e-7c52-9a3d-2f6b1c8d4e50' } } })
  body: Record<string, unknown> | null;
  /** Where the same body shows what would end, and ends nothing; null where no such question can be asked. */
  preview: string | null;
}

/** How is it stopped? */
export class AgentStopsDto {
  ways: AgentStopDto[];
  /** What is alive now and would end with it at once, by kind. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  would_end: Record<string, number>;
}

export class AgentReportDto {
  exists: AgentExistenceDto;
  owner: AgentOwnershipDto;
  can: AgentAbilitiesDto;
  /** Why? One answer for each of its scopes and tools, from this moment's policies. Delegations say themselves what they allow. */
  why: AgentForecastDto[];
  did: AgentDeedsDto;
  stop: AgentStopsDto;

  static of(report: AgentReport): AgentReportDto {
    const { agent, client, owner } = report;
    return {
      exists: {
        agent_id: agent.id, agent_name: agent.name, status: agent.status, is_usable: agent.status === 'active' && owner.organizationStatus === 'active', trust_level: agent.trustLevel,
        registered_at: agent.createdAt.toISOString(), activated_at: agent.activatedAt?.toISOString() ?? null, suspended_at: agent.suspendedAt?.toISOString() ?? null,
        last_used_at: client.lastUsedAt?.toISOString() ?? null, token_endpoint_auth_method: client.tokenEndpointAuthMethod,
        live_secrets: report.secrets.filter(({ retiredAt, expiresAt }) => retiredAt === null && (expiresAt === null || expiresAt.getTime() > now())).length,
      },
      owner: {
        user_id: owner.userId, name: owner.name, email: owner.email, status: owner.status as AgentOwnershipDto['status'],
        organization_id: agent.organizationId, organization_name: owner.organizationName, organization_status: owner.organizationStatus,
      },
      can: {
        scopes: client.scopes, grant_types: client.grantTypes, tools: report.tools.map(({ name }) => name),
        delegations: report.delegations.data.map(ReceivedDelegationDto.of), has_more_delegations: report.delegations.next_cursor !== null,
      },
      why: report.forecasts.map(({ kind, name, decision }) => ({ kind, name, is_allowed: decision.isAllowed, reason: decision.reason, policies: [...decision.policies] })),
      did: { last_events: report.events.map(AuditLogEventDto.of), tokens_by_day: report.tokensByDay.map(CountOfDayDto.of), refusals_by_day: report.refusalsByDay.map(CountOfDayDto.of) },
      stop: { ways: waysToStop(report), would_end: { ...report.wouldEnd } },
    };
  }
}

const KILL_SWITCHES = '/api/admin/kill-switches';

function waysToStop({ agent, delegations }: AgentReport): AgentStopDto[] {
  if (agent.status === 'deactivated') return [];
  const alone = { body: null, preview: null };
  const byKillSwitch = (effect: string, target: Record<string, string>): AgentStopDto => ({ effect, method: 'POST', path: KILL_SWITCHES, body: { target }, preview: `${KILL_SWITCHES}/preview` });
  return [
    ...(agent.status === 'suspended'
      ? [] : [{ effect: 'None of its tokens works from now on, and it gets no new one, until it is resumed.', method: 'POST', path: `/api/agents/${agent.id}/suspend`, ...alone }]),
    { effect: 'It is ended for good.', method: 'POST', path: `/api/agents/${agent.id}/deactivate`, ...alone },
    byKillSwitch('It is suspended, everything that was issued to it or below it ends at once, and what was delegated to it ends for good.', { kind: 'agent', id: agent.id }),
    byKillSwitch('Everything that it got until now ends at once with all below, and it goes on working with what it gets from then on.', { kind: 'issued_before', client_id: agent.id }),
    ...delegations.data.map(({ grant }) => ({
      effect: `It no longer acts for ${grant.subjectKind} ${grant.subjectId} by this delegation, nor does anybody to whom it was handed on.`, method: 'DELETE', path: `/api/delegations/${grant.id}`, ...alone,
    })),
  ];
}
