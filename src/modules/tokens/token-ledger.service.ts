import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { epochSeconds } from '../../kernel/clock.js';
import type { JsonValue } from '../../kernel/canonical-json.js';
import type { OrganizationId, TokenId } from '../../kernel/ids.js';
import { Batch } from '../../platform/database/batch.js';
import { DatabasePool } from '../../platform/database/database-pool.js';
import { ensureMonthPartitions } from '../../platform/database/time-partitions.js';
import type { Role } from '../../platform/http/caller.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog, type CompanionTable } from '../audit/audit-log.service.js';
import type { LedgerToken } from './ledger-token.entity.js';
import { deadBecause, LIVENESS_JOINS, refusedBecause, tokensById, type Death } from './token-liveness.js';

/** One row of the ledger, under its column names (table `tokens`). Times are ISO 8601. */
export interface LedgerRow {
  readonly token_id: string;
  readonly kind: 'access_token' | 'refresh_token';
  readonly format: 'jwt' | 'opaque';
  readonly grant_type: string;
  readonly organization_id: string;
  readonly client_id: string;
  readonly subject: string;
  readonly user_id?: string;
  readonly agent_id?: string;
  readonly audience?: string;
  readonly scope: string;
  readonly task_id: string;
  readonly parent_task_id?: string;
  readonly parent_token_id?: string;
  readonly root_token_id: string;
  readonly ancestors?: readonly string[];
  readonly consent_grant_id?: string;
  readonly delegation_grant_id?: string;
  readonly act?: JsonValue;
  readonly cnf?: JsonValue;
  /** SHA-256 of an opaque token, `\x` hex. */
  readonly opaque_hash?: string;
  /** What introspection of an opaque token says; a JWT says it itself. */
  readonly claims?: JsonValue;
  /** When the person it speaks for signed in. */
  readonly authenticated_at?: string;
  readonly launch_reason?: string;
  /** Of a JWT: its place among the entries of all status lists, `StatusEntry.entry`. */
  readonly status_entry?: number;
  readonly issued_at: string;
  readonly expires_at: string;
}

/** How a token stands at this moment. */
export interface Standing {
  /** Null while alive. */
  readonly dead: Death | null;
  readonly organizationId: OrganizationId;
  /** The person's role in the token's organization now, when the subject is a person. */
  readonly role?: Role;
  readonly isPlatformAdministrator: boolean;
  /** The consent it stands on, when it came by the authorization code flow. */
  readonly consentGrantId?: string;
}

/** What a token that descends from another has to know of it. */
export type LineageRow = Pick<LedgerToken,
  'id' | 'organizationId' | 'clientId' | 'userId' | 'agentId' | 'taskId' | 'parentTaskId' | 'rootTokenId' | 'ancestors' | 'consentGrantId' | 'delegationGrantId' | 'act'>;

/** A row as it stood when its standing was asked after. */
export interface KnownToken {
  readonly standing: Standing;
  readonly row: LineageRow;
}

const COLUMNS = `token_id, kind, format, grant_type, organization_id, client_id, subject, user_id, agent_id, audience, scope, task_id,
  parent_task_id, parent_token_id, root_token_id, ancestors, consent_grant_id, delegation_grant_id, act, cnf, opaque_hash, claims, authenticated_at, launch_reason, status_entry, issued_at, expires_at`;

const COMPANION: CompanionTable = {
  name: 'tokens',
  columns: COLUMNS,
  refusals: `SELECT position, reason FROM (
      SELECT t.ordinality AS position, ${refusedBecause('t.issued_at')} AS reason
      FROM given t
      ${LIVENESS_JOINS}
    ) judged WHERE reason IS NOT NULL`,
};

/**
 * The ids stand in a SELECT of their own so that the planner does not see how many there are: otherwise a plan for these very
 * ids looks cheaper than the one that serves any, and PostgreSQL makes one for every question, at ten times the price of its answer.
 */
const ASKED = `FROM ${tokensById('unnest((SELECT $1::uuid[]))', 't')} ${LIVENESS_JOINS}`;
const STANDS = `t.token_id, ${deadBecause('to_timestamp($2)')} AS dead, t.organization_id, m.role, t.consent_grant_id, coalesce(u.is_platform_administrator, false) AS is_platform_administrator`;
const STANDING = `SELECT ${STANDS} ${ASKED}`;
const KNOWN = `SELECT ${STANDS}, t.client_id, t.user_id, t.agent_id, t.task_id, t.parent_task_id, t.root_token_id, t.ancestors, t.delegation_grant_id, t.act ${ASKED}`;

