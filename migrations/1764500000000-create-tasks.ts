import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTasks1764500000000 implements MigrationInterface {
  name = 'CreateTasks1764500000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `CREATE TABLE tasks (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        client_id text NOT NULL,
        description text,
        parent_task_id uuid,
        root_task_id uuid NOT NULL,
        ancestors uuid[] NOT NULL DEFAULT '{}',
        state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'completed', 'cancelled')),
        created_at timestamptz NOT NULL,
        ended_at timestamptz
      )`,
      `CREATE INDEX tasks_organization ON tasks (organization_id, id)`,
      `CREATE INDEX tasks_parent ON tasks (parent_task_id) WHERE parent_task_id IS NOT NULL`,
      `CREATE INDEX tokens_task ON tokens (task_id) WHERE task_id <> token_id`,
      `CREATE INDEX tokens_parent_task ON tokens (parent_task_id) WHERE parent_task_id IS NOT NULL`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tokens_parent_task');
    await runner.query('DROP INDEX tokens_task');
    await runner.query('DROP TABLE tasks');
  }
}
