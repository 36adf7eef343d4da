import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { uncovered } from '../../kernel/scope-set.js';
import { Lifecycle } from '../../platform/health/lifecycle.js';
import { CallerAuthenticator } from '../../platform/http/caller-authenticator.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditFeed } from '../audit/audit-feed.service.js';
import { auditPositionUnknown, tooManyAuditStreams } from '../audit/audit.errors.js';
import { AuditEventStream } from './audit-event-stream.js';
import { reachOf } from './audit-reading.service.js';
import type { AuditStreamQuery } from './audit-search.dto.js';
import { typesNamed } from './audit-types.js';

/** On one node: each holds a connection, and reading to one who is behind takes the database's time. */
const MOST_STREAMS = 100;
/** Of these, of one organization. */
const MOST_OF_ONE = 20;

/** The streams of events of this node, for as long as those who opened them may have them. */
@Injectable()
export class AuditStreams implements OnModuleDestroy {
  /** How often a stream shows that it is alive, and whether its reader may still have it is asked. */
  heartbeatMs = 15_000;
  private readonly streams = new Map<AuditEventStream, string>();

  constructor(private readonly feed: AuditFeed, private readonly authenticator: CallerAuthenticator, private readonly lifecycle: Lifecycle) {
    lifecycle.onShutdown(() => this.endAll());
  }

  get count(): number {
    return this.streams.size;
  }

  /**
   * @param authorization the header that the caller was authenticated by
   * @param lastEventId the last event that the client has, when it comes back. Without it, and without `after`, it gets what is new
   * @throws DomainError `platform_administrator_required`, `audit_position_unknown`, `too_many_audit_streams`
   */
  async open(caller: Caller, authorization: string, { organization, type, after, ...filter }: AuditStreamQuery, lastEventId?: string): Promise<AuditEventStream> {
    const reach = reachOf(caller, organization);
    const end = await this.feed.end();
    const position = positionAfter(lastEventId ?? after) ?? end;
    if (position > end) throw auditPositionUnknown();
    this.assertRoom(caller.organizationId);
    const stream = new AuditEventStream(reach, { ...filter, ...(type && { types: typesNamed(type) }) }, position, (woken) => this.feed.resume(woken));
    this.streams.set(stream, caller.organizationId);
    const heartbeat = setInterval(() => { void this.beat(stream, caller, authorization); }, this.heartbeatMs).unref();
    stream.once('close', () => {
      clearInterval(heartbeat);
      this.feed.unfollow(stream);
      this.streams.delete(stream);
    });
    this.feed.follow(stream);
    return stream;
  }

  onModuleDestroy(): void {
    this.endAll();
  }

  private endAll(): void {
    for (const stream of this.streams.keys()) stream.finish();
  }

  private assertRoom(organizationId: string): void {
    const own = [...this.streams.values()].filter((other) => other === organizationId).length;
    if (this.streams.size >= MOST_STREAMS || own >= MOST_OF_ONE || this.lifecycle.isShuttingDown) throw tooManyAuditStreams();
  }

  private async beat(stream: AuditEventStream, caller: Caller, authorization: string): Promise<void> {
    // What cannot be found out now the client finds out by coming back.
    const isAllowed = await this.mayGoOn(stream, caller, authorization).catch(() => false);
    if (isAllowed) stream.beat();
    else stream.finish();
  }

  private async mayGoOn({ reach }: AuditEventStream, { organizationId }: Caller, authorization: string): Promise<boolean> {
    const caller = await this.authenticator.authenticateAgain(authorization);
    return caller !== undefined && caller.organizationId === organizationId && uncovered(caller.scopes, ['audit:read']).length === 0 && (reach !== 'all' || caller.isPlatformAdministrator);
  }
}

function positionAfter(sequence: string | undefined): number | undefined {
  return sequence === undefined || sequence === '' ? undefined : Number(sequence) + 1;
}
