import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What agents may call, and which agent may call what. */
export class CreateTools1764200000000 implements MigrationInterface {
  name = 'CreateTools1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `CREATE TABLE tools (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        name text NOT NULL,
        description text,
        category text,
        input_schema jsonb,
        permissions_required text[] NOT NULL DEFAULT '{}',
        resource_identifier text,
        cost_micros bigint NOT NULL DEFAULT 0 CHECK (cost_micros >= 0),
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (organization_id, name)
      )`,
      `CREATE INDEX tools_organization ON tools (organization_id, id)`,
      `CREATE TABLE agent_tools (
        agent_id uuid NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        tool_id uuid NOT NULL REFERENCES tools (id) ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (agent_id, tool_id)
      )`,
      `CREATE INDEX agent_tools_tool ON agent_tools (tool_id)`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE agent_tools');
    await runner.query('DROP TABLE tools');
  }
}
