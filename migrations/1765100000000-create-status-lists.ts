import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Lists that say which tokens have ended, and where each token stands in them. */
export class CreateStatusLists1765100000000 implements MigrationInterface {
  name = 'CreateStatusLists1765100000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      // `leased` entries of it have been given to nodes. No token that has one lives beyond `ends_at`; none was issued for more than
      // `longest_life` seconds. A bit of `statuses` is set when the token of that index has ended; `version` counts its changes.
      `CREATE TABLE status_lists (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        seed bytea NOT NULL,
        leased integer NOT NULL,
        longest_life integer NOT NULL,
        statuses bytea,
        version bigint NOT NULL DEFAULT 0,
        opened_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL
      )`,
      `CREATE INDEX status_lists_end ON status_lists (ends_at)`,
      // What ended, or came back, and which tokens of the ledger are still to be looked at for it: those before `before`, the newest first.
      `CREATE TABLE status_sweeps (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organization_id uuid,
        kind text NOT NULL,
        ended_id text NOT NULL,
        before uuid NOT NULL
      )`,
      // One row: the first event of the audit log, and the time up to which delegations expired, that the lists do not know of yet.
      // Tokens from before this have no entry: what ended until now is nothing to them.
      `CREATE TABLE status_progress (sequence bigint NOT NULL, expired_until timestamptz NOT NULL)`,
      `INSERT INTO status_progress (sequence, expired_until) SELECT size, now() FROM audit_heads WHERE log = 'main'`,
      `CREATE INDEX delegation_grants_expiry ON delegation_grants (expires_at) WHERE expires_at IS NOT NULL`,
      `ALTER TABLE tokens ADD COLUMN status_entry bigint`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tokens DROP COLUMN status_entry');
    await runner.query('DROP INDEX delegation_grants_expiry');
    for (const table of ['status_progress', 'status_sweeps', 'status_lists']) await runner.query(`DROP TABLE ${table}`);
  }
}
