import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { Outbound, type OutboundAnswer } from '../../platform/http/outbound.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { SignalQueue, type WaitingSet } from './signal-queue.service.js';
import { SignalRefusals } from './signal-refusals.service.js';
import { authorizationContext } from './signal-streams.service.js';

/** One node at a time sends on a stream, for so long; what is under way when this has passed is the last. */
const LEASE_SECONDS = 15;
const TURN_MS = 8000;
const MOST_STREAMS_AT_ONCE = 16;
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 60;
/** How long a receiver may ask us to wait. */
const LONGEST_RETRY_AFTER_SECONDS = 300;
/** What RFC 8935 section 2.4 lets a receiver say of the sender and its settings: another token would fare no better. */
const OF_THE_STREAM = new Set(['invalid_key', 'invalid_issuer', 'invalid_audience', 'authentication_failed', 'access_denied']);
const ERROR_CODE = /^\w{1,64}$/;

interface Leased {
  readonly id: string;
  readonly organizationId: string;
  readonly failures: number;
  readonly updatedAt: Date;
}

type Outcome = { readonly kind: 'taken' } | { readonly kind: 'refused'; readonly code: string; readonly description?: string } | { readonly kind: 'failed'; readonly reason: string; readonly retryAfter?: number };

/**
 * Pushes security event tokens to receivers (RFC 8935): each stream in order, one token a request, the next when the one before was
 * taken. At least once, and again for as long as it takes, with longer and longer pauses; never inside a transaction.
 */
