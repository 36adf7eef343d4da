import { Body, Controller, Get, Header, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBody, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseScope } from '../../kernel/scope-set.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { requestContext } from '../../platform/http/request-context.js';
import { CountsTokens } from '../../platform/metrics/counts-tokens.js';
import { AccountService } from '../users/account.service.js';
import { AgentLogin } from './agent-login.service.js';
import { AgentPasswordChange } from './agent-password-change.service.js';
import { PASSWORD_GRANT } from './agent-password-check.service.js';
import { CallerDescription } from './caller-description.service.js';
import { CallerDto, ChangeOwnPasswordDto, LoginDto, QuickRegisterDto, QuickRegisteredDto, RenewTokenDto } from './quick-start.dto.js';
import { QuickStartRegistration } from './quick-start-registration.service.js';
import { TokenRenewal } from './token-renewal.service.js';
import { TokenResponseDto } from './token-response.dto.js';

@ApiTags('quick start')
@Controller('api/auth')
export class QuickStartController {
  constructor(
    private readonly registration: QuickStartRegistration,
    private readonly logins: AgentLogin,
    private readonly renewal: TokenRenewal,
    private readonly description: CallerDescription,
    private readonly agentPasswords: AgentPasswordChange,
    private readonly account: AccountService,
  ) {}

  /**
   * Registers an agent that can be used at once. It needs an access token with `agents:write`, or the enrolment token of the
   * organization; where the operator opened registration, anybody may register an agent, which then waits for its activation.
   */
  @Post('register')
  @ApiSecurity('client_credentials', ['agents:write'])
  @ApiSecurity('authorization_code', ['agents:write'])
  @Header('cache-control', 'no-store')
  @Access.public()
  async register(@CurrentCaller() caller: Caller | undefined, @Body() body: QuickRegisterDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<QuickRegisteredDto> {
    const registered = await this.registration.register(caller, body);
    reply.header('location', `/api/agents/${registered.agent.id}`);
    return QuickRegisteredDto.of(registered);
  }

  /** Gets an agent an access token for this API, with its API key or with its name and password. */
  @Post('login')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Access.public()
  @CountsTokens(loginGrant)
  async login(@Body() body: LoginDto): Promise<TokenResponseDto> {
    return TokenResponseDto.of(await this.logins.login(body, source()));
  }

  /** Tells who the access token of this request speaks for. */
  @Get('me')
  @Access.authenticated()
  async me(@CurrentCaller() caller: Caller): Promise<CallerDto> {
    return CallerDto.of(await this.description.describe(caller));
  }

  /** Changes the password of the agent or person who asks. Whatever the old one got ends: log in again. */
  @Post('password')
  @HttpCode(204)
  @Access.authenticated()
  async changePassword(@CurrentCaller() caller: Caller, @Body() body: ChangeOwnPasswordDto): Promise<void> {
    if (caller.kind === 'user') await this.account.changePassword(caller, body, source());
    else await this.agentPasswords.change(caller, body.current_password, body.new_password, source());
  }

  /**
   * Gets an agent, or another client that speaks for itself, a new access token for its present one, which it descends from.
   * People's applications use their refresh token instead.
   */
  @Post('refresh')
  @HttpCode(200)
  @ApiBody({ type: RenewTokenDto, required: false })
  @Header('cache-control', 'no-store')
  @Access.authenticated()
  @CountsTokens('token_renewal')
  async refresh(@CurrentCaller() caller: Caller, @Body() body?: RenewTokenDto): Promise<TokenResponseDto> {
    return TokenResponseDto.of(await this.renewal.renew(caller, parseScope(body?.scope)));
  }
}

/** As `AgentLogin` takes it. */
function loginGrant(body: unknown): typeof PASSWORD_GRANT | 'client_credentials' {
  return typeof body === 'object' && body !== null && 'api_key' in body ? 'client_credentials' : PASSWORD_GRANT;
}

function source(): string {
  return requestContext()?.ip ?? 'unknown';
}
