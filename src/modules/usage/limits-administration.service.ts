import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { microsAsUsd, usdInMicros } from '../../kernel/usd.js';
import type { Caller } from '../../platform/http/caller.js';
import { AgentsService } from '../agents/agents.service.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { DelegationGrant } from '../delegation/delegation-grant.entity.js';
import { hasBounds, isNarrower, type Bounds, type SubjectKind } from '../limits/bounds.js';
import { Limits } from '../limits/limits.service.js';
import { UsageCounters } from '../limits/usage-counters.service.js';
import { standingOf } from '../organizations/roles.js';
import type { SetLimitsDto, StandingLimits } from './limits.dto.js';
import type { LimitedSubject } from './limited-subjects.service.js';
import { limitsNotYours, periodWithoutBudget } from './usage.errors.js';

/** First half of the advisory locks' names: "llim" in ASCII. The other half is the subject's. */
const LOCKS = 0x6c6c696d;

/** What callers of the API do with limits. */
@Injectable()
export class LimitsAdministration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: Limits,
    private readonly counters: UsageCounters,
    private readonly agents: AgentsService,
    private readonly audit: AuditLog,
  ) {}

  async of({ kind, id }: LimitedSubject): Promise<StandingLimits> {
    return this.standing(kind, id, await this.limits.find(kind, id));
  }

  async ofDelegation({ id, requestsPerHour, costBudgetMicros, allowedActions }: DelegationGrant): Promise<StandingLimits> {
    return this.standing('delegation', id, { requestsPerHour, costBudgetMicros, costPeriod: 'lifetime', allowedActions });
  }

  /**
   * In place of all that was limited before. Whoever may change the subject may narrow its limits; to widen them takes somebody who
   * runs the organization, and no agent: limits are what holds agents.
   *
   * @throws DomainError `limits_not_yours`, `period_without_budget`
   */
  async set(caller: Caller, { kind, id, organizationId }: LimitedSubject, body: SetLimitsDto): Promise<StandingLimits> {
    const bounds = boundsIn(body, kind);
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCKS, id]);
      const former = await this.limits.find(kind, id, manager);
      if (!mayWiden(caller) && !isNarrower(bounds, former)) throw limitsNotYours();
      await this.limits.set(manager, organizationId, kind, id, bounds);
      await this.audit.recordIn(manager, {
        type: 'limits.changed', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind, id },
        details: {
          requests_per_hour: bounds.requestsPerHour, cost_budget_usd: inUsd(bounds), cost_period: bounds.costPeriod, allowed_actions: bounds.allowedActions,
          former: former ? { requests_per_hour: former.requestsPerHour, cost_budget_usd: inUsd(former), cost_period: former.costPeriod, allowed_actions: former.allowedActions } : null,
        },
      });
    });
    // The others are told by the database.
    this.agents.forgetAll();
    return this.standing(kind, id, hasBounds(bounds) ? bounds : undefined);
  }

  private async standing(kind: SubjectKind, id: string, bounds: Bounds | undefined): Promise<StandingLimits> {
    return { kind, id, bounds, counters: bounds ? await this.counters.read([{ kind, id, bounds }]) : [] };
  }
}

function mayWiden(caller: Caller): boolean {
  return caller.kind !== 'agent' && standingOf(caller) !== 'member';
}

function boundsIn({ requests_per_hour: requestsPerHour = null, cost_budget_usd: budget, cost_period: costPeriod, allowed_actions: allowedActions = null }: SetLimitsDto, kind: SubjectKind): Bounds {
  const costBudgetMicros = usdInMicros(budget) ?? null;
  if (costPeriod !== undefined && costBudgetMicros === null) throw periodWithoutBudget();
  return { requestsPerHour, costBudgetMicros, costPeriod: costPeriod ?? (kind === 'task' ? 'lifetime' : 'month'), allowedActions };
}

function inUsd({ costBudgetMicros }: Bounds): string | null {
  return costBudgetMicros === null ? null : microsAsUsd(costBudgetMicros);
}
