import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { CountsTokens } from '../../platform/metrics/counts-tokens.js';
import { AgentTokenDto } from './agent-tokens.dto.js';
import { AgentTokens } from './agent-tokens.service.js';
import { TokenResponseDto } from './token-response.dto.js';

@ApiTags('agents')
@Controller('api/agents')
export class AgentTokensController {
  constructor(private readonly tokens: AgentTokens) {}

  /** Gets an access token for an agent that you manage. Its `act` says that you got it. */
  @Post('token')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Access.scopes('agents:write')
  @CountsTokens('agent_token')
  async issue(@CurrentCaller() caller: Caller, @Body() { agent_id, scopes }: AgentTokenDto): Promise<TokenResponseDto> {
    return TokenResponseDto.of(await this.tokens.issueFor(caller, agent_id, scopes));
  }
}