interface StandingRow {
  readonly token_id: TokenId;
  readonly dead: Death | null;
  readonly organization_id: OrganizationId;
  readonly role: Role | null;
  readonly consent_grant_id: string | null;
  readonly is_platform_administrator: boolean;
}

interface KnownRow extends StandingRow {
  readonly client_id: string;
  readonly user_id: string | null;
  readonly agent_id: string | null;
  readonly task_id: string;
  readonly parent_task_id: string | null;
  readonly root_token_id: string;
  readonly ancestors: string[] | null;
  readonly delegation_grant_id: string | null;
  readonly act: Record<string, unknown> | null;
}

/** The ledger: one row for every token issued, with its lineage. Rows come to be only through the audit log's group commit. */
@Injectable()
export class TokenLedger implements OnModuleInit {
  /** Questions asked in the same turn travel as one statement. */
  private readonly standings = new Batch<string, Standing | undefined>(256, (ids) => this.read('token-standings', STANDING, ids, standingOf));
  private readonly known = new Batch<string, KnownToken | undefined>(256, (ids) => this.read('tokens-known', KNOWN, ids, knownTokenOf));

  constructor(private readonly dataSource: DataSource, private readonly database: DatabasePool, private readonly audit: AuditLog) {
    audit.useCompanion(COMPANION);
  }

  async onModuleInit(): Promise<void> {
    await this.dataSource.transaction((manager) => this.ensurePartitions(manager));
  }

  /** Rows of the months to come need somewhere to go. At every start, and from time to time after it. */
  async ensurePartitions(manager: EntityManager): Promise<void> {
    await ensureMonthPartitions(manager, 'tokens');
  }

  /** Issues: the row and its event become durable together, if everything the row stands on is alive. `meanwhile` is done by then. */
  commit(row: LedgerRow, event: AuditEvent, meanwhile?: () => void): Promise<void> {
    return this.audit.commit(event, row as unknown as Readonly<Record<string, unknown>>, meanwhile);
  }

  /** The same for several rows, last of all in the caller's transaction. */
  async commitIn(manager: EntityManager, entries: readonly { row?: LedgerRow; event: AuditEvent }[]): Promise<void> {
    await this.audit.commitIn(manager, entries as unknown as { event: AuditEvent; row?: Readonly<Record<string, unknown>> }[]);
  }

  /** How a token stands now; undefined when the ledger does not know it. */
  standing(tokenId: string): Promise<Standing | undefined> {
    return this.standings.ask(tokenId);
  }

  /** The same, with the row that another token is to descend from. */
  find(tokenId: string): Promise<KnownToken | undefined> {
    return this.known.ask(tokenId);
  }

  /** The claims of a live or dead opaque token, with its id; undefined when there is none of that hash. */
  async findOpaque(hash: Buffer): Promise<{ tokenId: string; claims: Record<string, JsonValue> } | undefined> {
    const { rows } = await this.database.pool.query<{ token_id: string; claims: Record<string, JsonValue> }>({
      name: 'token-by-opaque-hash', text: 'SELECT token_id, claims FROM tokens WHERE opaque_hash = $1', values: [hash],
    });
    return rows[0] && { tokenId: rows[0].token_id, claims: rows[0].claims };
  }

  private async read<Row extends StandingRow, Answer>(name: string, text: string, ids: readonly string[], answerOf: (row: Row) => Answer): Promise<(Answer | undefined)[]> {
    const { rows } = await this.database.pool.query<Row>({ name, text, values: [[...new Set(ids)], epochSeconds()] });
    const byId = new Map<string, Answer>(rows.map((row) => [row.token_id, answerOf(row)]));
    return ids.map((id) => byId.get(id));
  }
}

function standingOf(row: StandingRow): Standing {
  return {
    dead: row.dead, organizationId: row.organization_id, role: row.role ?? undefined, isPlatformAdministrator: row.is_platform_administrator, consentGrantId: row.consent_grant_id ?? undefined,
  };
}

function knownTokenOf(row: KnownRow): KnownToken {
  return {
    standing: standingOf(row),
    row: {
      id: row.token_id, organizationId: row.organization_id, clientId: row.client_id, userId: row.user_id, agentId: row.agent_id, taskId: row.task_id, parentTaskId: row.parent_task_id,
      rootTokenId: row.root_token_id, ancestors: row.ancestors, consentGrantId: row.consent_grant_id, delegationGrantId: row.delegation_grant_id, act: row.act,
    },
  };
}
