import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { TokenDirectory } from '../tokens/token-directory.service.js';
import { EndedTokensDto, FilterTokensDto, RevokeTokensDto } from './bulk-revocation.dto.js';
import { BulkRevocation } from './bulk-revocation.service.js';
import { EndingDto } from './kill-switches.dto.js';
import { IntrospectedTokenDto, IntrospectTokenDto, RevokedTokensDto, RevokeTokenDto, TokenDto, TokenPageDto, TokensQuery } from './token-administration.dto.js';
import { TokenAdministration } from './token-administration.service.js';

@ApiTags('admin')
@Controller('api/admin/tokens')
export class TokenAdministrationController {
  constructor(private readonly tokens: TokenDirectory, private readonly administration: TokenAdministration, private readonly bulk: BulkRevocation) {}

  /**
   * Lists the tokens of the organization, the newest first; members see those that speak for them and their agents. A page looks at
   * 20 000 tokens at most for those that it shows, so one may be short, or empty, while there is more: go on until `next_cursor` is null.
   */
  @Get()
  @Access.scopes('tokens:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: TokensQuery): Promise<TokenPageDto> {
    const page = await this.tokens.list(caller, query);
    return { data: page.data.map(TokenDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a token and how it stands. */
  @Get(':token_id')
  @Access.scopes('tokens:read')
  async get(@CurrentCaller() caller: Caller, @Param('token_id') tokenId: string): Promise<TokenDto> {
    return TokenDto.of(await this.tokens.get(caller, tokenId));
  }

  /** Ends a token, and with it everything that descends from it. A refresh token ends with the consent it stands on. */
  @Post(':token_id/revoke')
  @HttpCode(200)
  @ApiBody({ type: RevokeTokenDto, required: false })
  @Access.scopes('tokens:revoke')
  async revoke(@CurrentCaller() caller: Caller, @Param('token_id') tokenId: string, @Body() body?: RevokeTokenDto): Promise<RevokedTokensDto> {
    return { token_id: tokenId, revoked: await this.administration.revoke(caller, tokenId, body?.revoke_children ?? false) };
  }

  /** Shows which tokens a filter would end, and ends none. For those who run the organization. */
  @Post('revoke/preview')
  @HttpCode(200)
  @Access.scopes('tokens:revoke')
  async previewBulk(@CurrentCaller() caller: Caller, @Body() { filter }: FilterTokensDto): Promise<EndingDto> {
    return EndingDto.of(await this.bulk.preview(caller, filter));
  }

  /**
   * Ends every token for which all of the filter holds, what descends from it, and what would renew it: the consents that the code
   * flow's tokens stand on. For those who run the organization.
   */
  @Post('revoke')
  @HttpCode(200)
  @Access.scopes('tokens:revoke')
  async revokeBulk(@CurrentCaller() caller: Caller, @Body() { filter, reason, previewed }: RevokeTokensDto): Promise<EndedTokensDto> {
    return EndedTokensDto.of(await this.bulk.revoke(caller, filter, reason), previewed);
  }

  /** Tells what a token of the organization says and whether it is active. */
  @Post('introspect')
  @HttpCode(200)
  @Access.scopes('tokens:read')
  async introspect(@CurrentCaller() caller: Caller, @Body() { token }: IntrospectTokenDto): Promise<IntrospectedTokenDto> {
    const found = await this.tokens.inspect(caller, token);
    if (!found) return { active: false };
    return found.dead === null ? { ...found.claims, active: true } : { active: false, inactive_because: found.dead };
  }
}
