import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePolicies1764300000000 implements MigrationInterface {
  name = 'CreatePolicies1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // Goes up with every change of an organization's policies, so that one small read tells whether what is in memory still counts.
      `CREATE TABLE policy_sets (
        organization_id uuid PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
        version bigint NOT NULL
      )`,
      `CREATE TABLE policies (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        name text NOT NULL,
        description text,
        rule jsonb NOT NULL,
        is_enabled boolean NOT NULL DEFAULT true,
        version integer NOT NULL DEFAULT 1,
        deleted_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE UNIQUE INDEX policies_name ON policies (organization_id, lower(name)) WHERE deleted_at IS NULL`,
      `CREATE INDEX policies_organization ON policies (organization_id, id)`,
      `CREATE TABLE policy_versions (
        policy_id uuid NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
        version integer NOT NULL,
        name text NOT NULL,
        description text,
        rule jsonb NOT NULL,
        is_enabled boolean NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (policy_id, version)
      )`,
      // They are what a restoration goes back to, and what an old decision was made by.
      `CREATE FUNCTION refuse_policy_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'versions of policies never change' USING ERRCODE = 'restrict_violation'; END $$`,
      `CREATE TRIGGER policy_versions_immutable BEFORE UPDATE OR TRUNCATE ON policy_versions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_policy_version_change()`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['policy_versions', 'policies', 'policy_sets']) await runner.query(`DROP TABLE ${table}`);
    await runner.query('DROP FUNCTION refuse_policy_version_change()');
  }
}
