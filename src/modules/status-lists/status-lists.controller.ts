import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { StatusListAggregationDto, StatusListQuery } from './status-lists.dto.js';
import { pastStatusUnknown } from './status-lists.errors.js';
import { StatusLists } from './status-lists.service.js';

const MEDIA_TYPE = 'application/statuslist+jwt';

/**
 * Token Status List (draft-ietf-oauth-status-list): whoever takes our tokens learns here, for many of them at once, which have ended.
 *
 * 1. A token says which list it is in, and at which index: `status.status_list`.
 * 2. The list is fetched, and again when its `ttl` is over; its signature, `sub` and `exp` are checked.
 * 3. The bit of the token's index is 1 when the token has ended, for whatever reason.
 */
@ApiTags('status lists')
@Controller('api/status-lists')
export class StatusListsController {
  constructor(private readonly lists: StatusLists) {}

  /** Lists the addresses of all status lists (Token Status List, aggregation). */
  @Get()
  @Access.public()
  async aggregation(@Res({ passthrough: true }) reply: FastifyReply): Promise<StatusListAggregationDto> {
    const addresses = await this.lists.addresses();
    this.letKeep(reply);
    return { status_lists: addresses };
  }

  /** Shows which tokens of a list have ended: a signed token of type `statuslist+jwt` (Token Status List). */
  @Get(':name')
  @Access.public()
  @ApiProduces(MEDIA_TYPE)
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiResponse({ status: 304, description: 'It is the one that you have.' })
  async list(
    @Param('name') name: string, @Query() { time }: StatusListQuery, @Headers('if-none-match') known: string | undefined, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    if (time !== undefined) throw pastStatusUnknown();
    const { text, tag } = await this.lists.find(name);
    this.letKeep(reply);
    void reply.headers({ etag: tag, 'access-control-expose-headers': 'etag' });
    if (isAmong(known, tag)) {
      void reply.status(304);
      return undefined;
    }
    void reply.type(MEDIA_TYPE);
    return text;
  }

  /** Anybody may read it, scripts of every origin too. */
  private letKeep(reply: FastifyReply): void {
    void reply.headers({ 'cache-control': `public, max-age=${this.lists.maxAge}`, 'access-control-allow-origin': '*' });
  }
}

/** Weak comparison (RFC 9110 section 13.1.2). */
function isAmong(known: string | undefined, tag: string): boolean {
  return known !== undefined && (known.trim() === '*' || known.split(',').some((one) => opaque(one.trim()) === opaque(tag)));
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}