@Injectable()
export class SignalPush {
  private readonly logger = new Logger(SignalPush.name);
  private readonly warnings = new Sparingly(60_000);
  /** Streams this node is sending on. */
  private readonly running = new Map<string, Promise<void>>();
  private isClosed = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: SignalQueue,
    private readonly refusals: SignalRefusals,
    private readonly outbound: Outbound,
    private readonly masterKey: MasterKey,
    private readonly metrics: Metrics,
  ) {}

  /** Begins to send on every stream where something waits, and nobody is at it. */
  async deliverDue(): Promise<void> {
    const room = MOST_STREAMS_AT_ONCE - this.running.size;
    if (room <= 0 || this.isClosed) return;
    const due = await this.dataSource.query<{ id: string }[]>(
      `SELECT s.id FROM signal_streams s JOIN clients c ON c.id = s.client_id
       WHERE s.method = 'push' AND c.status = 'active' AND s.next_attempt_at <= now() AND s.leased_until <= now() AND s.id <> ALL ($1::uuid[])
         AND EXISTS (SELECT FROM signal_sets q WHERE q.stream_id = s.id AND (s.status = 'enabled' OR q.is_notice))
       ORDER BY s.next_attempt_at LIMIT ${room}`, [[...this.running.keys()]]);
    // Asked again: it may have been closed meanwhile.
    for (const { id } of this.isClosed ? [] : due) {
      const turn = this.turn(id).finally(() => this.running.delete(id));
      this.running.set(id, turn);
    }
  }

  /** Lets what is under way arrive. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.running.values());
  }

  private async turn(id: string): Promise<void> {
    try {
      while (!this.isClosed && await this.sendSome(id));
    } catch (error) {
      if (this.warnings.admit() !== undefined) this.logger.warn(`security events cannot be sent at the moment, and will be again: ${String(error)}`);
    }
  }

  /** Answers whether there is more that can be sent at once. */
  private async sendSome(id: string): Promise<boolean> {
    const stream = await this.lease(id);
    if (!stream) return false;
    const deadline = performance.now() + TURN_MS;
    let sent = 0;
    let failure: Outcome & { kind: 'failed' } | undefined;
    let isEmpty = false;
    try {
      while (!this.isClosed && !failure && performance.now() < deadline) {
        // Asked for one by one: whoever pauses the stream, or moves it, need not wait for a page of it.
        const [set] = await this.queue.next(id, 1);
        isEmpty = set?.endpointUrl === undefined || set.endpointUrl === null;
        if (!set || isEmpty) break;
        const outcome = await this.send(id, set);
        this.metrics.signalSent(outcome.kind);
        if (outcome.kind === 'failed') failure = outcome;
        else {
          if (outcome.kind === 'refused') await this.refusals.refuse({ kind: 'system' }, stream, [{ jti: set.jti, ...outcome }]);
          else await this.queue.take(this.dataSource, id, [set.jti]);
          sent += 1;
        }
      }
    } finally {
      await this.release(stream, sent, failure);
    }
    return !failure && !isEmpty;
  }

  private async lease(id: string): Promise<Leased | undefined> {
    const [leased] = await this.dataSource.query<[Leased[], number]>(
      `UPDATE signal_streams SET leased_until = now() + interval '${LEASE_SECONDS} seconds'
       WHERE id = $1 AND method = 'push' AND leased_until <= now() AND next_attempt_at <= now()
       RETURNING id, organization_id AS "organizationId", failures, updated_at AS "updatedAt"`, [id]);
    return leased[0];
  }

  /** What the attempts say counts for the settings that they were made with, and no others. */
  private async release({ id, failures, updatedAt }: Leased, sent: number, failure?: Outcome & { kind: 'failed' }): Promise<void> {
    const count = failure ? (sent > 0 ? 1 : failures + 1) : 0;
    const pause = failure ? Math.max(Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** Math.min(count - 1, 10)) * (0.8 + 0.4 * Math.random()), failure.retryAfter ?? 0) : 0;
    await this.dataSource.query(
      `UPDATE signal_streams s SET leased_until = now(), last_delivered_at = CASE WHEN $5 THEN now() ELSE last_delivered_at END,
         next_attempt_at = CASE WHEN same THEN now() + $2::double precision * interval '1 second' ELSE next_attempt_at END,
         failures = CASE WHEN same THEN $3 ELSE failures END, last_error = CASE WHEN same THEN $4 ELSE last_error END
       FROM (SELECT id, updated_at = $6 AS same FROM signal_streams WHERE id = $1) former WHERE s.id = former.id`, [id, pause, count, failure?.reason ?? null, sent > 0, updatedAt]);
  }

  private async send(id: string, set: WaitingSet): Promise<Outcome> {
    const { endpointUrl, sealedAuthorization } = set;
    try {
      const authorization = sealedAuthorization === null ? undefined : this.masterKey.open(Buffer.from(sealedAuthorization), authorizationContext(id)).toString();
      return outcomeOf(await this.outbound.post(endpointUrl!, {
        'content-type': 'application/secevent+jwt', accept: 'application/json', ...(authorization !== undefined && { authorization }),
      }, this.queue.sign(set)));
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) };
    }
  }
}

/**
 * What an answer means (RFC 8935 sections 2.2 to 2.4). What a receiver says is wrong with the token itself will not become right by
 * sending it again; whatever else is wrong may.
 */
export function outcomeOf({ status, headers, body }: OutboundAnswer): Outcome {
  if (status >= 200 && status < 300) return { kind: 'taken' };
  const { err, description } = status === 400 ? errorIn(body) : {};
  if (err !== undefined && !OF_THE_STREAM.has(err)) return { kind: 'refused', code: err, ...(description !== undefined && { description }) };
  const asked = Number(headers['retry-after'] ?? 'NaN');
  return {
    kind: 'failed', reason: `the receiver answered ${status}${err === undefined ? '' : ` ${err}`}`,
    ...((status === 429 || status === 503) && asked > 0 && { retryAfter: Math.min(asked, LONGEST_RETRY_AFTER_SECONDS) }),
  };
}

function errorIn(body: string): { err?: string; description?: string } {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return {};
  }
  if (typeof answer !== 'object' || answer === null) return {};
  const { err, description } = answer as Record<string, unknown>;
  return typeof err === 'string' && ERROR_CODE.test(err) ? { err, ...(typeof description === 'string' && { description }) } : {};
}

/** What may be told to whoever reads the stream's status: codes of the system and sentences of our own. */
function reasonOf(error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || name === 'TimeoutError') return 'the receiver did not answer in time';
  return code === undefined ? message : `the receiver could not be reached (${code})`;
}
