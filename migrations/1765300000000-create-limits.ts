import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLimits1765300000000 implements MigrationInterface {
  name = 'CreateLimits1765300000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      `CREATE TABLE subject_limits (
        subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'agent', 'task')),
        subject_id uuid NOT NULL,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        requests_per_hour integer CHECK (requests_per_hour > 0),
        cost_budget_micros bigint CHECK (cost_budget_micros > 0),
        cost_period text NOT NULL CHECK (cost_period IN ('day', 'month', 'lifetime')),
        allowed_actions text[],
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (subject_kind, subject_id)
      )`,
      `CREATE INDEX subject_limits_organization ON subject_limits (organization_id, subject_kind)`,
      // What is taken from a limit in one of its windows: one row, whose lock is what makes reservations atomic.
      `CREATE TABLE usage_counters (
        key text PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        subject_kind text NOT NULL,
        subject_id uuid NOT NULL,
        meter text NOT NULL,
        period text NOT NULL,
        window_start timestamptz,
        window_end timestamptz,
        bound bigint,
        reserved bigint NOT NULL,
        committed bigint NOT NULL,
        alerted smallint NOT NULL DEFAULT 0
      )`,
      `CREATE INDEX usage_counters_organization ON usage_counters (organization_id)`,
      `CREATE INDEX usage_counters_window_end ON usage_counters (window_end) WHERE window_end IS NOT NULL`,
      `CREATE TABLE usage_reservations (
        id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        client_id text NOT NULL,
        holder text NOT NULL,
        agent_id uuid,
        token_id uuid,
        task_id uuid,
        status text NOT NULL CHECK (status IN ('reserved', 'committed', 'released', 'expired')),
        requests integer NOT NULL,
        cost_micros bigint NOT NULL,
        committed_requests integer,
        committed_cost_micros bigint,
        stands_behind json NOT NULL,
        taken json NOT NULL,
        idempotency_key text,
        digest bytea,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        ended_at timestamptz,
        UNIQUE (organization_id, client_id, holder, idempotency_key)
      )`,
      `CREATE INDEX usage_reservations_expiry ON usage_reservations (expires_at) WHERE status = 'reserved'`,
      `CREATE INDEX usage_reservations_end ON usage_reservations (ended_at) WHERE ended_at IS NOT NULL`,
      `CREATE TABLE usage_history (
        agent_id uuid NOT NULL,
        hour timestamptz NOT NULL,
        organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
        requests bigint NOT NULL,
        cost_micros bigint NOT NULL,
        PRIMARY KEY (agent_id, hour)
      )`,
      `CREATE INDEX usage_history_organization ON usage_history (organization_id)`,
      `CREATE INDEX usage_history_hour ON usage_history (hour)`,
      `ALTER TABLE delegation_grants
        ADD COLUMN requests_per_hour integer CHECK (requests_per_hour > 0),
        ADD COLUMN cost_budget_micros bigint CHECK (cost_budget_micros > 0),
        ADD COLUMN allowed_actions text[]`,
    ]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE delegation_grants DROP COLUMN requests_per_hour, DROP COLUMN cost_budget_micros, DROP COLUMN allowed_actions');
    for (const table of ['usage_history', 'usage_reservations', 'usage_counters', 'subject_limits']) await runner.query(`DROP TABLE ${table}`);
  }
}
