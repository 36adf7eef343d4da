import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ProveAudit1764800000000 implements MigrationInterface {
  name = 'ProveAudit1764800000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // Roots of the perfect subtrees of 256^level leaves, so that a proof reads hundreds of hashes and not millions.
      `CREATE TABLE audit_subtrees (
        level integer NOT NULL,
        index bigint NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (level, index)
      )`,
      `CREATE TABLE audit_keys (
        key_hash text PRIMARY KEY,
        name text NOT NULL,
        verifier_key text NOT NULL,
        sealed_private_key bytea,
        created_at timestamptz NOT NULL,
        retired_at timestamptz
      )`,
      `CREATE TABLE audit_checkpoints (
        size bigint PRIMARY KEY,
        root text NOT NULL,
        note text NOT NULL,
        created_at timestamptz NOT NULL
      )`,
      `CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
      // Where checkpoints are sent, and up to which size they have arrived there.
      `CREATE TABLE audit_deliveries (
        destination text PRIMARY KEY,
        size bigint NOT NULL DEFAULT 0,
        leased_until timestamptz NOT NULL
      )`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_deliveries', 'audit_checkpoints', 'audit_keys', 'audit_subtrees']) await runner.query(`DROP TABLE ${table}`);
  }
}
