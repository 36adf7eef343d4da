import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So that a role that may make no tables has the next month's partition made. */
export class MakeMonthPartitions1765600000000 implements MigrationInterface {
  name = 'MakeMonthPartitions1765600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE FUNCTION make_month_partition(parent regclass, month text, from_id uuid, to_id uuid) RETURNS void
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
      BEGIN
        IF month !~ '^[0-9]{4}_[0-9]{2}$' THEN RAISE EXCEPTION 'this is not a month' USING ERRCODE = 'invalid_parameter_value'; END IF;
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', parent || '_' || month, parent, from_id, to_id);
      END $$`);
    await runner.query('REVOKE ALL ON FUNCTION make_month_partition(regclass, text, uuid, uuid) FROM PUBLIC');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION make_month_partition(regclass, text, uuid, uuid)');
  }
}
