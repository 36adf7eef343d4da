import { Controller, Get, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../http/access.js';
import { HealthChecks } from './health-checks.js';
import { LivenessDto, ReadinessDto } from './health.dto.js';
import { Lifecycle } from './lifecycle.js';

@ApiTags('health')
@ApiExtraModels(LivenessDto, ReadinessDto)
@Controller('health')
export class HealthController {
  constructor(private readonly checks: HealthChecks, private readonly lifecycle: Lifecycle) {}

  /** Does the process answer? If not, start it again. It asks nothing else, so that a lost database does not have every node restarted. */
  @Get('live')
  @Access.public()
  @ApiOkResponse({ type: LivenessDto })
  live(): LivenessDto {
    return { status: 'alive' };
  }

  /** Should this node be sent requests? 503 while something it cannot do without is down, and from the moment it begins to shut down. */
  @Get('ready')
  @Access.public()
  @ApiOkResponse({ type: ReadinessDto })
  @ApiServiceUnavailableResponse({ type: ReadinessDto, description: 'Not ready, or shutting down.' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessDto> {
    const { isReady, checks } = await this.checks.readiness();
    const { isShuttingDown } = this.lifecycle;
    if (!isReady || isShuttingDown) void reply.code(503);
    return { status: isShuttingDown ? 'shutting_down' : isReady ? 'ready' : 'not_ready', checks };
  }
}
