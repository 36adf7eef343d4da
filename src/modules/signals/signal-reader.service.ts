import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../../platform/config/config.js';
import { loggedEvent, type LoggedEvent, type LogRow } from '../audit/logged-event.js';
import { TokenEndings, type EndedToken } from '../tokens/token-endings.service.js';
import { MOST_TOKENS, securityEvents, signalsOf, SIGNALLED_TYPES, type Signal } from './signal-events.js';
import { SignalQueue } from './signal-queue.service.js';
import { SignalSubjects } from './signal-subjects.service.js';
import { isLeftOut, type SubjectChoice } from './stream-subjects.js';

/** How much of the log one transaction goes through, and how many events of it that mean something. */
const BATCH = 5000;
const MOST_EVENTS = 20;
/** Where the reader stands is written down this often when there was nothing to tell. */
const STEP = 1000;

/** PostgreSQL's query_canceled. */
const STATEMENT_TIMED_OUT = '57014';

interface OpenStream {
  readonly id: string;
  readonly organizationId: string;
  readonly eventsRequested: string[] | null;
  readonly firstSequence: string;
  /** Did its receiver take subjects off it? */
  readonly hasChoices: boolean;
  choices?: Promise<readonly SubjectChoice[]>;
}

/** Whether anybody is told anything, and whether there is something that was not looked at. */
export interface ReaderState {
  readonly hasStreams: boolean;
  readonly isBehind: boolean;
}

/**
 * Follows the audit log behind its writers, and puts what its events mean for receivers on the queues of their streams. Where it
 * stands and what it queued are one transaction, so nothing is lost and nothing comes twice by it; commits come in the order of the
 * numbers, so nothing appears behind it. One node at a time reads: whoever holds the row. No token waits for any of this.
 */
@Injectable()
export class SignalReader {
  /** How long it may take to find out what ended with one event: less than the database, and we, have patience for a statement. */
  patienceMs: number;

  constructor(
    private readonly dataSource: DataSource,
    private readonly endings: TokenEndings,
    private readonly queue: SignalQueue,
    private readonly subjects: SignalSubjects,
    private readonly config: Config,
  ) {
    this.patienceMs = Math.ceil(config.databaseTimeoutMs * 0.6);
  }

  async state(): Promise<ReaderState> {
    const [state] = await this.dataSource.query<ReaderState[]>(
      `SELECT EXISTS (SELECT FROM signal_streams) AS "hasStreams", h.size > r.sequence AS "isBehind" FROM audit_heads h, audit_readers r WHERE h.log = 'main' AND r.reader = 'signals'`);
    return state!;
  }

  /** Reads one batch; answers whether there may be more. */
  readOn(): Promise<boolean> {
    return this.dataSource.transaction((manager) => this.readBatch(manager));
  }

  private async readBatch(manager: EntityManager): Promise<boolean> {
    const [reader] = await manager.query<{ sequence: string; size: string }[]>(
      `SELECT r.sequence, h.size FROM audit_readers r, audit_heads h WHERE r.reader = 'signals' AND h.log = 'main' FOR UPDATE OF r SKIP LOCKED`);
    if (!reader) return false;
    const streams = await manager.query<OpenStream[]>(
      `SELECT s.id, s.organization_id AS "organizationId", s.events_requested AS "eventsRequested", s.first_sequence AS "firstSequence",
         EXISTS (SELECT FROM signal_subjects o WHERE o.stream_id = s.id) AS "hasChoices"
       FROM signal_streams s JOIN clients c ON c.id = s.client_id WHERE s.status <> 'disabled' AND c.status <> 'deactivated' ORDER BY s.id`);
    if (streams.length === 0) return false;
    const [stood, size] = [Number(reader.sequence), Number(reader.size)];
    const first = Math.max(stood, Math.min(...streams.map(({ firstSequence }) => Number(firstSequence))));
    let next = Math.min(size, first + BATCH);
    if (next <= first) return false;
    const rows = await manager.query<LogRow[]>(
      `SELECT sequence, body FROM audit_events WHERE sequence >= $1 AND sequence < $2 AND outcome = 'success' AND type = ANY ($3) ORDER BY sequence LIMIT ${MOST_EVENTS}`,
      [first, next, SIGNALLED_TYPES]);
    const events = rows.map(loggedEvent);
    for (const event of events) await this.tell(manager, event, streams.filter(({ firstSequence }) => Number(firstSequence) <= event.sequence));
    if (events.length === MOST_EVENTS) next = events.at(-1)!.sequence + 1;
    if (events.length > 0 || next - stood >= STEP) await manager.query(`UPDATE audit_readers SET sequence = $1 WHERE reader = 'signals'`, [next]);
    return next < size;
  }

  private async tell(manager: EntityManager, event: LoggedEvent, streams: readonly OpenStream[]): Promise<void> {
    for (const signal of signalsOf(event, this.config.issuer)) {
      const listening = streams.filter(({ eventsRequested, organizationId }) =>
        (eventsRequested === null || eventsRequested.includes(signal.event)) && (organizationId === event.organization_id || reachesFurther(signal)));
      if (listening.length === 0) continue;
      const ended = await this.endedTokens(manager, event, signal);
      const perOrganization = new Map<string, string[]>();
      for (const { id, organizationId } of ended?.tokens ?? []) {
        const ids = perOrganization.get(organizationId);
        if (ids) ids.push(id);
        else perOrganization.set(organizationId, [id]);
      }
      for (const stream of listening) {
        const isAtHome = stream.organizationId === event.organization_id;
        const ids = perOrganization.get(stream.organizationId) ?? [];
        if (!isAtHome && ids.length === 0) continue;
        const choices = await this.choicesOf(manager, stream);
        const claims = securityEvents(signal, event, this.config.issuer, isAtHome, ended && { ids, areAll: ended.areAll }).filter(({ sub_id: subject }) => !isLeftOut(choices, subject, event.sequence));
        if (claims.length > 0) await this.queue.append(manager, stream, claims);
      }
    }
  }

  /** Read once in a batch. */
  private choicesOf(manager: EntityManager, stream: OpenStream): Promise<readonly SubjectChoice[]> | readonly SubjectChoice[] {
    if (!stream.hasChoices) return [];
    return stream.choices ??= this.subjects.of(manager, stream.id);
  }

  /** Which tokens ended, and whether these are all. What takes too long to find out is told without them: nothing else must wait for it. */
  private async endedTokens(manager: EntityManager, event: LoggedEvent, { endedBy }: Signal): Promise<{ readonly tokens: readonly EndedToken[]; readonly areAll: boolean } | undefined> {
    if (!endedBy) return undefined;
    try {
      const tokens = await manager.transaction(async (within) => {
        await within.query(`SET LOCAL statement_timeout = ${this.patienceMs}`);
        const found = await this.endings.tokensEndedWith(within, endedBy, Date.parse(event.time), endedBy.staysInside ? event.organization_id : null, MOST_TOKENS);
        await within.query('SET LOCAL statement_timeout TO DEFAULT');
        return found;
      });
      return { tokens, areAll: tokens.length < MOST_TOKENS };
    } catch (error) {
      if ((error as { code?: string }).code !== STATEMENT_TIMED_OUT) throw error;
      return { tokens: [], areAll: false };
    }
  }
}

/** Can tokens of other organizations end with it? They are then told of these, and of nothing else. */
function reachesFurther({ endedBy }: Signal): boolean {
  return endedBy !== undefined && !endedBy.staysInside;
}
