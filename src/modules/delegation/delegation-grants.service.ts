import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Repository, type EntityManager } from 'typeorm';
import { epochSeconds, nowDate } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import { Batch } from '../../platform/database/batch.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { DatabasePool } from '../../platform/database/database-pool.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import type { Authority } from './authority.js';
import { DelegationGrant, type DelegationGrantId } from './delegation-grant.entity.js';
import { BELOW } from './delegation-endings.service.js';
import { delegationIsDead } from './delegation-liveness.js';

/** Who delegates to whom, and what. */
export interface NewDelegation extends Authority, Pick<DelegationGrant, 'organizationId' | 'origin' | 'principalKind' | 'principalId' | 'agentId' | 'purpose'> {
  /** The delegation that this one hands on; none when the principal's own authority is delegated. */
  readonly above?: DelegationGrant;
}

/** A delegation and everything above it, the topmost first. Never empty; the last one is the delegation itself. */
export type DelegationPath = readonly [DelegationGrant, ...DelegationGrant[]];

interface Pair {
  readonly organizationId: string;
  readonly principalId: string;
  readonly agentId: string;
}

/** Planned once: the pairs stand in a SELECT of their own for the reason that `STANDING` has in the ledger. */
const BETWEEN = `SELECT asked.position, d.id
  FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::uuid[])) WITH ORDINALITY AS asked (organization_id, principal_id, agent_id, position)
  CROSS JOIN LATERAL (
    SELECT d.id FROM delegation_grants d
    WHERE d.organization_id = asked.organization_id AND d.principal_id = asked.principal_id AND d.agent_id = asked.agent_id AND NOT coalesce(${delegationIsDead('d', 'to_timestamp($4)')}, false)
    ORDER BY d.id DESC LIMIT 50) d
  ORDER BY asked.position, d.id DESC`;

/** What other modules need of delegations. Nothing here is recorded: the caller's transaction ends with its own event. */
@Injectable()
export class DelegationGrants implements OnModuleInit {
  /** Bounds of a delegation never change; whether it is alive is judged when something is issued for it. */
  private readonly paths = new ShortLivedCache<DelegationPath>((id) => this.load(id));
  private readonly pairs = new Batch<Pair, DelegationGrantId[]>(256, (pairs) => this.readBetween(pairs));

  constructor(
    @InjectRepository(DelegationGrant) private readonly grants: Repository<DelegationGrant>,
    private readonly database: DatabasePool,
    private readonly changes: ChangeFeed,
  ) {}

  onModuleInit(): void {
    this.changes.subscribe((kind, id) => {
      if (kind === 'delegation') this.paths.invalidate(id);
      else if (kind === '*') this.paths.clear();
    });
  }

  /** Undefined when there is no such delegation. It may be a second old, and over. Not for use inside a transaction. */
  path(id: string): Promise<DelegationPath | undefined> {
    return isId(id) ? this.paths.get(id) : Promise.resolve(undefined);
  }

  /** The same where it is there already, which spares a promise. */
  peekPath(id: string): DelegationPath | undefined {
    return this.paths.peek(id);
  }

  /** The live delegations that one principal made to one agent, the newest first. Not for use inside a transaction. */
  between(organizationId: string, principalId: string, agentId: string): Promise<readonly DelegationGrantId[]> {
    // Clients that are no agents have ids of other kinds, and delegate nothing.
    return isId(principalId) && isId(agentId) ? this.pairs.ask({ organizationId, principalId, agentId }) : Promise.resolve([]);
  }

  async insert(manager: EntityManager, { above, ...given }: NewDelegation): Promise<DelegationGrant> {
    const grant = manager.create(DelegationGrant, {
      id: newId<DelegationGrantId>(),
      organizationId: given.organizationId, origin: given.origin, principalKind: given.principalKind, principalId: given.principalId, agentId: given.agentId,
      subjectKind: above?.subjectKind ?? given.principalKind, subjectId: above?.subjectId ?? given.principalId,
      parentGrantId: above?.id ?? null, ancestors: above ? [...above.ancestors, above.id] : [],
      scopes: [...given.scopes], tools: given.tools && [...given.tools], resources: given.resources && [...given.resources],
      authorizationDetails: [...given.authorizationDetails], purpose: given.purpose, maxDepth: given.maxDepth,
      notBefore: dateOf(given.notBefore), expiresAt: dateOf(given.expiresAt), maxTokenTtl: given.maxTokenTtl, maxUses: given.maxUses, uses: 0,
      requestsPerHour: given.requestsPerHour, costBudgetMicros: given.costBudgetMicros, allowedActions: given.allowedActions && [...given.allowedActions],
      createdAt: nowDate(), revokedAt: null,
    });
    // As a plain object: TypeORM's type of what can be inserted cannot hold JSON of unknown shape.
    await manager.insert(DelegationGrant, { ...grant } as object);
    return grant;
  }

