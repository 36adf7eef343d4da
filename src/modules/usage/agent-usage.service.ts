import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now } from '../../kernel/clock.js';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { usdInMicros } from '../../kernel/usd.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { windowAt, type Amounts } from '../limits/bounds.js';
import { UsageMeter } from '../limits/usage-meter.service.js';
import { LimitedSubjects } from './limited-subjects.service.js';
import { LimitsAdministration } from './limits-administration.service.js';
import type { ReportUsageDto, UsageHistory, UsageQuery } from './usage.dto.js';
import { historyTooLong, nothingUsed } from './usage.errors.js';

const LENGTH_MS = { hour: 3_600_000, day: 24 * 3_600_000 } as const;
/** How many buckets there are when nobody says from when. */
const USUAL = { hour: 24, day: 30 } as const;
const MOST_BUCKETS = 1000;

/** What agents used. */
@Injectable()
export class AgentUsage {
  constructor(
    private readonly dataSource: DataSource,
    private readonly subjects: LimitedSubjects,
    private readonly administration: LimitsAdministration,
    private readonly meter: UsageMeter,
  ) {}

  /** @throws DomainError `agent_not_found`, `insufficient_scope`, `history_too_long` */
  async history(caller: Caller, id: string, { from, to, bucket = 'hour' }: UsageQuery): Promise<UsageHistory> {
    const subject = await this.subjects.agent(caller, id, 'agents:read');
    const end = to === undefined ? now() : Date.parse(to);
    const first = windowAt(bucket, from === undefined ? end - (USUAL[bucket] - 1) * LENGTH_MS[bucket] : Date.parse(from)).start!.getTime();
    const count = Math.floor((end - first) / LENGTH_MS[bucket]) + 1;
    if (!(count >= 1 && count <= MOST_BUCKETS)) throw historyTooLong(MOST_BUCKETS);
    const rows = await this.dataSource.query<{ hour: Date; requests: string; cost_micros: string }[]>(
      'SELECT hour, requests, cost_micros FROM usage_history WHERE agent_id = $1 AND hour >= $2 AND hour < $3', [id, new Date(first), new Date(first + count * LENGTH_MS[bucket])]);
    const buckets = Array.from({ length: count }, (_, index) => ({ start: new Date(first + index * LENGTH_MS[bucket]), requests: 0, costMicros: 0 }));
    for (const row of rows) {
      const one = buckets[Math.floor((row.hour.getTime() - first) / LENGTH_MS[bucket])]!;
      one.requests += Number(row.requests);
      one.costMicros += Number(row.cost_micros);
    }
    return { agentId: id, bucket, buckets, counters: (await this.administration.of(subject)).counters };
  }

  /**
   * What an agent used without having reserved it. It counts against the agent and its organization, and is refused like anything
   * else when too little is left.
   *
   * @throws DomainError `agent_not_found`, `insufficient_scope`, `nothing_used`, `limit_exhausted`, `action_not_allowed`, `idempotency_key_reused`
   */
  async report(caller: Caller, id: string, { requests = 1, cost_usd: cost, action }: ReportUsageDto, idempotencyKey: string | undefined): Promise<Amounts> {
    const { organizationId } = await this.subjects.agent(caller, id, 'agents:write');
    const used = { requests, costMicros: usdInMicros(cost) ?? 0 };
    if (used.requests + used.costMicros === 0) throw nothingUsed();
    await this.meter.book({
      use: { ...used, actions: action === undefined ? undefined : [action], behind: { organizationId, agentIds: [id], delegationIds: [], taskIds: [] } },
      holder: caller, about: { agentId: id }, by: doneBy(caller),
      idempotency: idempotencyKey === undefined ? undefined : { key: idempotencyKey, request: { route: 'usage', id, ...used, action } satisfies JsonValue },
      event: {
        type: 'usage.reported', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'agent', id },
        details: { requests: used.requests, cost_micros: used.costMicros, action },
      },
    });
    return used;
  }
}
