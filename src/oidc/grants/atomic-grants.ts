import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { DataSource } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { DatabasePool } from '../../platform/database/database-pool.js';
import { refusalReason } from '../../modules/tokens/token-issuer.service.js';
import { TokenLedger } from '../../modules/tokens/token-ledger.service.js';
import { AccessTokenFormat } from '../access-token-format.js';
import { idHash, ProtocolObjects } from '../protocol-objects.store.js';
import { grantHelpers, runLibraryGrant, type LibraryGrant } from '../provider-internals.js';
import { stateOf } from '../request-state.js';
import { newUnitOfWork, UsedBefore, type UnitOfWork } from '../unit-of-work.js';
import { onTheWire } from '../wire-errors.js';

interface ReplayRow { client_id: string; sealed_response: Buffer }
interface StoredResponse { readonly body: Record<string, unknown>; readonly jkt?: string; readonly requiredTools?: unknown }

/**
 * Runs the library's grants so that each happens as a whole or not at all:
 * 1. the handler of the library runs; what it consumes, saves and issues gathers in a unit of work;
 * 2. one transaction marks the code or refresh token as used – which fails when another request was first –, stores the
 *    next refresh token, and writes the ledger rows with their events;
 * 3. only then does the response leave.
 *
 * Agents retry and share stores, so for a refresh token the response is kept for a short window (sealed under the token
 * itself, which only its holder has): the same token from the same client and key then gets the same response. Outside the
 * window its reuse is theft, and ends the whole grant (RFC 9700 section 4.14.2).
 */
