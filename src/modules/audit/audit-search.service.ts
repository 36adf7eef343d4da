import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId, timeOfId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { pageOf, pageStart, type Page, type PageQuery } from '../../platform/http/page.js';
import { conditionsOf, isMentioned, isNamed, partiesOf, Values, within, type AuditFilter, type Named } from './audit-filter.js';
import { ROLES, SPAN } from './audit-mentions.js';
import { auditEventNotFound } from './audit.errors.js';
import { loggedEvent, type LoggedEvent, type LogReach, type LogRow } from './logged-event.js';

/**
 * How many events one page looks at, where no index tells which of them it shows: what is looked for may have happened for the
 * last time many millions ago.
 */
export const LOOKED_AT = 20_000;
/** How many it looks at first: what is not rare is among these. */
const FIRST_LOOK = 500;
/** Somebody whom so many organizations know is met in the log itself before long. */
const MOST_HOMES = 10;
/** An id says to the millisecond when its event happened. How far the two may be apart, if the server was very busy. */
const SLACK_MS = 5000;

/** Neighbouring events, from `first` on and before `end`, of which all are in the index, or none. */
interface Stretch {
  readonly first: number;
  readonly end: number;
  readonly isIndexed: boolean;
}

interface Look {
  readonly rows: readonly LogRow[];
  /** The number of the last event that was looked at; undefined when those were all. */
  readonly reached?: number;
}

/** Reads the log for those who may: by whom and what its events name, when they happened, and what they say. */
@Injectable()
export class AuditSearch {
  private readonly cursorKey: Buffer;

  constructor(private readonly dataSource: DataSource, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /**
   * The newest first. What is answered is complete, whether or not the index has come to it. A page whose filter no index answers
   * alone may be short, or empty, while there is more.
   * @throws DomainError `invalid_cursor`
   */
  async list(reach: LogReach, filter: AuditFilter, page: PageQuery): Promise<Page<LoggedEvent>> {
    const list = 'audit-log';
    const { limit, after } = pageStart(page, list, this.cursorKey);
    const before = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after);
    const found: LogRow[] = [];
    let budget = LOOKED_AT;
    let last: number | undefined;
    for (const { first, end, isIndexed } of await this.stretches(filter)) {
      let position = Math.min(end, before);
      for (let most = FIRST_LOOK; position > first && found.length <= limit && budget > 0; most = budget) {
        const looked = Math.min(most, budget);
        const { rows, reached = first } = await this.look(reach, filter, { first, end: position, isIndexed }, looked, limit + 1 - found.length);
        found.push(...rows);
        budget -= looked;
        position = reached;
      }
      if (position > first) {
        last = position;
        break;
      }
    }
    return pageOf(found.map(loggedEvent), limit, list, ({ sequence }) => String(sequence), this.cursorKey, last?.toString());
  }

  /** @throws DomainError `audit_event_not_found` */
  async get(reach: LogReach, id: string): Promise<LoggedEvent> {
    const [row] = isId(id) ? await this.find(reach, id) : [];
    if (!row) throw auditEventNotFound();
    return loggedEvent(row);
  }

  /**
   * The events of some tasks, the oldest first.
   * @param list whose cursors these are
   * @throws DomainError `invalid_cursor`
   */
  async ofTasks(reach: LogReach, taskIds: readonly string[], page: PageQuery, list: string): Promise<Page<LoggedEvent>> {
    const { limit, after = '-1' } = pageStart(page, list, this.cursorKey);
    const values = new Values();
    const rows = await this.dataSource.query<LogRow[]>(
      `SELECT e.sequence, e.body FROM (
         SELECT own.sequence FROM unnest(${values.add(taskIds)}::uuid[]) AS task (id), LATERAL (
           SELECT e.sequence FROM audit_events e WHERE e.task_id = task.id AND e.sequence > ${values.add(after)} AND ${within(reach, values)}
           ORDER BY e.sequence LIMIT ${limit + 1}) AS own
         ORDER BY own.sequence LIMIT ${limit + 1}) AS c
       JOIN audit_events e ON e.sequence = c.sequence ORDER BY e.sequence`, values.list);
    return pageOf(rows.map(loggedEvent), limit, list, ({ sequence }) => String(sequence), this.cursorKey);
  }

  /** The log as it is now, the newest stretch first: what the index has not come to, and the part of it that the time asked for can be in. */
  private async stretches({ from, to }: AuditFilter): Promise<Stretch[]> {
    const [log] = await this.dataSource.query<{ size: string; indexed: string; first: string | null; last: string | null }[]>(
      `SELECT h.size, r.sequence AS indexed,
         CASE WHEN $1::timestamptz IS NULL THEN 0 ELSE (SELECT min(span) FROM audit_spans WHERE latest >= $1) END AS first,
         CASE WHEN $2::timestamptz IS NULL THEN r.sequence ELSE (SELECT max(span) FROM audit_spans WHERE earliest < $2) END AS last
       FROM audit_heads h, audit_readers r WHERE h.log = 'main' AND r.reader = 'mentions'`, [from ?? null, to ?? null]);
    const { size, indexed, first, last } = log!;
    const newest = { first: Number(indexed), end: Number(size), isIndexed: false };
    if (first === null || last === null) return [newest];
    return [newest, { first: Number(first) * SPAN, end: Math.min(Number(indexed), (Number(last) + 1) * SPAN), isIndexed: true }];
  }

