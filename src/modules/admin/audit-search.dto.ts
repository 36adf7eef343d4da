import { ArrayMaxSize, IsIn, IsString, IsUUID, Matches, MaxLength, MinLength } from 'class-validator';
import { Transform, type TransformFnParams } from 'class-transformer';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDateTime, IsPlainText } from '../../platform/http/validation.js';
import type { LoggedEvent } from '../audit/logged-event.js';
import { IsAuditType } from './audit-types.js';

const OUTCOMES = ['success', 'refused'] as const;

/** `a,b` and `a` given twice are the same. */
const listed = ({ value }: TransformFnParams): unknown =>
  [value as unknown].flat().flatMap((one) => (typeof one === 'string' ? one.split(',') : [one]));
/** UUIDs are written in lower case in the log. */
const lowered = ({ value }: TransformFnParams): unknown => (typeof value === 'string' ? value.toLowerCase() : value);

export class AuditPageQuery extends PageQuery {
  /** `all`: events of every organization and of the installation itself, for platform administrators. Without it those of your own. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

export class AuditEventQuery {
  /** `all`: an event of whatever organization, or of the installation itself, for platform administrators. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

export class AuditLogQuery extends AuditPageQuery {
  /**
   * Only events of these types: names, or beginnings of names with their dot, several of them with commas in between.
   * @example ["token.", "agent.registered"]
   */
  @IsOmittable() @Transform(listed) @ArrayMaxSize(100) @IsAuditType({ each: true })
  type?: string[];

  /** Only what this person, agent or client did: as the actor, as its client, or anywhere in the chain behind it. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  actor?: string;

  /** Only what was done for this person, agent or client. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  subject?: string;

  /** Only events in which this agent has any part: it acted, alone or in a chain, or it was acted for, or something was done or delegated to it. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  agent?: string;

  /** Only events of this task, of its beginning others, and about it. */
  @IsOmittable() @Transform(lowered) @IsUUID()
  task?: string;

  /** Only what was done with this token, to it, and what came of it directly. */
  @IsOmittable() @Transform(lowered) @IsUUID()
  token?: string;

  /** Only what was done to this: the id of whatever it is. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  target?: string;

  /** Only what was done, or only what was refused. */
  @IsOmittable() @IsIn(OUTCOMES)
  outcome?: 'success' | 'refused';

  /**
   * Only events with this reason: the code of an error, or what decided.
   * @example "insufficient_scope"
   */
  @IsOmittable() @IsPlainText(200) @MinLength(1)
  reason?: string;

  /** Only from this moment on. */
  @IsOmittable() @IsDateTime()
  from?: string;

  /** Only before this moment. */
  @IsOmittable() @IsDateTime()
  to?: string;

  /** Only events that contain this text somewhere, letter by letter. */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(200) @IsPlainText(200)
  text?: string;
}

export class AuditStreamQuery extends AuditEventQuery {
  /** Only events of these types, as in a search. */
  @IsOmittable() @Transform(listed) @ArrayMaxSize(100) @IsAuditType({ each: true })
  type?: string[];

  /** Only what this person, agent or client did, alone or in a chain. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  actor?: string;

  /** Only events in which this agent has any part. */
  @IsOmittable() @IsPlainText(512) @MinLength(1)
  agent?: string;

  /** Only events of this task, of its beginning others, and about it. */
  @IsOmittable() @Transform(lowered) @IsUUID()
  task?: string;

  /** Only what was done, or only what was refused. */
  @IsOmittable() @IsIn(OUTCOMES)
  outcome?: 'success' | 'refused';

  /** Begins behind the event with this number; -1 begins with the first event there is. `Last-Event-ID` goes before it. */
  @IsOmittable() @Matches(/^(-1|\d{1,15})$/, { message: 'after must be the number of an event, or -1' })
  after?: string;
}

export class AuditSourceDto {
  /** Address that the request came from. */
  ip?: string;
  /** As `x-request-id` said in the answer. */
  request_id?: string;
  user_agent?: string;
}

/** An event as it stands in the log. What it does not say is null. */
export class AuditLogEventDto {
  /** Its place in the log. */
  sequence: number;
  id: string;
  time: string;
  /** @example "token.issued" */
  type: string;
  outcome: 'success' | 'refused';
  /** Whose event it is; null for those of the whole installation. */
  organization_id: string | null;
  /** Who did it, through which client. */
  actor: { kind: string; id?: string; client_id?: string };
  /** Who acted before, the last one first (RFC 8693 section 4.1). */
  act: object | null;
  /** For whom. */
  subject: string | null;
  /** On what. */
  target: { kind: string; id: string } | null;
  reason: string | null;
  task_id: string | null;
  /** The token that was issued or used. */
  token_id: string | null;
  /** The request that it came of; null for what the server did by itself. */
  source: AuditSourceDto | null;
  details: object | null;

  static of(this: void, event: LoggedEvent): AuditLogEventDto {
    return {
      sequence: event.sequence,
      id: event.id,
      time: event.time,
      type: event.type,
      outcome: event.outcome,
      organization_id: event.organization_id,
      actor: event.actor,
      act: (event.act ?? null) as object | null,
      subject: event.subject ?? null,
      target: event.target ?? null,
      reason: event.reason ?? null,
      task_id: event.task_id ?? null,
      token_id: event.token_id ?? null,
      source: event.source ?? null,
      details: event.details ?? null,
    };
  }
}

export class AuditLogPageDto {
  data: AuditLogEventDto[];
  next_cursor: string | null;
}