  /** A person agreed to something else on the consent page, without taking anything back: the delegation that it is reaches so far now. */
  async redraw(manager: EntityManager, id: DelegationGrantId, { scopes, resources, expiresAt }: Pick<Authority, 'scopes' | 'resources' | 'expiresAt'>): Promise<void> {
    await manager.update(DelegationGrant, { id, origin: 'consent' }, { scopes: [...scopes], resources: resources && [...resources], expiresAt: dateOf(expiresAt) });
    await notifyChanged(manager, 'delegation', id);
  }

  /**
   * Ends a delegation and marks everything below it. Answers false when it was over before.
   */
  async revoke(manager: EntityManager, id: string): Promise<boolean> {
    const at = nowDate();
    const [, count] = await manager.query<[unknown[], number]>('UPDATE delegation_grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL', [id, at]);
    if (count === 0) return false;
    await manager.query('UPDATE delegation_grants SET revoked_at = $2 WHERE ancestors @> ARRAY[$1::uuid] AND revoked_at IS NULL', [id, at]);
    await notifyChanged(manager, 'delegation', id);
    return true;
  }

  /**
   * Ends every delegation on whose way an agent is, or that goes back to a person. Whether one is alive is asked of its row each
   * time, so no node has to be told.
   *
   * @param organizationId in which; null for all
   */
  async revokeAll(manager: EntityManager, of: { readonly kind: 'agent' | 'user'; readonly id: string }, organizationId: string | null): Promise<void> {
    await manager.query(
      `UPDATE delegation_grants d SET revoked_at = $3 WHERE ${BELOW[of.kind]} AND ($2::uuid IS NULL OR d.organization_id = $2) AND d.revoked_at IS NULL`,
      [of.id, organizationId, nowDate()]);
  }

  /** Ends these and marks everything below them. */
  async revokeEach(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await manager.query('UPDATE delegation_grants SET revoked_at = $2 WHERE (id = ANY ($1::uuid[]) OR ancestors && $1::uuid[]) AND revoked_at IS NULL', [ids, nowDate()]);
  }

  /**
   * Counts one use of a delegation and of each one above it that has a limit. Answers false when one of them is used up:
   * the caller's transaction must not go on then.
   */
  async spend(manager: EntityManager, path: DelegationPath): Promise<boolean> {
    const limited = path.filter(({ maxUses }) => maxUses !== null).map(({ id }) => id);
    if (limited.length === 0) return true;
    const [, count] = await manager.query<[unknown[], number]>('UPDATE delegation_grants SET uses = uses + 1 WHERE id = ANY ($1) AND uses < max_uses', [limited]);
    return count === limited.length;
  }

  private async readBetween(pairs: readonly Pair[]): Promise<DelegationGrantId[][]> {
    const position = new Map<string, number>();
    const asked: Pair[] = [];
    const positions = pairs.map((pair) => {
      const key = `${pair.organizationId} ${pair.principalId} ${pair.agentId}`;
      let at = position.get(key);
      if (at === undefined) position.set(key, at = asked.push(pair));
      return at;
    });
    const { rows } = await this.database.pool.query<{ position: string; id: DelegationGrantId }>({
      name: 'delegations-between', text: BETWEEN,
      values: [asked.map(({ organizationId }) => organizationId), asked.map(({ principalId }) => principalId), asked.map(({ agentId }) => agentId), epochSeconds()],
    });
    const found = asked.map((): DelegationGrantId[] => []);
    for (const row of rows) found[Number(row.position) - 1]!.push(row.id);
    return positions.map((at) => found[at - 1]!);
  }

  private async load(id: string): Promise<DelegationPath | undefined> {
    const grant = await this.grants.findOneBy({ id: id as DelegationGrantId });
    if (!grant) return undefined;
    const above = grant.ancestors.length === 0 ? [] : await this.grants.findBy({ id: In(grant.ancestors) });
    const byId = new Map(above.map((one) => [one.id, one]));
    // One that is missing makes the delegation dead, which the ledger finds; it cannot be judged here either.
    const path = grant.ancestors.flatMap((ancestor) => byId.get(ancestor) ?? []);
    return path.length === grant.ancestors.length ? [...path, grant] as unknown as DelegationPath : undefined;
  }
}

/** The bounds of a delegation, for attenuation. */
export function authorityOf(grant: DelegationGrant): Authority {
  return {
    scopes: grant.scopes, tools: grant.tools, resources: grant.resources, authorizationDetails: grant.authorizationDetails, maxDepth: grant.maxDepth,
    notBefore: numericDate(grant.notBefore), expiresAt: numericDate(grant.expiresAt), maxTokenTtl: grant.maxTokenTtl, maxUses: grant.maxUses,
    requestsPerHour: grant.requestsPerHour, costBudgetMicros: grant.costBudgetMicros, allowedActions: grant.allowedActions,
  };
}

function dateOf(at: number | null): Date | null {
  return at === null ? null : new Date(at * 1000);
}

function numericDate(at: Date | null): number | null {
  return at === null ? null : Math.floor(at.getTime() / 1000);
}
