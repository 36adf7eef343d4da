import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateDelegation1764400000000 implements MigrationInterface {
  name = 'CreateDelegation1764400000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `CREATE TABLE delegation_grants (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        origin text NOT NULL CHECK (origin IN ('principal', 'administrator', 'consent', 'delegate')),
        principal_kind text NOT NULL CHECK (principal_kind IN ('user', 'agent')),
        principal_id uuid NOT NULL,
        subject_kind text NOT NULL CHECK (subject_kind IN ('user', 'agent')),
        subject_id uuid NOT NULL,
        agent_id uuid NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        parent_grant_id uuid REFERENCES delegation_grants (id) ON DELETE CASCADE,
        ancestors uuid[] NOT NULL DEFAULT '{}',
        scopes text[] NOT NULL,
        tools text[],
        resources text[],
        authorization_details jsonb NOT NULL DEFAULT '[]',
        purpose text,
        max_depth integer NOT NULL CHECK (max_depth BETWEEN 0 AND 20),
        not_before timestamptz,
        expires_at timestamptz,
        max_token_ttl integer,
        max_uses integer CHECK (max_uses > 0),
        uses integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        revoked_at timestamptz,
        CHECK (max_uses IS NULL OR uses <= max_uses)
      )`,
      `CREATE INDEX delegation_grants_organization ON delegation_grants (organization_id, id)`,
      `CREATE INDEX delegation_grants_principal ON delegation_grants (principal_id)`,
      `CREATE INDEX delegation_grants_agent ON delegation_grants (agent_id)`,
      `CREATE INDEX delegation_grants_subject ON delegation_grants (subject_id)`,
      `CREATE INDEX delegation_grants_ancestors ON delegation_grants USING gin (ancestors)`,
      `ALTER TABLE consent_grants ADD COLUMN delegation_grant_id uuid REFERENCES delegation_grants (id) ON DELETE SET NULL`,
      `ALTER TABLE consent_grants ADD COLUMN actor_id uuid REFERENCES agents (id) ON DELETE CASCADE`,
      `CREATE INDEX consent_grants_delegation ON consent_grants (delegation_grant_id) WHERE delegation_grant_id IS NOT NULL`,
      `CREATE INDEX consent_grants_actor ON consent_grants (actor_id) WHERE actor_id IS NOT NULL`,
      `CREATE INDEX delegation_grants_parent ON delegation_grants (parent_grant_id) WHERE parent_grant_id IS NOT NULL`,
      `CREATE INDEX tokens_delegation_grant ON tokens (delegation_grant_id) WHERE delegation_grant_id IS NOT NULL`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tokens_delegation_grant');
    await runner.query('ALTER TABLE consent_grants DROP COLUMN delegation_grant_id, DROP COLUMN actor_id');
    await runner.query('DROP TABLE delegation_grants');
  }
}
