import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the audit log is searched by. It is filled in the background: an event is written without it. */
export class IndexAuditParties1764900000000 implements MigrationInterface {
  name = 'IndexAuditParties1764900000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // Whoever and whatever an event names, by the part they have in it. The organization is the nil UUID where the event is
      // the installation's own.
      `CREATE TABLE audit_mentions (
        id text COLLATE "C" NOT NULL,
        organization_id uuid NOT NULL,
        role smallint NOT NULL,
        sequence bigint NOT NULL,
        PRIMARY KEY (id, organization_id, role, sequence)
      )`,
      // A thousand events each, by number. Clocks of nodes differ, so a later event may be the earlier one.
      `CREATE TABLE audit_spans (
        span bigint PRIMARY KEY,
        earliest timestamptz NOT NULL,
        latest timestamptz NOT NULL
      )`,
      // Up to where a reader of the log has come: the first event that it has not read.
      `CREATE TABLE audit_readers (
        reader text PRIMARY KEY,
        sequence bigint NOT NULL
      )`,
      `INSERT INTO audit_readers (reader, sequence) VALUES ('mentions', 0)`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_readers', 'audit_spans', 'audit_mentions']) await runner.query(`DROP TABLE ${table}`);
  }
}
