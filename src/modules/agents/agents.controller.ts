import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AgentAdministration } from './agent-administration.service.js';
import { AgentDirectory } from './agent-directory.service.js';
import { AgentEnrolment } from './agent-enrolment.service.js';
import { ActivateAgentDto, AgentDto, AgentPageDto, AgentsQuery, RegisterAgentDto, RegisteredAgentDto, UpdateAgentDto } from './agents.dto.js';
import { AgentsService } from './agents.service.js';

@ApiTags('agents')
@Controller('api/agents')
export class AgentsController {
  constructor(
    private readonly agents: AgentsService,
    private readonly enrolment: AgentEnrolment,
    private readonly directory: AgentDirectory,
    private readonly administration: AgentAdministration,
  ) {}

  /**
   * Registers an agent. It needs an access token with `agents:write`, or the enrolment token of the organization, unless the
   * operator opened registration. Credentials are shown this once, and nothing works before `activate`.
   */
  @Post('register')
  @ApiSecurity('client_credentials', ['agents:write'])
  @ApiSecurity('authorization_code', ['agents:write'])
  @Access.public()
  async register(@CurrentCaller() caller: Caller | undefined, @Body() body: RegisterAgentDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<RegisteredAgentDto> {
    const { credentials, ...registered } = await this.enrolment.register(caller, body);
    reply.header('location', `/api/agents/${registered.agent.id}`);
    return { agent: AgentDto.of(registered), credentials };
  }

  /** Activates a registered agent with its one-time registration token. */
  @Post('activate')
  @HttpCode(200)
  @Access.public()
  async activate(@Body() body: ActivateAgentDto): Promise<AgentDto> {
    return AgentDto.of(await this.agents.activate(body.registration_token));
  }

  /** Lists the agents of the organization; members see their own. */
  @Get()
  @Access.scopes('agents:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: AgentsQuery): Promise<AgentPageDto> {
    const page = await this.directory.list(caller, query);
    return { data: page.data.map(AgentDto.of), next_cursor: page.next_cursor };
  }

  /** The same as `GET /api/agents`. */
  @Get('list')
  @Access.scopes('agents:read')
  async listByName(@CurrentCaller() caller: Caller, @Query() query: AgentsQuery): Promise<AgentPageDto> {
    return this.list(caller, query);
  }

  /** Shows the agent whose access token this is. */
  @Get('me')
  @Access.authenticated()
  async me(@CurrentCaller() caller: Caller): Promise<AgentDto> {
    return AgentDto.of(await this.directory.me(caller));
  }

  /** Shows an agent. */
  @Get(':id')
  @Access.scopes('agents:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.of(await this.directory.get(caller, id));
  }

  /** Changes what is given. Giving scopes to an agent that registered itself approves it. */
  @Put(':id')
  @Access.scopes('agents:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateAgentDto): Promise<AgentDto> {
    return AgentDto.of(await this.administration.update(caller, id, body));
  }

  /** The same as `deactivate`: its tokens end at once, its row stays for the ledger. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('agents:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.administration.deactivate(caller, id);
  }

  /** Stops an agent: none of its tokens works until it is resumed. */
  @Post(':id/suspend')
  @HttpCode(200)
  @Access.scopes('agents:write')
  async suspend(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.of(await this.administration.suspend(caller, id));
  }

  /** Lets a suspended agent go on. */
  @Post(':id/resume')
  @HttpCode(200)
  @Access.scopes('agents:write')
  async resume(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.of(await this.administration.resume(caller, id));
  }

  /** Ends an agent for good and frees its name. */
  @Post(':id/deactivate')
  @HttpCode(200)
  @Access.scopes('agents:write')
  async deactivate(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<AgentDto> {
    return AgentDto.of(await this.administration.deactivate(caller, id));
  }
}
