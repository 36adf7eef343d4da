import { Controller, Get, Header, Headers, Query, Req, StreamableFile } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { DomainError } from '../../kernel/domain-error.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AuditStreamQuery } from './audit-search.dto.js';
import { AuditStreams } from './audit-streams.service.js';

const EVENT_STREAM = 'text/event-stream';
/** As they were sent: the number of an event. */
const EVENT_ID = /^\d{1,15}$/;

/** The framework's own server-sent events would buffer for a client that does not read; a stream that it sends is read only as fast as the client takes it. */
@ApiTags('audit')
@Controller('api/admin/audit/stream')
export class AuditStreamController {
  constructor(private readonly streams: AuditStreams) {}

  /**
   * Follows the audit log: server-sent events, each with the number of the event as its `id`, its type as `event`, and the event as JSON.
   * It begins with what is new, or behind the event of `Last-Event-ID` or `after`, and sends a comment every 15 seconds. It ends when
   * the token does, and when the server stops; come back with the last id then, and nothing is missing and nothing sent twice.
   */
  @Get()
  @Access.scopes('audit:read')
  @Header('x-accel-buffering', 'no')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The number of the last event that was received.', schema: { type: 'string', pattern: EVENT_ID.source } })
  @ApiOkResponse({ description: 'Events, as they are recorded.', content: { [EVENT_STREAM]: { schema: { type: 'string' } } } })
  async follow(
    @CurrentCaller() caller: Caller, @Query() query: AuditStreamQuery, @Req() { method }: { method: string }, @Headers('authorization') authorization: string,
    @Headers('last-event-id') lastEventId?: string,
  ): Promise<StreamableFile> {
    if (lastEventId && !EVENT_ID.test(lastEventId)) throw new DomainError('invalid', 'invalid_request', 'Last-Event-ID must be the number of an event.');
    // Who asks for the head of the answer alone would never hang up.
    if (method === 'HEAD') return new StreamableFile(Buffer.alloc(0), { type: EVENT_STREAM });
    return new StreamableFile(await this.streams.open(caller, authorization, query, lastEventId), { type: EVENT_STREAM });
  }
}
