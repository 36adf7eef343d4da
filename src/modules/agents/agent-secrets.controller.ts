import { Body, Controller, Delete, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { now } from '../../kernel/clock.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AgentDirectory } from './agent-directory.service.js';
import { AgentSecrets } from './agent-secrets.service.js';
import { AgentSecretDto, AgentSecretListDto, CreateAgentSecretDto, CreatedAgentSecretDto } from './agents.dto.js';

@ApiTags('agents')
@Controller('api/agents/:id/secrets')
export class AgentSecretsController {
  constructor(private readonly directory: AgentDirectory, private readonly secrets: AgentSecrets) {}

  /** Lists the secrets of an agent, oldest first, without showing them. */
  @Get()
  @Access.scopes('agents:read')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentSecretListDto> {
    const secrets = await this.directory.listSecrets(caller, id);
    return { data: secrets.map((secret) => AgentSecretDto.of(secret, now())), next_cursor: null };
  }

  /** Adds a secret; the others go on working until they expire or are retired. */
  @Post()
  @Access.scopes('agents:write')
  async add(
    @CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: CreateAgentSecretDto, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedAgentSecretDto> {
    const { secret, text } = await this.secrets.add(caller, id, { label: body.label, expiresAt: body.expires_at ? new Date(body.expires_at) : null });
    reply.header('location', `/api/agents/${id}/secrets/${secret.id}`);
    return { ...AgentSecretDto.of(secret, now()), client_secret: text };
  }

  /** Retires a secret at once. */
  @Delete(':secret_id')
  @HttpCode(204)
  @Access.scopes('agents:write')
  async retire(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('secret_id') secretId: string): Promise<void> {
    await this.secrets.retire(caller, id, secretId);
  }
}
