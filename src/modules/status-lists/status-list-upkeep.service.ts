import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { epochSeconds, now, nowDate } from '../../kernel/clock.js';
import { Background } from '../../platform/database/background.js';
import { purge, PURGE_BATCH } from '../../platform/database/purge.js';
import { lowestId } from '../../platform/database/time-partitions.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { struckByIndex, STRUCK_UNINDEXED } from '../tokens/token-endings.service.js';
import { ENDING_TYPES, endingOf, type Ending } from './ending-events.js';
import { judgedEntries, type JudgedEntries } from './judged-entries.js';
import { LIST_BYTES, writeStatuses } from './status-bits.js';

/** How soon after an ending the lists are written. */
const EVERY_SECONDS = 0.5;
/** How far through the log, and how many endings, one transaction goes. */
const EVENTS = 10_000;
const ENDINGS = 200;
/** How many rows of the ledger one transaction looks at for something that no index finds, and how many of them it judges. */
const PAGE = 50_000;
const JUDGED = 10_000;
/** How far the clock has come is written that often when nothing expires, so that an idle server writes nothing twice a second. */
const NOTE_TIME_MS = 60_000;
/** Clocks of nodes differ. */
const SLACK_MS = 60_000;
const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The tokens with these ids. */
const THESE = 'SELECT unnest($1::uuid[]) AS token_id';

interface Reader { readonly first: string; readonly size: string; readonly life: number | null; readonly is_sweeping: boolean; readonly expired_until: Date }
interface Sweep { readonly id: string; readonly kind: keyof typeof STRUCK_UNINDEXED; readonly ended_id: string; readonly organization_id: string | null; readonly before: string }

/**
 * Writes into the status lists which tokens have ended.
 *
 * 1. The audit log tells what ended, or came back: whatever ends a token appends an event, in the same transaction, and nothing is
 *    issued on it after that event (docs/decisions/0001-the-audit-head-is-the-fence.md). So reading the log on misses no token.
 * 2. Which tokens that concerns is found by the texts that count them when something ends. Where no index finds them, the ledger is
 *    looked through from its newest token back to the oldest that can be alive, a page at a time.
 * 3. A delegation also ends by itself, at a time that tokens of the code flow do not always heed: those are looked for by the clock.
 * 4. How each of them stands is asked of the predicate that introspection asks, and written as a bit.
 */
@Injectable()
export class StatusListUpkeep implements OnModuleInit {
  constructor(private readonly background: Background) {}

  onModuleInit(): void {
    this.background.every({ name: 'status lists', everySeconds: EVERY_SECONDS, isDue, run: (manager) => this.readOn(manager) });
    this.background.every({
      name: 'ended status lists',
      everySeconds: 3600,
      run: async (manager) => await purge(manager, 'status_lists', 'ends_at <= $1', nowDate(), PURGE_BATCH) === PURGE_BATCH,
    });
  }

  /** Reads one batch of the log, and looks through one page of the ledger. Answers whether there is more to do. */
  async readOn(manager: EntityManager): Promise<boolean> {
    const [{ first, size, life, is_sweeping: isSweeping, expired_until: until }] = await manager.query<[Reader]>(
      `SELECT p.sequence AS first, p.expired_until, h.size, (SELECT max(longest_life) FROM status_lists WHERE ends_at > $1) AS life, EXISTS (SELECT FROM status_sweeps) AS is_sweeping
       FROM status_progress p, audit_heads h WHERE h.log = 'main' FOR UPDATE OF p`, [nowDate()]);
    if (life === null) {
      // No token has an entry: what ended until now concerns none.
      if (Number(size) > Number(first)) await moveReader(manager, Number(size));
      if (isSweeping) await manager.query('DELETE FROM status_sweeps');
      return false;
    }
    const oldest = now() - life * 1000 - SLACK_MS;
    const judged = await judgeExpired(manager, Math.max(until.getTime(), oldest));
    let [hasMore, hasSweeps] = [false, isSweeping];
    if (Number(size) > Number(first)) {
      const { endings, next } = await readEndings(manager, Number(first), Number(size));
      judged.push(...await judge(manager, endings));
      const unindexed = endings.filter(({ kind }) => kind in STRUCK_UNINDEXED);
      await beginSweeps(manager, unindexed);
      hasSweeps ||= unindexed.length > 0;
      await moveReader(manager, next);
      hasMore = next < Number(size);
    }
    if (hasSweeps) judged.push(...await sweep(manager, lowestId(oldest)));
    await write(manager, judged);
    return hasMore || hasSweeps;
  }
}

