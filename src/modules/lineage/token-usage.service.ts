import { Injectable } from '@nestjs/common';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { isId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import type { Amounts } from '../limits/bounds.js';
import type { StandsBehind } from '../limits/limits.service.js';
import { UsageMeter, type Reservation } from '../limits/usage-meter.service.js';
import type { LedgerToken } from '../tokens/ledger-token.entity.js';
import { standsBehind, TokenChain } from '../tokens/token-chain.service.js';

/** What is used with a token. */
export interface TokenUse extends Amounts {
  /** Names that what is done goes by. */
  readonly actions?: readonly string[];
  /** For how long it is reserved, in seconds. Without it, it is used at once. */
  readonly holdSeconds?: number;
  /** Who repeats the request with the same key gets the same answer, and uses nothing more. */
  readonly idempotency?: { readonly key: string; readonly request: JsonValue };
}

/** Meters what is used with a token, for everybody above it. */
@Injectable()
export class TokenUsage {
  constructor(private readonly chain: TokenChain, private readonly meter: UsageMeter) {}

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

  /** The client of a token that it descends from may be no agent, and have an id of another kind. */
  private async behind({ id, ancestors, organizationId }: LedgerToken): Promise<StandsBehind> {
    const behind = standsBehind(organizationId, await this.chain.links([...ancestors ?? [], id]));
    return { ...behind, agentIds: behind.agentIds.filter((one) => isId(one)) };
  }
}
