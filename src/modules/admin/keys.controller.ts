import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { EndedTokensDto } from './bulk-revocation.dto.js';
import { EndingDto } from './kill-switches.dto.js';
import { KeyRotationDto, KeyRotationListDto, RevokedKeyDto, RevokeKeyDto, RotateKeysDto, SigningKeyDto, SigningKeyListDto } from './keys.dto.js';
import { KeysService } from './keys.service.js';

@ApiTags('admin')
@Controller('api/admin/keys')
export class KeysController {
  constructor(private readonly keys: KeysService) {}

  /** Lists the signing keys that are published. For those who run the installation. */
  @Get()
  @Access.scopes('keys:write')
  async list(@CurrentCaller() caller: Caller): Promise<SigningKeyListDto> {
    return { data: (await this.keys.list(caller)).map(SigningKeyDto.of), next_cursor: null };
  }

  /** Publishes successors of the signing keys, which take over as soon as every verifier can know them. For those who run the installation. */
  @Post('rotate')
  @HttpCode(200)
  @ApiBody({ type: RotateKeysDto, required: false })
  @Access.scopes('keys:write')
  async rotate(@CurrentCaller() caller: Caller, @Body() body?: RotateKeysDto): Promise<KeyRotationListDto> {
    return { data: (await this.keys.rotate(caller, body?.algorithms, body?.immediately)).map(KeyRotationDto.of) };
  }

  /** Shows how many live tokens would end with a signing key, and withdraws nothing. For those who run the installation. */
  @Post(':kid/revoke/preview')
  @HttpCode(200)
  @Access.scopes('keys:write')
  async previewRevocation(@CurrentCaller() caller: Caller, @Param('kid') kid: string): Promise<EndingDto> {
    return EndingDto.of(await this.keys.previewRevocation(caller, kid));
  }

  /**
   * Withdraws a signing key at once, in an emergency: everything it signed is void, and another signs from now on. Verifiers that keep
   * the key set take what it signed until their copy expires. For those who run the installation.
   */
  @Post(':kid/revoke')
  @HttpCode(200)
  @Access.scopes('keys:write')
  async revoke(@CurrentCaller() caller: Caller, @Param('kid') kid: string, @Body() body?: RevokeKeyDto): Promise<RevokedKeyDto> {
    const { revocation, ended } = await this.keys.revoke(caller, kid, body?.reason);
    return { kid, replaced_by: revocation.replacement?.kid ?? null, ...EndedTokensDto.of(ended, body?.previewed) };
  }
}
