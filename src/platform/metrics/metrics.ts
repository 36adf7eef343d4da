import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { EndpointClass, LimitedParty } from '../limits/endpoint-class.js';

/**
 * How a token can be asked for: at the token endpoint, and by the routes of the REST API, there under the `grant_type` of the
 * ledger. Whatever else is asked for counts as `other`.
 */
export type TokenGrant =
  | 'authorization_code' | 'refresh_token' | 'client_credentials' | 'token_exchange' | 'jwt_bearer' | 'device_code' | 'ciba'
  | 'agent_password' | 'agent_token' | 'token_renewal' | 'organization_switch'
  | 'other';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** `refused`: the client may not have it or asked wrongly; `failed`: we could not give it. */
export type TokenOutcome = 'issued' | 'refused' | 'failed';

/** Connections of the database pool, at one moment. */
export interface PoolState {
  readonly total: number;
  readonly idle: number;
  /** Requests that wait for one. */
  readonly waiting: number;
}

/** Password hashes being computed and waiting for their turn, at one moment. */
export interface HashQueueState {
  readonly running: number;
  readonly waiting: number;
}

/** The audit log, at one moment. */
export interface LogState {
  /** Events in it. */
  readonly written: number;
  /** Events that its last checkpoint covers. */
  readonly signed: number;
}

/** What became of usage that agents asked for, reserved or reported. */
export type UsageOutcome = 'reserved' | 'committed' | 'released' | 'expired' | 'refused';

/** Security event tokens on their way to receivers, at one moment. */
export interface SignalState {
  /** Those that were not taken yet, of streams that are enabled. */
  readonly waiting: number;
  /** How long the first of them has waited. */
  readonly oldest_seconds: number;
  readonly disabled_streams: number;
}

/** What became of a security event token: `failed` is tried again. */
export type SignalOutcome = 'taken' | 'refused' | 'failed';

/** One group commit, from the sending of its statement to its durable end. */
export interface CommittedBatch {
  /** Records in it. */
  readonly size: number;
  readonly milliseconds: number;
  readonly wasContended: boolean;
}

/**
 * What operators watch, in Prometheus' form. No label takes a value that a client chooses. Besides ours there are the usual
 * process metrics, among them the event loop's lag (`nodejs_eventloop_lag_p99_seconds`), reset with every reading.
 */
