import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexLineage1764600000000 implements MigrationInterface {
  name = 'IndexLineage1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `ALTER TABLE audit_events ADD COLUMN task_id uuid`,
      `CREATE INDEX audit_events_task ON audit_events (task_id, sequence) WHERE task_id IS NOT NULL`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE audit_events DROP COLUMN task_id');
  }
}
