import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Config } from '../../platform/config/config.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { SignalPoll } from './signal-poll.service.js';
import { SignalQueue } from './signal-queue.service.js';
import { SignalStreams, type Delivery } from './signal-streams.service.js';
import { SignalSubjects } from './signal-subjects.service.js';
import { SUBJECT_MEMBERS } from './stream-subjects.js';
import { setErrorsIn } from './set-errors.js';
import {
  AddSubjectDto, ChangeStatusDto, ChangeStreamDto, CreateStreamDto, NamedStreamQuery, POLL, PolledDto, PollStreamDto, pollUrl, PUSH, RemoveSubjectDto, SsfConfigurationDto, StreamDto, StreamQuery, StreamStatusDto,
  VerifyStreamDto, type DeliveryDto,
} from './signals.dto.js';
import { transmitterDecides } from './signals.errors.js';

const BASE = 'ssf/v1';
/** What it says changes with the address of the server only. Seconds. */
const CONFIGURATION_MAX_AGE = 3600;

/**
 * OpenID Shared Signals Framework 1.0: whoever accepts tokens of this server is told that they ended.
 *
 * 1. `/.well-known/ssf-configuration` says where (section 7).
 * 2. A receiver makes a stream, sees it, changes and ends it, pauses it and goes on, and has it verified; it takes subjects off it and puts them back (section 8.1).
 * 3. Events are pushed to it (RFC 8935, `SignalPush`), or it polls them here (RFC 8936).
 */
@ApiTags('signals')
@ApiExtraModels(StreamDto)
@Controller()
export class SignalsController {
  constructor(
    private readonly streams: SignalStreams,
    private readonly subjects: SignalSubjects,
    private readonly queue: SignalQueue,
    private readonly polling: SignalPoll,
    private readonly config: Config,
  ) {}

  /** Says where streams of security events are made (OpenID Shared Signals 1.0). */
  @Get('.well-known/ssf-configuration')
  @Access.public()
  configuration(@Res({ passthrough: true }) reply: FastifyReply): SsfConfigurationDto {
    const { issuer } = this.config;
    reply.header('cache-control', `public, max-age=${CONFIGURATION_MAX_AGE}`);
    return {
      spec_version: '1_0', issuer, jwks_uri: `${issuer}/api/.well-known/jwks.json`, delivery_methods_supported: [PUSH, POLL],
      configuration_endpoint: `${issuer}/${BASE}/streams`, status_endpoint: `${issuer}/${BASE}/status`,
      add_subject_endpoint: `${issuer}/${BASE}/subjects/add`, remove_subject_endpoint: `${issuer}/${BASE}/subjects/remove`, verification_endpoint: `${issuer}/${BASE}/verify`,
      critical_subject_members: [...SUBJECT_MEMBERS], authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6749' }], default_subjects: 'ALL',
    };
  }

  /** Makes a stream for the client that asks. It brings what happens in its organization from now on. */
  @Post(`${BASE}/streams`)
  @Access.scopes('ssf.manage')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateStreamDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<StreamDto> {
    const stream = await this.streams.create(caller, { ...body, delivery: body.delivery && deliveryOf(body.delivery), eventsRequested: body.events_requested });
    reply.header('location', `/${BASE}/streams?stream_id=${stream.id}`);
    return this.shown(stream);
  }

  /** Shows the streams of the client that asks, or one of them; to people those of their organization. */
  @Get(`${BASE}/streams`)
  @Access.scopes('ssf.read')
  @ApiOkResponse({ schema: { oneOf: [{ $ref: getSchemaPath(StreamDto) }, { type: 'array', items: { $ref: getSchemaPath(StreamDto) } }] } })
  async read(@CurrentCaller() caller: Caller, @Query() { stream_id: id }: StreamQuery): Promise<StreamDto | StreamDto[]> {
    if (id !== undefined) return this.shown(await this.streams.get(caller, id));
    return (await this.streams.list(caller)).map((stream) => this.shown(stream));
  }

  /** Changes what is given. */
  @Patch(`${BASE}/streams`)
  @Access.scopes('ssf.manage')
  async update(@CurrentCaller() caller: Caller, @Body() body: ChangeStreamDto): Promise<StreamDto> {
    const delivery = await this.asItIs(caller, body);
    return this.shown(await this.streams.update(caller, body.stream_id, { delivery, eventsRequested: body.events_requested, description: body.description }));
  }