@Injectable()
export class Metrics implements OnApplicationShutdown {
  private readonly registry = new Registry();
  private readonly requests = new Counter({
    name: 'legate_http_requests_total', help: 'Requests answered, by kind of endpoint.', labelNames: ['route', 'method', 'status'], registers: [this.registry],
  });
  private readonly requestSeconds = new Histogram({
    name: 'legate_http_request_duration_seconds', help: 'Time from the arrival of a request to the end of its answer.', labelNames: ['route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], registers: [this.registry],
  });
  private readonly tokens = new Counter({
    name: 'legate_tokens_total', help: 'Token requests decided, by grant and outcome.', labelNames: ['grant', 'outcome'], registers: [this.registry],
  });
  private readonly limited = new Counter({
    name: 'legate_requests_limited_total', help: 'Requests refused because there were too many, by class of endpoint and by whose limit it was.', labelNames: ['class', 'limit'],
    registers: [this.registry],
  });
  private readonly batchSize = new Histogram({
    name: 'legate_commit_batch_size', help: 'Records written by one group commit.', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256], registers: [this.registry],
  });
  private readonly batchSeconds = new Histogram({
    name: 'legate_commit_duration_seconds', help: 'Time from the sending of a group commit to its durable end.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5], registers: [this.registry],
  });
  private readonly contendedBatches = new Counter({
    name: 'legate_commit_contended_total', help: 'Group commits that another writer of the audit log got ahead of, and that went again under its lock.', registers: [this.registry],
  });
  private readonly usage = new Counter({
    name: 'legate_usage_total', help: 'Usage of agents, by what became of it: reserved, committed (also at once), released, expired, or refused for want of what is left.', labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly limitsReached = new Counter({
    name: 'legate_limit_thresholds_total', help: 'Shares of limits that were reached, once in each window.', labelNames: ['subject', 'meter', 'percent'], registers: [this.registry],
  });
  private readonly signals = new Counter({
    name: 'legate_signals_total', help: 'Security event tokens that receivers took or refused, and attempts to push one that failed.', labelNames: ['outcome'], registers: [this.registry],
  });
  /** Looking a time series up by its labels costs more than counting, so the ones in use are kept. Bounded by the closed lists of labels. */
  private readonly requestSeries = new Map<string, { count: Counter.Internal; seconds: Histogram.Internal<'route'> }>();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /**
   * @param route see `routeClass`
   * @param seconds from arrival to the end of the answer
   */
  requestAnswered(route: string, method: string, status: number, seconds: number): void {
    const known = METHODS.has(method) ? method : 'OTHER';
    const key = `${route} ${known} ${status}`;
    let series = this.requestSeries.get(key);
    if (!series) {
      series = { count: this.requests.labels(route, known, String(status)), seconds: this.requestSeconds.labels(route) };
      this.requestSeries.set(key, series);
    }
    series.count.inc();
    series.seconds.observe(seconds);
  }

  tokenDecided(grant: TokenGrant, outcome: TokenOutcome): void {
    this.tokens.inc({ grant, outcome });
  }

  usageBooked(outcome: UsageOutcome): void {
    this.usage.inc({ outcome });
  }

  /** @param subject kind of who is limited */
  limitReached(subject: string, meter: string, percent: number): void {
    this.limitsReached.inc({ subject, meter, percent: String(percent) });
  }

  signalSent(outcome: SignalOutcome, count = 1): void {
    this.signals.inc({ outcome }, count);
  }

  /** A request was refused because there were too many. */
  requestLimited(kind: EndpointClass, party: LimitedParty): void {
    this.limited.inc({ class: kind, limit: party });
  }

  batchCommitted({ size, milliseconds, wasContended }: CommittedBatch): void {
    this.batchSize.observe(size);
    this.batchSeconds.observe(milliseconds / 1000);
    if (wasContended) this.contendedBatches.inc();
  }

  /** Has the pool asked at each reading. */
  watchPool(state: () => PoolState): void {
    this.watch('legate_database_connections', 'Connections of the database pool, and requests that wait for one.', () => ({ ...state() }));
  }

  /** Has the password hasher asked at each reading. */
  watchPasswordHashes(state: () => HashQueueState): void {
    this.watch('legate_password_hashes', 'Password hashes being computed, and waiting for their turn.', () => ({ ...state() }));
  }

  /** Has the audit log asked at each reading. When it does not answer, what it said before stands. */
  watchLog(state: () => Promise<LogState>): void {
    this.watch('legate_audit_events', 'Events of the audit log: those in it, and those that its last checkpoint covers.', async () => ({ ...await state() }));
  }

  /** Has the queues of signals asked at each reading. */
  watchSignals(state: () => Promise<SignalState>): void {
    this.watch('legate_signals', 'Security event tokens that wait for receivers, for how long the first of them has, and streams that are disabled.', async () => ({ ...await state() }));
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Everything, in the text format of Prometheus. */
  render(): Promise<string> {
    return this.registry.metrics();
  }

  onApplicationShutdown(): void {
    this.registry.clear();
  }

  private watch(name: string, help: string, states: () => Record<string, number> | Promise<Record<string, number>>): void {
    this.registry.removeSingleMetric(name);
    const gauge: Gauge<'state'> = new Gauge({
      name, help, labelNames: ['state'], registers: [this.registry],
      collect: async () => {
        const now = await Promise.resolve().then(states).catch(() => ({}));
        for (const [state, value] of Object.entries(now)) gauge.set({ state }, value);
      },
    });
  }
}
