import { Global, Module } from '@nestjs/common';
import { RefusalRecorder } from '../../platform/http/refusal-recorder.js';
import { AuditFeed } from './audit-feed.service.js';
import { AuditHealth } from './audit-health.service.js';
import { AuditIndex } from './audit-index.service.js';
import { AuditLog } from './audit-log.service.js';
import { AuditSearch } from './audit-search.service.js';
import { Endings } from './endings.service.js';
import { RecordedDecisions } from './recorded-decisions.service.js';
import { RequestRefusals } from './request-refusals.service.js';

@Global()
@Module({
  providers: [AuditLog, AuditHealth, AuditIndex, AuditSearch, AuditFeed, Endings, RecordedDecisions, { provide: RefusalRecorder, useClass: RequestRefusals }],
  exports: [AuditLog, AuditSearch, AuditFeed, Endings, RecordedDecisions, RefusalRecorder],
})
export class AuditModule {}
