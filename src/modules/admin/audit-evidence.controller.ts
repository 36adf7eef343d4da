import { Controller, Get, Header, HttpCode, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiProduces, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { nowDate } from '../../kernel/clock.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { PageQuery } from '../../platform/http/page.js';
import { AuditKeys } from '../audit/audit-keys.service.js';
import {
  AuditKeyDto, AuditKeyListDto, CheckpointDto, CheckpointPageDto, ConsistencyProofDto, ConsistencyQuery, ExportQuery, InclusionProofDto, InclusionQuery,
} from './audit-evidence.dto.js';
import { nameOneEvent } from './audit-evidence.errors.js';
import { AuditEvidence } from './audit-evidence.service.js';
import { KeysService } from './keys.service.js';

@ApiTags('audit')
@Controller('api/admin/audit')
export class AuditEvidenceController {
  constructor(private readonly evidence: AuditEvidence, private readonly auditKeys: AuditKeys, private readonly keys: KeysService) {}

  /** Lists the signed states of the audit log, the newest first. */
  @Get('checkpoints')
  @Access.scopes('audit:read')
  async checkpoints(@Query() query: PageQuery): Promise<CheckpointPageDto> {
    const page = await this.evidence.list(query);
    return { data: page.data.map(CheckpointDto.of), next_cursor: page.next_cursor };
  }

  /** Signs the audit log as it is now, and shows it. */
  @Get('checkpoints/latest')
  @Access.scopes('audit:read')
  async latest(): Promise<CheckpointDto> {
    return CheckpointDto.of(await this.evidence.latest());
  }

  /** Lists the keys that sign the audit log, and those that did, the newest first. */
  @Get('keys')
  @Access.scopes('audit:read')
  async listKeys(): Promise<AuditKeyListDto> {
    return { data: (await this.auditKeys.list()).map(AuditKeyDto.of), next_cursor: null };
  }

  /** Signs the audit log with a new key from now on. For those who run the installation. */
  @Post('keys/rotate')
  @HttpCode(200)
  @Access.scopes('keys:write')
  async rotateKey(@CurrentCaller() caller: Caller): Promise<AuditKeyDto> {
    return AuditKeyDto.of(await this.keys.replaceAuditKey(caller));
  }

  /** Proves that an event is in the log. */
  @Get('proofs/inclusion')
  @Access.scopes('audit:read')
  async inclusion(@CurrentCaller() caller: Caller, @Query() { sequence, event_id: id, tree_size: treeSize, organization }: InclusionQuery): Promise<InclusionProofDto> {
    if ((sequence === undefined) === (id === undefined)) throw nameOneEvent();
    return InclusionProofDto.of(await this.evidence.inclusion(caller, sequence === undefined ? { id: id! } : { sequence }, { treeSize, organization }));
  }

  /** Proves that the log begins with what it was before. */
  @Get('proofs/consistency')
  @Access.scopes('audit:read')
  async consistency(@Query() { from, to }: ConsistencyQuery): Promise<ConsistencyProofDto> {
    return ConsistencyProofDto.of(await this.evidence.consistency(from, to));
  }

  /** Exports the events of the organization up to now. What is exported as `ndjson` is verified with `legate audit verify`, without this server. */
  @Get('export')
  @Header('cache-control', 'no-store')
  @ApiProduces('application/x-ndjson', 'text/csv')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @Access.scopes('audit:read')
  async export(@CurrentCaller() caller: Caller, @Query() query: ExportQuery, @Res({ passthrough: true }) reply: FastifyReply): Promise<StreamableFile> {
    const { format = 'ndjson', after, organization } = query;
    const stream = await this.evidence.export(caller, { format, after, organization });
    const name = `audit-${nowDate().toISOString().slice(0, 19).replaceAll(':', '')}.${format}`;
    void reply.header('content-disposition', `attachment; filename="${name}"`);
    return new StreamableFile(stream, { type: format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson' });
  }
}
