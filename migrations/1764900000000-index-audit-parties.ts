import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the audit log is searched and summed up by. It is filled in the background: an event is written without it. */
export class IndexAuditParties1764900000000 implements MigrationInterface {
  name = 'IndexAuditParties1764900000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // Whoever and whatever the 256 events of a span name: where, times 64, plus the parts they have in it, the newest first.
      // The organization is the nil UUID where the event is the installation's own.
      `CREATE TABLE audit_mentions (
        id text COLLATE "C" NOT NULL,
        organization_id uuid NOT NULL,
        span bigint NOT NULL,
        places integer[] NOT NULL,
        PRIMARY KEY (id, organization_id, span)
      )`,
      // Clocks of nodes differ, so a later event may be the earlier one.
      `CREATE TABLE audit_spans (
        span bigint PRIMARY KEY,
        earliest timestamptz NOT NULL,
        latest timestamptz NOT NULL
      )`,
      // How much happened in an hour or a day, for figures over time.
      `CREATE TABLE audit_counts (
        organization_id uuid NOT NULL,
        what text NOT NULL,
        period timestamptz NOT NULL,
        name text COLLATE "C" NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (organization_id, what, period, name)
      )`,
      `CREATE INDEX audit_counts_age ON audit_counts (period)`,
      // Up to where a reader of the log has come: the first event that it has not read.
      `CREATE TABLE audit_readers (
        reader text PRIMARY KEY,
        sequence bigint NOT NULL
      )`,
      `INSERT INTO audit_readers (reader, sequence) VALUES ('mentions', 0)`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_readers', 'audit_counts', 'audit_spans', 'audit_mentions']) await runner.query(`DROP TABLE ${table}`);
  }
}
