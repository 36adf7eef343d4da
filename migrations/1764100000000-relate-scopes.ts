import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What scopes imply, which of them only a person may grant, and who defined them. */
export class RelateScopes1764100000000 implements MigrationInterface {
  name = 'RelateScopes1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE scopes
      ADD COLUMN implies text[] NOT NULL DEFAULT '{}',
      ADD COLUMN requires_approval boolean NOT NULL DEFAULT false,
      ADD COLUMN source text NOT NULL DEFAULT 'organization' CHECK (source IN ('server', 'file', 'organization'))`);
    await runner.query(`UPDATE scopes SET source = 'server' WHERE organization_id IS NULL`);
    // A row without an organization is everybody's, so nobody may make one by leaving it out.
    await runner.query(`ALTER TABLE scopes ADD CONSTRAINT scopes_source_organization CHECK ((source = 'organization') = (organization_id IS NOT NULL))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM scopes WHERE source = 'file'`);
    await runner.query('ALTER TABLE scopes DROP COLUMN implies, DROP COLUMN requires_approval, DROP COLUMN source');
  }
}
