import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Id, OrganizationId } from '../../kernel/ids.js';

export type SignalStreamId = Id<'signal_stream'>;

export const STREAM_STATUSES = ['enabled', 'paused', 'disabled'] as const;
export type StreamStatus = (typeof STREAM_STATUSES)[number];

/** RFC 8935 and RFC 8936. */
export type DeliveryMethod = 'push' | 'poll';

/** An event stream of Shared Signals 1.0: what one client is told of its organization, and how. */
@Entity('signal_streams')
export class SignalStream {
  @PrimaryColumn({ type: 'uuid' }) id: SignalStreamId;
  @Column({ name: 'organization_id', type: 'uuid' }) organizationId: OrganizationId;
  /** The receiver, and the `aud` of what it receives. */
  @Column({ name: 'client_id', type: 'text' }) clientId: string;
  @Column({ type: 'text', nullable: true }) description: string | null;
  @Column({ type: 'text' }) method: DeliveryMethod;
  /** Where events are pushed. */
  @Column({ name: 'endpoint_url', type: 'text', nullable: true }) endpointUrl: string | null;
  /** The value of the `Authorization` header that goes with them, sealed with the master key for this stream. */
  @Column({ name: 'sealed_authorization', type: 'bytea', nullable: true }) sealedAuthorization: Buffer | null;
  /** Types of events; null for all that there are. */
  @Column({ name: 'events_requested', type: 'text', array: true, nullable: true }) eventsRequested: string[] | null;
  @Column({ type: 'text' }) status: StreamStatus;
  @Column({ name: 'status_reason', type: 'text', nullable: true }) statusReason: string | null;
  /** The first event of the audit log that it may be told of. */
  @Column({ name: 'first_sequence', type: 'bigint' }) firstSequence: string;
  /** Attempts in a row that did not bring anything to the receiver. */
  @Column({ type: 'integer' }) failures: number;
  /** Why the last attempt failed, as far as that can be told to anybody. */
  @Column({ name: 'last_error', type: 'text', nullable: true }) lastError: string | null;
  @Column({ name: 'last_delivered_at', type: 'timestamptz', nullable: true }) lastDeliveredAt: Date | null;
  @Column({ name: 'verification_asked_at', type: 'timestamptz', nullable: true }) verificationAskedAt: Date | null;
  @Column({ name: 'next_attempt_at', type: 'timestamptz' }) nextAttemptAt: Date;
  /** Until then one node is at it. */
  @Column({ name: 'leased_until', type: 'timestamptz' }) leasedUntil: Date;
  @Column({ name: 'created_at', type: 'timestamptz' }) createdAt: Date;
  @Column({ name: 'updated_at', type: 'timestamptz' }) updatedAt: Date;
}
