import { Body, Controller, Get, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AcceptsIdempotencyKey, IdempotencyKey } from '../../platform/http/idempotency-key.js';
import { AgentInfo } from './agent-info.service.js';
import { TaskTrail } from './task-trail.service.js';
import { TokenVerification } from './token-verification.service.js';
import { ToolAccess } from './tool-access.service.js';
import {
  AgentInfoDto, AllowedAccessDto, AllowedToolCallDto, CheckTokenAccessDto, TaskTrailDto, TaskTrailPageDto, VerifiedTokenDto, VerifyTokenDto, VerifyToolAccessDto,
} from './verification.dto.js';

/** Beside the protocol's own endpoints, whose prefix these share: the dispatcher takes exact paths only. */
@ApiTags('oauth')
@Controller('api/oauth')
export class VerificationController {
  constructor(
    private readonly verification: TokenVerification,
    private readonly access: ToolAccess,
    private readonly agentInfo: AgentInfo,
    private readonly trail: TaskTrail,
  ) {}

  /**
   * Verifies a token that you were given: that it is alive and, if you say so, of which task and from which ancestor. A token
   * is for its own client, the resource server that it is for, and whoever may see tokens.
   */
  @Post('verify')
  @HttpCode(200)
  @Access.authenticated()
  async verify(@CurrentCaller() caller: Caller, @Body() { token, ...expected }: VerifyTokenDto): Promise<VerifiedTokenDto> {
    return VerifiedTokenDto.of(await this.verification.verify(caller, token, expected));
  }

  /**
   * Verifies a token, and that it is good for calling this tool, with these arguments. One request and the cost of the tool count
   * against the limits of the agent and of everybody above it. The answer is on record.
   */
  @Post('verify-tool-access')
  @HttpCode(200)
  @AcceptsIdempotencyKey()
  @Access.authenticated()
  async verifyToolAccess(@CurrentCaller() caller: Caller, @IdempotencyKey() key: string | undefined, @Body() body: VerifyToolAccessDto): Promise<AllowedToolCallDto> {
    return AllowedToolCallDto.ofCall(await this.access.check(caller, body, key));
  }

  /** Verifies a token, and that it covers these scopes at this resource. */
  @Post('check_token_access')
  @HttpCode(200)
  @Access.authenticated()
  async checkTokenAccess(@CurrentCaller() caller: Caller, @Body() { token, ...wanted }: CheckTokenAccessDto): Promise<AllowedAccessDto> {
    return AllowedAccessDto.of(await this.verification.checkAccess(caller, token, wanted));
  }

  /** Tells an agent who it is, for whom it acts, and by whose delegation. */
  @Get('agentinfo')
  @Access.authenticated()
  async agentinfo(@CurrentCaller() caller: Caller, @Headers('authorization') authorization: string): Promise<AgentInfoDto> {
    return this.agentInfo.of(caller, authorization);
  }

  /** Reads what is on record of a task, the oldest first: of your own, or of any of the organization if you run it. */
  @Post('audit/task')
  @HttpCode(200)
  @Access.scopes('tasks:read')
  async auditTask(@CurrentCaller() caller: Caller, @Body() { task_id: taskId, ...page }: TaskTrailDto): Promise<TaskTrailPageDto> {
    return this.trail.read(caller, taskId, page) as Promise<TaskTrailPageDto>;
  }
}