  /** Sets all that the receiver can set; what is left out is as of a new stream. */
  @Put(`${BASE}/streams`)
  @Access.scopes('ssf.manage')
  async replace(@CurrentCaller() caller: Caller, @Body() body: ChangeStreamDto): Promise<StreamDto> {
    const delivery = await this.asItIs(caller, body);
    return this.shown(await this.streams.update(caller, body.stream_id, {
      delivery: delivery ?? { method: 'poll' }, eventsRequested: body.events_requested ?? null, description: body.description ?? null,
    }));
  }

  /** Ends a stream, with what waits on it. */
  @Delete(`${BASE}/streams`)
  @HttpCode(204)
  @Access.scopes('ssf.manage')
  async delete(@CurrentCaller() caller: Caller, @Query() { stream_id: id }: NamedStreamQuery): Promise<void> {
    await this.streams.delete(caller, id);
  }

  /** Shows whether a stream is enabled, how much waits on it, and what went wrong last. */
  @Get(`${BASE}/status`)
  @Access.scopes('ssf.read')
  async status(@CurrentCaller() caller: Caller, @Query() { stream_id: id }: NamedStreamQuery): Promise<StreamStatusDto> {
    const stream = await this.streams.get(caller, id);
    return StreamStatusDto.of(stream, await this.queue.waitingOn(stream.id));
  }

  /** Enables, pauses or disables a stream. */
  @Post(`${BASE}/status`)
  @HttpCode(200)
  @Access.scopes('ssf.manage')
  async setStatus(@CurrentCaller() caller: Caller, @Body() { stream_id: id, status, reason }: ChangeStatusDto): Promise<StreamStatusDto> {
    const stream = await this.streams.setStatus(caller, id, status, reason);
    return StreamStatusDto.of(stream, await this.queue.waitingOn(stream.id));
  }

  /** Puts a subject on a stream again that was taken off it. One that is on it stays there. */
  @Post(`${BASE}/subjects/add`)
  @HttpCode(200)
  @Access.scopes('ssf.manage')
  async addSubject(@CurrentCaller() caller: Caller, @Body() { stream_id: id, subject }: AddSubjectDto): Promise<void> {
    await this.subjects.add(caller, id, subject);
  }

  /** Takes a subject off a stream: what happens to it from now on is not sent. */
  @Post(`${BASE}/subjects/remove`)
  @HttpCode(204)
  @Access.scopes('ssf.manage')
  async removeSubject(@CurrentCaller() caller: Caller, @Body() { stream_id: id, subject }: RemoveSubjectDto): Promise<void> {
    await this.subjects.remove(caller, id, subject);
  }

  /** Sends a verification event on a stream. */
  @Post(`${BASE}/verify`)
  @HttpCode(204)
  @Access.scopes('ssf.manage')
  async verify(@CurrentCaller() caller: Caller, @Body() { stream_id: id, state }: VerifyStreamDto): Promise<void> {
    await this.streams.verify(caller, id, state);
  }

  /** Acknowledges security event tokens and fetches those that wait (RFC 8936). */
  @Post(`${BASE}/streams/:id/poll`)
  @HttpCode(200)
  @Access.scopes('ssf.read')
  async poll(
    @CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: PollStreamDto, @Headers('authorization') authorization: string, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolledDto> {
    const setErrs = setErrorsIn(body.setErrs);
    const stream = await this.streams.receivedBy(caller, id);
    const hasLeft = new Promise<void>((resolve) => { reply.raw.once('close', resolve); });
    return this.polling.poll(caller, authorization, stream, { ...body, setErrs }, hasLeft) as Promise<PolledDto>;
  }

  private shown(stream: Parameters<typeof StreamDto.of>[0]): StreamDto {
    return StreamDto.of(stream, this.config.issuer);
  }

  /**
   * Section 8.1.1.3: what the server says may be sent back, and must be what it says.
   * @returns the delivery that is asked for
   * @throws DomainError `transmitter_decides`, `signal_stream_not_found`
   */
  private async asItIs(caller: Caller, body: ChangeStreamDto): Promise<Delivery | undefined> {
    const present = this.shown(await this.streams.get(caller, body.stream_id));
    for (const member of ['iss', 'aud', 'events_supported', 'min_verification_interval'] as const) {
      if (body[member] !== undefined && JSON.stringify(body[member]) !== JSON.stringify(present[member])) throw transmitterDecides(member);
    }
    if (body.delivery?.method === POLL && body.delivery.endpoint_url === pollUrl(body.stream_id, this.config.issuer)) return deliveryOf({ ...body.delivery, endpoint_url: undefined });
    return body.delivery && deliveryOf(body.delivery);
  }
}

function deliveryOf({ method, endpoint_url: endpointUrl, authorization_header: authorization }: DeliveryDto): Delivery {
  return { method: method === PUSH ? 'push' : 'poll', endpointUrl, authorization };
}
