import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AcceptsIdempotencyKey, IdempotencyKey } from '../../platform/http/idempotency-key.js';
import { Reservations } from './reservations.service.js';
import { ReservationDto, ReserveUsageDto, UsedDto } from './usage.dto.js';

@ApiTags('usage')
@Controller('api/usage/reservations')
export class ReservationsController {
  constructor(private readonly reservations: Reservations) {}

  /**
   * Reserves requests and costs with the token of an agent: for the resource server that the agent came to, or the agent itself. They
   * count against the limits of everybody above the token, all of them or none.
   */
  @Post()
  @AcceptsIdempotencyKey()
  @Access.authenticated()
  async reserve(
    @CurrentCaller() caller: Caller, @IdempotencyKey() key: string | undefined, @Body() body: ReserveUsageDto, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReservationDto> {
    const reservation = await this.reservations.reserve(caller, body, key);
    reply.header('location', `/api/usage/reservations/${reservation.id}`);
    return ReservationDto.of(reservation);
  }

  /** Shows a reservation that your client made. */
  @Get(':id')
  @Access.authenticated()
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ReservationDto> {
    return ReservationDto.of(await this.reservations.get(caller, id));
  }

  /**
   * Books what was used in the end: as much as was reserved, where nothing is said. More is taken as if it were reserved now; when too
   * little is left nothing changes, and what was reserved can still be committed.
   */
  @Post(':id/commit')
  @HttpCode(200)
  @Access.authenticated()
  async commit(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UsedDto): Promise<ReservationDto> {
    return ReservationDto.of(await this.reservations.commit(caller, id, body));
  }

  /** Gives back what was reserved. */
  @Post(':id/release')
  @HttpCode(200)
  @Access.authenticated()
  async release(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ReservationDto> {
    return ReservationDto.of(await this.reservations.release(caller, id));
  }
}
