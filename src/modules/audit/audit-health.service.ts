import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { HealthChecks } from '../../platform/health/health-checks.js';

/**
 * Can the audit log be written? Where it cannot, nothing is issued, so this node should not be sent requests: for example
 * when it is connected to a standby that only reads.
 */
@Injectable()
export class AuditHealth implements OnModuleInit {
  constructor(private readonly checks: HealthChecks, private readonly dataSource: DataSource) {}

  onModuleInit(): void {
    this.checks.register('audit', () => this.checkWritable());
  }

  private async checkWritable(): Promise<void> {
    const [row] = await this.dataSource.query<{ writable: boolean }[]>(`
      SELECT current_setting('transaction_read_only') = 'off'
        AND has_table_privilege('audit_events', 'INSERT')
        AND has_table_privilege('audit_heads', 'UPDATE') AS writable`);
    if (!row?.writable) throw new Error('the database takes no audit events from this role');
  }
}
