import { Body, Controller, Header, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { TakesForm } from '../../platform/http/body-types.js';
import { SetupDto, SetupResultDto } from './setup.dto.js';
import { SetupService } from './setup.service.js';

@ApiTags('setup')
@Controller('api/setup')
export class SetupController {
  constructor(private readonly setup: SetupService) {}

  /** Makes the first person, a platform administrator, with the one-time secret that the server printed when it started. */
  @Post()
  @TakesForm()
  @Header('cache-control', 'no-store')
  @Access.public()
  async complete(@Body() body: SetupDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<SetupResultDto> {
    const result = await this.setup.complete(body);
    reply.header('location', `/api/users/${result.user_id}`);
    return result;
  }
}