async function isDue(reader: Pick<EntityManager, 'query'>): Promise<boolean> {
  const [{ due }] = await reader.query<[{ due: boolean }]>(
    `SELECT h.size > p.sequence OR EXISTS (SELECT FROM status_sweeps) OR EXISTS (SELECT FROM delegation_grants d WHERE d.expires_at > p.expired_until AND d.expires_at <= $1)
       OR abs(extract(epoch FROM $1::timestamptz - p.expired_until)) * 1000 > ${NOTE_TIME_MS} AS due
     FROM status_progress p, audit_heads h WHERE h.log = 'main'`, [nowDate()]);
  return due;
}

async function moveReader(manager: EntityManager, sequence: number): Promise<void> {
  await manager.query('UPDATE status_progress SET sequence = $1', [sequence]);
}

/** What ended in the next part of the log, each once, and the number of the first event behind that part. */
async function readEndings(manager: EntityManager, first: number, size: number): Promise<{ endings: Ending[]; next: number }> {
  const next = Math.min(size, first + EVENTS);
  const rows = await manager.query<{ sequence: string; body: string }[]>(
    'SELECT sequence, body FROM audit_events WHERE sequence >= $1 AND sequence < $2 AND type = ANY ($3) ORDER BY sequence LIMIT $4', [first, next, ENDING_TYPES, ENDINGS]);
  const endings = new Map<string, Ending>();
  for (const { body } of rows) {
    const ending = endingOf(JSON.parse(body) as AuditEvent);
    if (ending) endings.set(`${ending.kind} ${ending.id} ${ending.organizationId}`, ending);
  }
  return { endings: [...endings.values()], next: rows.length === ENDINGS ? Number(rows.at(-1)!.sequence) + 1 : next };
}

/**
 * The tokens of delegations that have expired since then. (One that was handed on expires no later than the one above it.)
 *
 * @param since milliseconds since the epoch
 */
async function judgeExpired(manager: EntityManager, since: number): Promise<JudgedEntries[]> {
  // Whole seconds, as whoever judges a token counts.
  const present = epochSeconds() * 1000;
  const times = [new Date(since), new Date(present)];
  const [{ has_any: hasAny }] = await manager.query<[{ has_any: boolean }]>(`SELECT EXISTS (SELECT FROM delegation_grants d WHERE ${EXPIRED}) AS has_any`, times);
  // A clock that was set back has to come by again, for what is made meanwhile.
  if (hasAny || Math.abs(present - since) > NOTE_TIME_MS) await manager.query('UPDATE status_progress SET expired_until = $1', [times[1]]);
  return hasAny ? judgedEntries(manager, `SELECT t.token_id FROM tokens t WHERE t.delegation_grant_id IN (SELECT d.id FROM delegation_grants d WHERE ${EXPIRED})`, times) : [];
}

const EXPIRED = 'd.expires_at > $1::timestamptz AND d.expires_at <= $2::timestamptz';

async function judge(manager: EntityManager, endings: readonly Ending[]): Promise<JudgedEntries[]> {
  const judged: JudgedEntries[] = [];
  const tokens = endings.filter(({ kind }) => kind === 'token').map(({ id }) => id);
  if (tokens.length > 0) judged.push(...await judgedEntries(manager, THESE, [tokens]));
  for (const { kind, id } of endings) {
    if (kind !== 'token' && kind !== 'organization' && kind !== 'everything') judged.push(...await judgedEntries(manager, struckByIndex(kind), [id]));
  }
  return judged;
}

