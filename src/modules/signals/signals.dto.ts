import { ArrayMaxSize, IsArray, IsBoolean, IsIn, IsInt, IsObject, IsString, Matches, Max, MaxLength, Min, MinLength, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsPlainText } from '../../platform/http/validation.js';
import { EVENTS_SUPPORTED } from './signal-events.js';
import { STREAM_STATUSES, type SignalStream, type StreamStatus } from './signal-stream.entity.js';
import { MIN_VERIFICATION_INTERVAL } from './signal-streams.service.js';

export const PUSH = 'urn:ietf:rfc:8935';
export const POLL = 'urn:ietf:rfc:8936';

const LONGEST_URL = 2048;
const LONGEST_EVENT_TYPE = 512;

export class AuthorizationSchemeDto {
  spec_urn: string;
}

/** Section 7.1 of Shared Signals 1.0. */
export class SsfConfigurationDto {
  spec_version: string;
  /** The `iss` of every token. */
  issuer: string;
  /** The keys that sign them. */
  jwks_uri: string;
  delivery_methods_supported: string[];
  configuration_endpoint: string;
  status_endpoint: string;
  add_subject_endpoint: string;
  remove_subject_endpoint: string;
  verification_endpoint: string;
  /** Members of a complex subject that a receiver has to understand, or it would act on more than is meant. */
  critical_subject_members: string[];
  authorization_schemes: AuthorizationSchemeDto[];
  /** A new stream brings what concerns anybody in the organization; subjects are taken off it, and put back. */
  default_subjects: 'ALL';
}

/** How events get to the receiver. */
export class DeliveryDto {
  /** `urn:ietf:rfc:8935`: they are pushed. `urn:ietf:rfc:8936`: they are polled. */
  @IsIn([PUSH, POLL])
  method: 'urn:ietf:rfc:8935' | 'urn:ietf:rfc:8936';

  /**
   * Where they are pushed; https, and a host of the public internet. Of a stream that is polled the server says it.
   * @example "https://receiver.example.com/events"
   */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(LONGEST_URL)
  endpoint_url?: string;

  /** The `Authorization` header that goes with each push. It is kept sealed, and never shown. */
  @IsOmittable() @IsString() @Matches(/^[\x21-\x7E]([\x20-\x7E]{0,4094}[\x21-\x7E])?$/, { message: 'authorization_header must be up to 4096 printable ASCII characters' })
  authorization_header?: string;
}

export class CreateStreamDto {
  /** Left out, events are polled. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => DeliveryDto)
  delivery?: DeliveryDto;

  /** Types of events. Left out, all that there are; those that there are not are kept, and bring nothing. */
  @IsOmittable() @IsArray() @ArrayMaxSize(50) @IsString({ each: true }) @MaxLength(LONGEST_EVENT_TYPE, { each: true })
  events_requested?: string[];

  /** For people. */
  @IsOmittable() @IsPlainText(500)
  description?: string;
}

/** What the receiver sets, and the name of the stream. What else a stream says may be sent along, as it is. */
export class ChangeStreamDto extends CreateStreamDto {
  @IsString() @MaxLength(64)
  stream_id: string;

  /** As it is. */
  @IsOmittable() @IsString() @MaxLength(LONGEST_URL)
  iss?: string;

  /** As it is. */
  @IsOmittable() @IsString() @MaxLength(LONGEST_URL)
  aud?: string;

  /** As it is. */
  @IsOmittable() @IsArray() @ArrayMaxSize(50) @IsString({ each: true }) @MaxLength(LONGEST_EVENT_TYPE, { each: true })
  events_supported?: string[];

  /** As it is; it follows from `events_requested`. */
  @IsOmittable() @IsArray() @ArrayMaxSize(50) @IsString({ each: true }) @MaxLength(LONGEST_EVENT_TYPE, { each: true })
  events_delivered?: string[];

  /** As it is. */
  @IsOmittable() @IsInt() @Min(0) @Max(86_400)
  min_verification_interval?: number;
}

export class StreamQuery {
  /** Left out, all streams are shown. */
  @IsOmittable() @IsString() @MaxLength(64)
  stream_id?: string;
}

export class NamedStreamQuery {
  @IsString() @MaxLength(64)
  stream_id: string;
}

export class StreamDeliveryDto {
  method: string;
  endpoint_url: string;
}

/** Section 8.1.1 of Shared Signals 1.0. */
export class StreamDto {
  stream_id: string;
  iss: string;
  /** The client that receives. */
  aud: string;
  delivery: StreamDeliveryDto;
  events_supported: string[];
  events_requested: string[];
  events_delivered: string[];
  /** Seconds. */
  min_verification_interval: number;
  description?: string;

