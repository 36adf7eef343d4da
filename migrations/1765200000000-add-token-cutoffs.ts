import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From when on what an organization, or a client, has issued counts. Nothing that goes back to before is alive. */
export class AddTokenCutoffs1765200000000 implements MigrationInterface {
  name = 'AddTokenCutoffs1765200000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'ALTER TABLE organizations ADD COLUMN tokens_not_before timestamptz',
      'ALTER TABLE clients ADD COLUMN tokens_not_before timestamptz',
      // Of whom the browser sessions are.
      `CREATE INDEX protocol_objects_session_account ON protocol_objects ((payload ->> 'accountId')) WHERE model = 'Session'`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX protocol_objects_session_account');
    for (const table of ['clients', 'organizations']) await runner.query(`ALTER TABLE ${table} DROP COLUMN tokens_not_before`);
  }
}
