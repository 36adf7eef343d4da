import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { isId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { actorsOf, type ActorChain } from '../delegation/delegation-chain.js';
import type { Amounts } from '../limits/bounds.js';
import type { StandsBehind } from '../limits/limits.service.js';
import { UsageMeter, type Reservation } from '../limits/usage-meter.service.js';
import type { LedgerToken } from '../tokens/ledger-token.entity.js';
import { tokensById } from '../tokens/token-liveness.js';

/** What is used with a token. */
export interface TokenUse extends Amounts {
  /** Names that what is done goes by. */
  readonly actions?: readonly string[];
  /** For how long it is reserved, in seconds. Without it, it is used at once. */
  readonly holdSeconds?: number;
  /** Who repeats the request with the same key gets the same answer, and uses nothing more. */
  readonly idempotency?: { readonly key: string; readonly request: JsonValue };
}

interface LinkRow {
  readonly client_id: string;
  readonly agent_id: string | null;
  readonly delegation_grant_id: string | null;
  readonly task_id: string;
  readonly parent_task_id: string | null;
  readonly act: ActorChain | null;
}

const LINKS = `SELECT t.client_id, t.agent_id, t.delegation_grant_id, t.task_id, t.parent_task_id, t.act FROM ${tokensById('unnest($1::uuid[])', 't')}`;

/** Meters what is used with a token, for everybody above it. */
@Injectable()
export class TokenUsage {
  constructor(private readonly dataSource: DataSource, private readonly meter: UsageMeter) {}

  /**
   * @returns as `UsageMeter.book`
   * @throws DomainError `limit_exhausted`, `action_not_allowed`, `idempotency_key_reused`
   */
  async book(caller: Caller, row: LedgerToken, { requests, costMicros, actions, holdSeconds, idempotency }: TokenUse): Promise<Reservation | undefined> {
    return this.meter.book({
      use: { requests, costMicros, actions, behind: await this.behind(row) }, holder: caller, holdSeconds, idempotency, by: doneBy(caller),
      about: { agentId: isId(row.clientId) ? row.clientId : undefined, tokenId: row.id, taskId: row.taskId },
    });
  }

  /**
   * Its client and whom it speaks for, those who acted one after another, the delegations and the tasks: its own, and those of each
   * token that it descends from. There are as many as the depth of chains and the length of lineages allow.
   */
  private async behind({ id, ancestors, organizationId }: LedgerToken): Promise<StandsBehind> {
    const links = await this.dataSource.query<LinkRow[]>(LINKS, [[id, ...ancestors ?? []]]);
    const ids = (found: (string | null)[]) => [...new Set(found)].filter((one) => isId(one));
    return {
      organizationId,
      agentIds: ids(links.flatMap(({ client_id, agent_id, act }) => [client_id, agent_id, ...actorsOf(act ?? undefined)])),
      delegationIds: ids(links.map(({ delegation_grant_id }) => delegation_grant_id)),
      taskIds: ids(links.flatMap(({ task_id, parent_task_id }) => [task_id, parent_task_id])),
    };
  }
}
