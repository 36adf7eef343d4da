import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type EntityManager, type FindOptionsWhere, type Repository } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Caller } from '../../platform/http/caller.js';
import { Outbound } from '../../platform/http/outbound.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { STREAM_UPDATED, VERIFICATION } from './signal-events.js';
import { SignalQueue } from './signal-queue.service.js';
import { SignalStream, type DeliveryMethod, type SignalStreamId, type StreamStatus } from './signal-stream.entity.js';
import {
  endpointNotYours, endpointRefused, endpointRequired, receiverRequired, signalStreamDisabled, signalStreamNotFound, tooManySignalStreams, tooManyStreamsOfOrganization, verificationTooSoon,
} from './signals.errors.js';

const MOST_OF_CLIENT = 5;
const MOST_OF_ORGANIZATION = 50;
/** Seconds (Shared Signals 1.0 section 8.1.1). */
export const MIN_VERIFICATION_INTERVAL = 5;

/** How a receiver wants its events. */
export interface Delivery {
  readonly method: DeliveryMethod;
  readonly endpointUrl?: string;
  /** The value of the `Authorization` header. */
  readonly authorization?: string;
}

/** What a receiver says of its stream. Undefined members of a change stay as they are. */
export interface StreamSettings {
  readonly delivery?: Delivery;
  /** Null for all. */
  readonly eventsRequested?: string[] | null;
  readonly description?: string | null;
}

/** The place of a stream's secret, for the master key. */
export const authorizationContext = (streamId: string) => `signal-stream:${streamId}`;

/**
 * The streams of Shared Signals: whose they are, what they bring and where to. A client has streams of its own and sees no others;
 * people who may manage them see, pause and end all of their organization.
 */
@Injectable()
export class SignalStreams {
  constructor(
    @InjectRepository(SignalStream) private readonly streams: Repository<SignalStream>,
    private readonly dataSource: DataSource,
    private readonly queue: SignalQueue,
    private readonly outbound: Outbound,
    private readonly masterKey: MasterKey,
    private readonly audit: AuditLog,
  ) {}

  /** @throws DomainError `receiver_required`, `endpoint_required`, `endpoint_refused`, `endpoint_not_yours`, `too_many_signal_streams`, `too_many_streams_here` */
  async create(caller: Caller, settings: StreamSettings): Promise<SignalStream> {
    if (caller.kind === 'user' || caller.act !== undefined) throw receiverRequired();
    const id = newId<SignalStreamId>();
    const at = nowDate();
    const delivery = this.checked(id, settings.delivery ?? { method: 'poll' });
    return this.dataSource.transaction(async (manager) => {
      // One at a time, or several would count the same.
      await manager.query('SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE', [caller.organizationId]);
      if (await manager.countBy(SignalStream, { clientId: caller.clientId, organizationId: caller.organizationId }) >= MOST_OF_CLIENT) throw tooManySignalStreams(MOST_OF_CLIENT);
      if (await manager.countBy(SignalStream, { organizationId: caller.organizationId }) >= MOST_OF_ORGANIZATION) throw tooManyStreamsOfOrganization(MOST_OF_ORGANIZATION);
      const stream = manager.create(SignalStream, {
        id, organizationId: caller.organizationId, clientId: caller.clientId, description: settings.description ?? null, eventsRequested: settings.eventsRequested ?? null, ...delivery,
        status: 'enabled', statusReason: null, firstSequence: await endOfLog(manager), failures: 0, lastError: null, lastDeliveredAt: null, verificationAskedAt: null,
        nextAttemptAt: at, leasedUntil: at, createdAt: at, updatedAt: at,
      });
      await manager.insert(SignalStream, stream);
      await notifyChanged(manager, 'signal_stream', id);
      await this.record(manager, caller, 'signal_stream.created', stream, { method: stream.method, endpoint_url: stream.endpointUrl, events: stream.eventsRequested });
      return stream;
    });
  }

  /** The oldest first. */
  list(caller: Caller): Promise<SignalStream[]> {
    return this.streams.find({ where: within(caller), order: { id: 'ASC' } });
  }

  /** @throws DomainError `signal_stream_not_found` */
  async get(caller: Caller, id: string): Promise<SignalStream> {
    const stream = isId(id) ? await this.streams.findOneBy({ ...within(caller), id: id as SignalStreamId }) : null;
    if (!stream) throw signalStreamNotFound();
    return stream;
  }

  /** For what a stream brings: that is for its receiver alone. @throws DomainError `signal_stream_not_found` */
  async receivedBy(caller: Caller, id: string): Promise<SignalStream> {
    const stream = await this.get(caller, id);
    if (stream.clientId !== caller.clientId || caller.kind === 'user') throw signalStreamNotFound();
    return stream;
  }

  /** @throws DomainError `signal_stream_not_found`, `endpoint_required`, `endpoint_refused`, `endpoint_not_yours` */
  async update(caller: Caller, id: string, settings: StreamSettings): Promise<SignalStream> {
    return this.changing(caller, id, async (manager, stream) => {
      const changed = Object.entries(settings).flatMap(([member, value]) => (value === undefined ? [] : [member === 'eventsRequested' ? 'events_requested' : member])).sort();
      if (settings.delivery) Object.assign(stream, this.checked(stream.id, settings.delivery), { failures: 0, lastError: null, nextAttemptAt: nowDate() });
      if (settings.eventsRequested !== undefined) stream.eventsRequested = settings.eventsRequested;
      if (settings.description !== undefined) stream.description = settings.description;
      await this.save(manager, stream);
      await this.record(manager, caller, 'signal_stream.updated', stream, { changed, method: stream.method, endpoint_url: stream.endpointUrl, events: stream.eventsRequested });
    });
  }