/** What ends again begins again. */
async function beginSweeps(manager: EntityManager, endings: readonly Ending[]): Promise<void> {
  for (const { kind, id, organizationId } of endings) {
    await manager.query('DELETE FROM status_sweeps WHERE kind = $1 AND ended_id = $2 AND organization_id IS NOT DISTINCT FROM $3', [kind, id, organizationId]);
    await manager.query('INSERT INTO status_sweeps (organization_id, kind, ended_id, before) VALUES ($1, $2, $3, $4)', [organizationId, kind, id, HIGHEST_ID]);
  }
}

/**
 * One page for whatever has come least far: nobody waits for somebody with many tokens. (Below a token that has expired there is
 * nothing else to find: what outlives it is the same agent's, person's or organization's.)
 *
 * @param oldest id below which no token can be alive
 */
async function sweep(manager: EntityManager, oldest: string): Promise<JudgedEntries[]> {
  const [next] = await manager.query<Sweep[]>('SELECT id, kind, ended_id, organization_id, before FROM status_sweeps ORDER BY before DESC, id LIMIT 1');
  if (!next) return [];
  const place = next.organization_id === null ? [] : [next.organization_id];
  const [edge] = await manager.query<{ token_id: string }[]>(
    `SELECT t.token_id FROM tokens t WHERE t.token_id >= $1 AND t.token_id < $2 ${inOrganization(place, 3)} ORDER BY t.token_id DESC OFFSET ${PAGE - 1} LIMIT 1`, [oldest, next.before, ...place]);
  const found = await manager.query<{ token_id: string }[]>(
    `SELECT t.token_id FROM tokens t WHERE ${STRUCK_UNINDEXED[next.kind]} AND t.token_id >= $2 AND t.token_id < $3 AND t.expires_at > $4 ${inOrganization(place, 5)} ORDER BY t.token_id DESC LIMIT ${JUDGED}`,
    [next.ended_id, edge?.token_id ?? oldest, next.before, nowDate(), ...place]);
  const reached = found.length === JUDGED ? found.at(-1) : edge;
  if (reached) await manager.query('UPDATE status_sweeps SET before = $2 WHERE id = $1', [next.id, reached.token_id]);
  else await manager.query('DELETE FROM status_sweeps WHERE id = $1', [next.id]);
  return found.length === 0 ? [] : judgedEntries(manager, THESE, [found.map(({ token_id: id }) => id)]);
}

function inOrganization(place: readonly string[], parameter: number): string {
  return place.length === 0 ? '' : `AND t.organization_id = $${parameter}::uuid`;
}

/** What was asked later is written later, since more may have ended meanwhile. */
async function write(manager: EntityManager, judged: readonly JudgedEntries[]): Promise<void> {
  if (judged.length === 0) return;
  const lists = await manager.query<{ number: string; statuses: Buffer | null }[]>(
    'SELECT number, statuses FROM status_lists WHERE number = ANY ($1::bigint[]) ORDER BY number FOR UPDATE', [[...new Set(judged.map(({ list }) => list))]]);
  for (const { number, statuses: before } of lists) {
    const statuses = before === null ? Buffer.alloc(LIST_BYTES) : Buffer.from(before);
    let hasChanged = false;
    for (const { ended, alive } of judged.filter(({ list }) => list === number)) {
      if (ended && writeStatuses(statuses, ended, true)) hasChanged = true;
      if (alive && writeStatuses(statuses, alive, false)) hasChanged = true;
    }
    if (hasChanged) await manager.query('UPDATE status_lists SET statuses = $2, version = version + 1 WHERE number = $1', [number, statuses]);
  }
}
