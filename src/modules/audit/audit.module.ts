import { Global, Module } from '@nestjs/common';
import { RefusalRecorder } from '../../platform/http/refusal-recorder.js';
import { LimitRecorder } from '../../platform/limits/limit-recorder.js';
import { AuditFeed } from './audit-feed.service.js';
import { AuditHealth } from './audit-health.service.js';
import { AuditIndex } from './audit-index.service.js';
import { AuditKeys } from './audit-keys.service.js';
import { AuditLog } from './audit-log.service.js';
import { AuditRetention } from './audit-retention.service.js';
import { AuditSearch } from './audit-search.service.js';
import { AuditStatistics } from './audit-statistics.service.js';
import { CheckpointDelivery } from './checkpoint-delivery.service.js';
import { CheckpointFile } from './checkpoint-file.service.js';
import { Checkpoints } from './checkpoints.service.js';
import { Endings } from './endings.service.js';
import { LimitRefusals } from './limit-refusals.service.js';
import { LogExport } from './log-export.service.js';
import { LogHashes } from './log-hashes.service.js';
import { LogProofs } from './log-proofs.service.js';
import { RecordedDecisions } from './recorded-decisions.service.js';
import { RefusalTally } from './refusal-tally.service.js';
import { RequestRefusals } from './request-refusals.service.js';

@Global()
@Module({
  providers: [
    AuditFeed, AuditHealth, AuditIndex, AuditKeys, AuditLog, AuditRetention, AuditSearch, AuditStatistics, CheckpointDelivery, CheckpointFile, Checkpoints, Endings, LogExport, LogHashes, LogProofs,
    RecordedDecisions, RefusalTally, { provide: RefusalRecorder, useClass: RequestRefusals }, { provide: LimitRecorder, useClass: LimitRefusals },
  ],
  exports: [
    AuditFeed, AuditKeys, AuditLog, AuditRetention, AuditSearch, AuditStatistics, Checkpoints, Endings, LimitRecorder, LogExport, LogProofs, RecordedDecisions, RefusalRecorder, RefusalTally,
  ],
})
export class AuditModule {}
