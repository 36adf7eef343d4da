import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { KeyRotationDto, KeyRotationListDto, RotateKeysDto, SigningKeyDto, SigningKeyListDto } from './keys.dto.js';
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

  /** Withdraws a signing key at once, in an emergency: everything it signed is void. For those who run the installation. */
  @Delete(':kid')
  @HttpCode(204)
  @Access.scopes('keys:write')
  async revoke(@CurrentCaller() caller: Caller, @Param('kid') kid: string): Promise<void> {
    await this.keys.revoke(caller, kid);
  }
}
