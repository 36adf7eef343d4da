import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddLaunchReason1764700000000 implements MigrationInterface {
  name = 'AddLaunchReason1764700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tokens ADD COLUMN launch_reason text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tokens DROP COLUMN launch_reason');
  }
}