@Injectable()
export class AtomicGrants {
  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly database: DatabasePool,
    private readonly objects: ProtocolObjects,
    private readonly ledger: TokenLedger,
    private readonly format: AccessTokenFormat,
  ) {}

  register(provider: Provider, grant: LibraryGrant): void {
    const isRefresh = grant.grantType === 'refresh_token';
    const parameters = new Set([...grant.parameters, 'resource', 'required_tools', ...(isRefresh ? [] : ['actor_token', 'actor_token_type'])]);
    provider.registerGrantType(grant.grantType, onTheWire((ctx: KoaContextWithOIDC) => (isRefresh ? this.refresh(provider, grant, ctx) : this.run(provider, grant, ctx))), parameters, ['resource']);
  }

  private async refresh(provider: Provider, grant: LibraryGrant, ctx: KoaContextWithOIDC): Promise<void> {
    const { refresh_token: refreshToken } = ctx.oidc.params as { refresh_token?: string };
    if (!refreshToken || this.config.refreshReplayWindow === 0) return this.run(provider, grant, ctx);
    try {
      await this.run(provider, grant, ctx, refreshToken);
    } catch (error) {
      if (!(error instanceof UsedBefore)) throw error;
      if (!await this.replay(provider, ctx, refreshToken)) throw new errors.InvalidGrant({ cause: error, detail: 'used before' });
    }
  }

  private async run(provider: Provider, grant: LibraryGrant, ctx: KoaContextWithOIDC, replayable?: string): Promise<void> {
    const work = newUnitOfWork(replayable ? this.config.refreshReplayWindow : 0);
    const state = stateOf(ctx.req);
    state.work = work;
    try {
      await runLibraryGrant(grant, provider, ctx);
    } finally {
      state.work = undefined;
    }
    await this.recordSaved(ctx, work);
    const accessToken = work.issued.find(({ row }) => row?.kind === 'access_token')?.row;
    const response = { ...ctx.body as Record<string, unknown>, token_id: accessToken?.token_id, task_id: accessToken?.task_id };
    ctx.body = response;
    try {
      await this.dataSource.transaction(async (manager) => {
        for (const { model, id } of work.consumed) {
          if (!await this.objects.consume(model, id, manager)) throw new UsedBefore();
        }
        for (const { model, id, payload, ttlSeconds } of work.saved) await this.objects.save(model, id, payload, ttlSeconds, manager);
        if (replayable && work.consumed.length > 0) {
          await manager.query('INSERT INTO refresh_replays (id_hash, client_id, sealed_response, expires_at) VALUES ($1, $2, $3, $4)', [
            idHash(replayable), ctx.oidc.client!.clientId, seal(replayable, { body: response, jkt: boundTo(ctx), requiredTools: ctx.oidc.params!['required_tools'] }),
            new Date(nowDate().getTime() + this.config.refreshReplayWindow * 1000),
          ]);
        }
        await this.ledger.commitIn(manager, work.issued);
      });
    } catch (cause) {
      ctx.body = undefined;
      const reason = refusalReason(cause);
      if (cause instanceof UsedBefore && !replayable) throw new errors.InvalidGrant({ cause, detail: 'used before' });
      if (reason) throw new errors.InvalidGrant({ cause: cause as Error, detail: reason });
      throw cause;
    }
  }

  /** Tokens that the library saved, rather than signed, get their ledger rows too; opaque access tokens live there alone. */
  private async recordSaved(ctx: KoaContextWithOIDC, work: UnitOfWork): Promise<void> {
    for (const saved of work.saved.splice(0)) {
      if (saved.model === 'AccessToken') {
        work.issued.push(await this.format.opaque(ctx, saved.id, saved.payload));
        continue;
      }
      if (saved.model !== 'RefreshToken') {
        work.saved.push(saved);
        continue;
      }
      const record = await this.format.refreshToken(ctx, saved.payload);
      work.issued.push(record);
      work.saved.push({ ...saved, payload: { ...saved.payload, token_id: record.tokenId, task_id: record.taskId, is_actor_proven: stateOf(ctx.req).isActorProven === true } });
    }
  }

  /** Answers with the stored response if this refresh token has one that is still fresh. */
  private async replay(provider: Provider, ctx: KoaContextWithOIDC, refreshToken: string): Promise<boolean> {
    const { rows: [row] } = await this.database.pool.query<ReplayRow>({
      name: 'refresh-replay', text: 'SELECT client_id, sealed_response FROM refresh_replays WHERE id_hash = $1 AND expires_at > $2', values: [idHash(refreshToken), nowDate()],
    });
    if (!row || row.client_id !== ctx.oidc.client!.clientId) return false;
    const proof = await grantHelpers.validateDpop(provider, ctx as never);
    const { body, jkt, requiredTools } = open(refreshToken, row.sealed_response);
    // All of them or no token: what was issued before is good for others.
    if (requiredTools !== ctx.oidc.params!['required_tools']) return false;
    if (jkt !== proof?.thumbprint) throw new errors.InvalidGrant({ detail: 'failed jkt verification' });
    if (proof) await grantHelpers.checkDpopReplay(provider, ctx as never, proof, ctx.oidc.client!.clientId);
    // What the token stands on may have ended since: what would be sent again is dead, but for an ID token that says otherwise.
    const presented = await this.objects.find('RefreshToken', refreshToken);
    const standing = presented && await this.ledger.standing(String(presented['token_id']));
    if (standing?.dead !== null) return false;
    ctx.body = body;
    return true;
  }
}

function boundTo(ctx: KoaContextWithOIDC): string | undefined {
  return (ctx.oidc.entities.AccessToken as { jkt?: string } | undefined)?.jkt;
}

function replayKey(refreshToken: string): Buffer {
  return Buffer.from(hkdfSync('sha256', refreshToken, '', 'refresh replay', 32));
}

function seal(refreshToken: string, response: StoredResponse): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', replayKey(refreshToken), nonce);
  return Buffer.concat([nonce, cipher.update(JSON.stringify(response)), cipher.final(), cipher.getAuthTag()]);
}

function open(refreshToken: string, sealed: Buffer): StoredResponse {
  const decipher = createDecipheriv('aes-256-gcm', replayKey(refreshToken), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString()) as StoredResponse;
}