  /**
   * Enables, pauses or disables a stream. A paused one keeps what happens meanwhile, a disabled one does not: when it is enabled
   * again it begins with what happens from then on. When it is not the receiver that does it, the receiver is told.
   *
   * @throws DomainError `signal_stream_not_found`
   */
  async setStatus(caller: Caller, id: string, status: StreamStatus, reason?: string): Promise<SignalStream> {
    return this.changing(caller, id, async (manager, stream) => {
      const former = stream.status;
      if (former === status) return;
      if (former === 'disabled' || status === 'disabled') await this.queue.clear(manager, stream.id);
      if (former === 'disabled') stream.firstSequence = await endOfLog(manager);
      Object.assign(stream, { status, statusReason: reason ?? null, failures: 0, lastError: null, nextAttemptAt: nowDate() });
      await this.save(manager, stream);
      if (caller.kind === 'user') await this.queue.append(manager, stream, [streamUpdated(stream.id, status, reason)], true);
      await this.record(manager, caller, 'signal_stream.updated', stream, { changed: ['status'], status, former_status: former });
    });
  }

  /** @throws DomainError `signal_stream_not_found` */
  async delete(caller: Caller, id: string): Promise<void> {
    await this.changing(caller, id, async (manager, stream) => {
      await manager.delete(SignalStream, { id: stream.id });
      await notifyChanged(manager, 'signal_stream', stream.id);
      await this.record(manager, caller, 'signal_stream.deleted', stream, { method: stream.method, endpoint_url: stream.endpointUrl });
    });
  }

  /**
   * Sends a verification event on the stream, behind what waits there.
   * @param state given back to the receiver in it
   * @throws DomainError `signal_stream_not_found`, `signal_stream_disabled`, `verification_too_soon`
   */
  async verify(caller: Caller, id: string, state?: string): Promise<void> {
    await this.changing(caller, id, async (manager, stream) => {
      if (stream.status === 'disabled') throw signalStreamDisabled();
      const at = nowDate();
      if (stream.verificationAskedAt && at.getTime() - stream.verificationAskedAt.getTime() < MIN_VERIFICATION_INTERVAL * 1000) throw verificationTooSoon(MIN_VERIFICATION_INTERVAL);
      await manager.update(SignalStream, { id: stream.id }, { verificationAskedAt: at });
      await this.queue.append(manager, stream, [{ sub_id: { format: 'opaque', id: stream.id }, events: { [VERIFICATION]: state === undefined ? {} : { state } } }]);
    });
  }

  /** Whatever changes about a stream of the caller's: one change at a time. @throws DomainError `signal_stream_not_found` */
  async changing(caller: Caller, id: string, change: (manager: EntityManager, stream: SignalStream) => Promise<void>): Promise<SignalStream> {
    return this.dataSource.transaction(async (manager) => {
      const stream = isId(id)
        ? await manager.findOne(SignalStream, { where: { ...within(caller), id: id as SignalStreamId }, lock: { mode: 'pessimistic_write' } }) : null;
      if (!stream) throw signalStreamNotFound();
      await change(manager, stream);
      return stream;
    });
  }

  private async save(manager: EntityManager, stream: SignalStream): Promise<void> {
    stream.updatedAt = nowDate();
    const { id, leasedUntil: _lease, ...members } = stream;
    await manager.update(SignalStream, { id }, members);
    await notifyChanged(manager, 'signal_stream', id);
  }

  private checked(id: string, { method, endpointUrl, authorization }: Delivery): Pick<SignalStream, 'method' | 'endpointUrl' | 'sealedAuthorization'> {
    if (method === 'poll') {
      if (endpointUrl !== undefined || authorization !== undefined) throw endpointNotYours();
      return { method, endpointUrl: null, sealedAuthorization: null };
    }
    if (endpointUrl === undefined) throw endpointRequired();
    const objection = this.outbound.objectionTo(endpointUrl);
    if (objection !== undefined) throw endpointRefused(objection);
    return { method, endpointUrl, sealedAuthorization: authorization === undefined ? null : this.masterKey.seal(Buffer.from(authorization), authorizationContext(id)) };
  }

  private async record(manager: EntityManager, caller: Caller, type: AuditEvent['type'], { id, organizationId, clientId }: SignalStream, details: AuditEvent['details']): Promise<void> {
    await this.audit.recordIn(manager, {
      type, outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'signal_stream', id }, details: { client_id: clientId, ...details },
    });
  }
}

/** Shared Signals 1.0 section 8.1.5: what happened to the stream itself. */
export function streamUpdated(streamId: string, status: StreamStatus, reason: string | undefined): object {
  return { sub_id: { format: 'opaque', id: streamId }, events: { [STREAM_UPDATED]: { status, ...(reason !== undefined && { reason }) } } };
}

function within({ kind, organizationId, clientId }: Caller): FindOptionsWhere<SignalStream> {
  return kind === 'user' ? { organizationId } : { organizationId, clientId };
}

/** The number that the next event of the audit log will have. */
export async function endOfLog(manager: EntityManager): Promise<string> {
  const [head] = await manager.query<{ size: string }[]>(`SELECT size FROM audit_heads WHERE log = 'main'`);
  return head!.size;
}