  static of(stream: SignalStream, issuer: string): StreamDto {
    const requested = stream.eventsRequested ?? [...EVENTS_SUPPORTED];
    return {
      stream_id: stream.id, iss: issuer, aud: stream.clientId,
      delivery: stream.method === 'push' ? { method: PUSH, endpoint_url: stream.endpointUrl! } : { method: POLL, endpoint_url: pollUrl(stream.id, issuer) },
      events_supported: [...EVENTS_SUPPORTED], events_requested: requested, events_delivered: EVENTS_SUPPORTED.filter((event) => requested.includes(event)),
      min_verification_interval: MIN_VERIFICATION_INTERVAL, ...(stream.description !== null && { description: stream.description }),
    };
  }
}

export function pollUrl(streamId: string, issuer: string): string {
  return `${issuer}/ssf/v1/streams/${streamId}/poll`;
}

export class ChangeStatusDto {
  @IsString() @MaxLength(64)
  stream_id: string;

  /** `paused` keeps what happens meanwhile, `disabled` drops it. */
  @IsIn([...STREAM_STATUSES])
  status: StreamStatus;

  /** Why. */
  @IsOmittable() @IsPlainText(500)
  reason?: string;
}

/** Section 8.1.2 of Shared Signals 1.0, and how the stream does. */
export class StreamStatusDto {
  stream_id: string;
  status: StreamStatus;
  /** Why it is as it is, where somebody said so. */
  reason?: string;
  /** How many tokens wait for the receiver. */
  waiting: number;
  /** Since when the first of them does. */
  oldest_waiting_since: string | null;
  /** When the receiver last took one that was pushed. */
  last_delivered_at: string | null;
  /** Attempts in a row to push that failed, and why the last one did. */
  failures: number;
  last_error: string | null;

  static of(stream: SignalStream, { count, oldest }: { readonly count: number; readonly oldest: Date | null }): StreamStatusDto {
    return {
      stream_id: stream.id, status: stream.status, ...(stream.statusReason !== null && { reason: stream.statusReason }), waiting: count, oldest_waiting_since: oldest?.toISOString() ?? null,
      last_delivered_at: stream.lastDeliveredAt?.toISOString() ?? null, failures: stream.failures, last_error: stream.lastError,
    };
  }
}

export class VerifyStreamDto {
  @IsString() @MaxLength(64)
  stream_id: string;

  /** Comes back in the verification event. */
  @IsOmittable() @IsString() @MaxLength(2048)
  state?: string;
}

/** Section 8.1.3.3 of Shared Signals 1.0. */
export class RemoveSubjectDto {
  @IsString() @MaxLength(64)
  stream_id: string;

  /**
   * A subject identifier as events have them: `iss_sub` or `jwt_id` of this issuer, or `complex` of `user`, `application`, `session` and
   * `tenant`. A complex one takes off every event whose subject has all its members.
   * @example { "format": "complex", "user": { "format": "iss_sub", "iss": "https://auth.example.com", "sub": "0199c3a4-6f1e-7c52-9a3d-2f6b1c8d4e50" } }
   */
  @IsJsonObject(4096)
  subject: object;
}

/** Section 8.1.3.2 of Shared Signals 1.0. */
export class AddSubjectDto extends RemoveSubjectDto {
  /** Whether the receiver has verified the subject. Subjects are on a stream whether or not they are verified. */
  @IsOmittable() @IsBoolean()
  verified?: boolean;
}

/** Section 2.2 of RFC 8936. */
export class PollStreamDto {
  /** How many tokens at most; 0 to acknowledge only. There are never more than 100. */
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000)
  maxEvents?: number;

  /** Whether to be answered at once where nothing waits. Else the answer comes with the next event, or after 25 seconds. */
  @IsOmittable() @IsBoolean()
  returnImmediately?: boolean;

  /** The `jti` of tokens that were taken. */
  @IsOmittable() @IsArray() @ArrayMaxSize(1000) @IsString({ each: true }) @MaxLength(128, { each: true })
  ack?: string[];

  /** Tokens that are refused, by their `jti`, each with `err` and, if you like, `description`. They do not come again. */
  @IsOmittable() @IsJsonObject(32 * 1024)
  setErrs?: object;
}

export class PolledDto {
  /** Signed tokens by their `jti`. */
  sets: Record<string, string>;
  moreAvailable: boolean;
}
