import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuditLog } from './modules/audit/audit-log.service.js';
import { Checkpoints } from './modules/audit/checkpoints.service.js';
import { SignalQueue } from './modules/signals/signal-queue.service.js';
import { PasswordHasher } from './platform/crypto/password-hasher.js';
import { DatabasePool } from './platform/database/database-pool.js';
import { Metrics } from './platform/metrics/metrics.js';

/** Connects what can be measured with what shows it, so that neither has to know the other. */
@Injectable()
export class Measurements implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly audit: AuditLog,
    private readonly checkpoints: Checkpoints,
    private readonly database: DatabasePool,
    private readonly passwords: PasswordHasher,
    private readonly signals: SignalQueue,
  ) {}

  onModuleInit(): void {
    const { pool } = this.database;
    this.audit.observeCommits((batch) => this.metrics.batchCommitted(batch));
    this.metrics.watchLog(() => this.checkpoints.coverage());
    this.metrics.watchPool(() => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }));
    this.metrics.watchSignals(() => this.signals.load());
    this.metrics.watchPasswordHashes(() => this.passwords.load);
  }
}