  /** Looks through the end of a stretch, the newest event first. */
  private async look(reach: LogReach, filter: AuditFilter, stretch: Stretch, most: number, wanted: number): Promise<Look> {
    const values = new Values();
    const [party, ...others] = partiesOf(filter);
    const homes = party && stretch.isIndexed ? await this.homesOf(reach, party.id) : [];
    // Whoever is nowhere is in no event; whoever is everywhere is soon met in the log.
    if (party && stretch.isIndexed && homes.length === 0) return { rows: [] };
    const isByParty = party !== undefined && stretch.isIndexed && homes.length <= MOST_HOMES;
    const candidates = isByParty ? mentions(homes, party, stretch, values) : events(reach, stretch, values);
    const conditions = [
      within(reach, values),
      conditionsOf(filter, values),
      ...(isByParty ? others : partiesOf(filter)).map((one) => (stretch.isIndexed ? isMentioned(one, values) : isNamed(one, values))),
    ].filter((one) => one !== undefined);
    // Where each candidate is shown, none is looked at in vain.
    const looked = conditions.length === 1 ? Math.min(most, wanted) : most;
    const rows = await this.dataSource.query<{ sequence: string | null; body: string; last: string | null; looked: number }[]>(
      `WITH candidates AS MATERIALIZED (${candidates(looked)})
       SELECT found.sequence, found.body, total.last, total.looked
       FROM (SELECT min(sequence) AS last, count(*)::int AS looked FROM candidates) AS total LEFT JOIN LATERAL (
         SELECT e.sequence, e.body FROM (SELECT sequence FROM candidates ORDER BY sequence DESC OFFSET 0) AS c,
           LATERAL (SELECT * FROM audit_events WHERE audit_events.sequence = c.sequence OFFSET 0) AS e
         WHERE ${conditions.join(' AND ')} ORDER BY c.sequence DESC LIMIT ${wanted}) AS found ON true
       ORDER BY found.sequence DESC`, values.list);
    const { last, looked: count } = rows[0]!;
    return {
      rows: rows.filter((row): row is typeof row & { sequence: string } => row.sequence !== null),
      ...(count === looked && last !== null && { reached: Number(last) }),
    };
  }

  /** The organizations in whose events the index has met somebody, among those that may be looked at; one more than `MOST_HOMES` at most. */
  private async homesOf(reach: LogReach, id: string): Promise<string[]> {
    if (reach !== 'all') return [reach.organizationId];
    // From one organization straight to the next one: each may have millions of events.
    const rows = await this.dataSource.query<{ organization_id: string }[]>(
      `WITH RECURSIVE homes (organization_id) AS (
         (SELECT organization_id FROM audit_mentions WHERE id = $1 ORDER BY organization_id LIMIT 1)
         UNION ALL SELECT (SELECT m.organization_id FROM audit_mentions m WHERE m.id = $1 AND m.organization_id > homes.organization_id ORDER BY m.organization_id LIMIT 1)
           FROM homes WHERE homes.organization_id IS NOT NULL)
       SELECT organization_id FROM homes WHERE organization_id IS NOT NULL LIMIT ${MOST_HOMES + 1}`, [id]);
    return rows.map(({ organization_id: home }) => home);
  }

  private find(reach: LogReach, id: string): Promise<LogRow[]> {
    const values = new Values();
    const [eventId, from, to] = [id, new Date(timeOfId(id).getTime() - SLACK_MS), new Date(timeOfId(id).getTime() + SLACK_MS)].map((value) => values.add(value));
    const own = `e.event_id = ${eventId} AND ${within(reach, values)}`;
    return this.dataSource.query<LogRow[]>(
      `SELECT found.sequence, found.body FROM audit_spans s, LATERAL (
         SELECT e.sequence, e.body FROM audit_events e WHERE e.sequence >= s.span * ${SPAN} AND e.sequence < (s.span + 1) * ${SPAN} AND ${own} OFFSET 0) AS found
       WHERE s.latest >= ${from} AND s.earliest <= ${to}
       UNION SELECT e.sequence, e.body FROM audit_events e
       WHERE e.sequence >= (SELECT sequence FROM audit_readers WHERE reader = 'mentions') AND ${own}
       LIMIT 1`, values.list);
  }
}

/** SQL of the newest numbers of a stretch, as many as are asked for: of all events. */
function events(reach: LogReach, { first, end }: Stretch, values: Values): (most: number) => string {
  const where = `e.sequence >= ${values.add(first)} AND e.sequence < ${values.add(end)} AND ${within(reach, values)}`;
  return (most) => `SELECT e.sequence FROM audit_events e WHERE ${where} ORDER BY e.sequence DESC LIMIT ${most}`;
}

/** The same of the events that name somebody. */
function mentions(homes: readonly string[], { roles, id }: Named, { first, end }: Stretch, values: Values): (most: number) => string {
  const [from, to] = [values.add(first), values.add(end)];
  const spans = `SELECT m.span, m.places FROM audit_mentions m WHERE m.id = ${values.add(id)} AND m.organization_id = home.id
    AND m.span >= ${from}::bigint / ${SPAN} AND m.span <= ${to}::bigint / ${SPAN} ORDER BY m.span DESC OFFSET 0`;
  // Spans come in their order, and places in theirs: one after the other until there are enough, without sorting all that there are.
  const own = (most: number): string => `SELECT place.sequence FROM (${spans}) AS spans, LATERAL (
      SELECT spans.span * ${SPAN} + place / ${ROLES} AS sequence FROM unnest(spans.places) AS place WHERE place & ${roles} <> 0) AS place
    WHERE place.sequence >= ${from} AND place.sequence < ${to} LIMIT ${most}`;
  return (most) => `SELECT own.sequence FROM unnest(${values.add(homes)}::uuid[]) AS home (id), LATERAL (${own(most)}) AS own ORDER BY own.sequence DESC LIMIT ${most}`;
}
