import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import type { TokenId } from '../../kernel/ids.js';
import { usdInMicros } from '../../kernel/usd.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { UsageMeter, type Reservation } from '../limits/usage-meter.service.js';
import { TokenUsage } from '../lineage/token-usage.service.js';
import { TokenVerification } from '../lineage/token-verification.service.js';
import { LedgerToken } from '../tokens/ledger-token.entity.js';
import type { ReserveUsageDto, UsedDto } from './usage.dto.js';
import { nothingUsed, usageNotYours } from './usage.errors.js';

/** Seconds. */
const USUAL_HOLD = 300;

/**
 * Reservations of usage (reserve, then commit or release), for whoever lets agents use something: a tool gateway or another resource
 * server, with the token that the agent came with, or the agent itself. It counts against everybody above that token.
 */
@Injectable()
export class Reservations {
  constructor(
    private readonly dataSource: DataSource,
    private readonly verification: TokenVerification,
    private readonly usage: TokenUsage,
    private readonly meter: UsageMeter,
  ) {}

  /**
   * @throws DomainError `presented_token_invalid`, `usage_not_yours`, `nothing_used`, `limit_exhausted`, `action_not_allowed`, `idempotency_key_reused`
   */
  async reserve(caller: Caller, body: ReserveUsageDto, idempotencyKey: string | undefined): Promise<Reservation> {
    const { token, requests = 1, cost_usd: cost, action, expires_in: holdSeconds = USUAL_HOLD } = body;
    const costMicros = usdInMicros(cost) ?? 0;
    if (requests + costMicros === 0) throw nothingUsed();
    const row = token === undefined ? await this.ownToken(caller) : (await this.verification.verify(caller, token, {})).row;
    const reservation = await this.usage.book(caller, row, {
      requests, costMicros, actions: action === undefined ? undefined : [action], holdSeconds,
      idempotency: idempotencyKey === undefined ? undefined : { key: idempotencyKey, request: { route: 'reservations', token, requests, cost: costMicros, action, holdSeconds } satisfies JsonValue },
    });
    return reservation!;
  }

  /** @throws DomainError `reservation_not_found` */
  async get(caller: Caller, id: string): Promise<Reservation> {
    return this.meter.find(caller, id);
  }

  /** @throws DomainError `reservation_not_found`, `reservation_over`, `limit_exhausted` */
  async commit(caller: Caller, id: string, { requests, cost_usd: cost }: UsedDto): Promise<Reservation> {
    return this.meter.commit(caller, id, { requests, costMicros: usdInMicros(cost) }, doneBy(caller));
  }

  /** @throws DomainError `reservation_not_found`, `reservation_over` */
  async release(caller: Caller, id: string): Promise<Reservation> {
    return this.meter.release(caller, id, doneBy(caller));
  }

  private async ownToken(caller: Caller): Promise<LedgerToken> {
    if (caller.kind !== 'agent' && caller.act === undefined) throw usageNotYours();
    return this.dataSource.manager.findOneByOrFail(LedgerToken, { id: caller.tokenId as TokenId });
  }
}
