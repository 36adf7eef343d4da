import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The log in pieces, so that what nobody has to keep any longer can go. A text goes by being emptied, its hash stays; a piece whose
 * texts are all gone goes whole, and leaves its hashes behind. The functions run as the tables' owner: a role that is granted them
 * can make pieces and take old texts away, and do nothing else to an event.
 */
export class PartitionAudit1765500000000 implements MigrationInterface {
  name = 'PartitionAudit1765500000000';

  async up(runner: QueryRunner): Promise<void> {
    // Every event is looked at once, to see that it is in the first piece.
    await runner.query('SET LOCAL statement_timeout = 0');
    const [{ reach }] = await runner.query('SELECT (coalesce(max(sequence), 0) / 65536 + 1) * 65536 AS reach FROM audit_events') as [{ reach: string }];
    for (const statement of [
      'DROP TRIGGER audit_events_append_only ON audit_events',
      'ALTER TABLE audit_events ALTER COLUMN body DROP NOT NULL',
      'ALTER TABLE audit_events RENAME TO audit_events_from_0',
      'ALTER TABLE audit_events_from_0 RENAME CONSTRAINT audit_events_pkey TO audit_events_from_0_pkey',
      'ALTER INDEX audit_events_organization RENAME TO audit_events_from_0_organization',
      'ALTER INDEX audit_events_task RENAME TO audit_events_from_0_task',
      'CREATE TABLE audit_events (LIKE audit_events_from_0 INCLUDING DEFAULTS) PARTITION BY RANGE (sequence)',
      'ALTER TABLE audit_events ADD PRIMARY KEY (sequence)',
      'CREATE INDEX audit_events_organization ON audit_events (organization_id, sequence)',
      'CREATE INDEX audit_events_task ON audit_events (task_id, sequence) WHERE task_id IS NOT NULL',
      `ALTER TABLE audit_events ATTACH PARTITION audit_events_from_0 FOR VALUES FROM (0) TO (${reach})`,
      // Its pieces. Numbers are those of events; a multiple of 256.
      `CREATE TABLE audit_partitions (
        first bigint PRIMARY KEY,
        next bigint NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now(),
        is_retired boolean NOT NULL DEFAULT false
      )`,
      `INSERT INTO audit_partitions (first, next) VALUES (0, ${reach})`,
      // The hashes of events that are gone, those of 256 in one row.
      `CREATE TABLE audit_leaves (
        span bigint PRIMARY KEY,
        hashes bytea NOT NULL
      )`,
      // Null: as the installation has it.
      'ALTER TABLE organizations ADD COLUMN audit_retention_days integer CHECK (audit_retention_days >= 30)',
      // Up to where the texts of those who keep theirs for so long are gone.
      `CREATE TABLE audit_retention (
        days integer PRIMARY KEY,
        until bigint NOT NULL DEFAULT 0
      )`,
      // Spans come in their order, so a few bytes for each hundred pages find those that go.
      'CREATE INDEX audit_mentions_span ON audit_mentions USING brin (span) WITH (autosummarize = on)',
      ...FUNCTIONS,
      `CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION keep_audit_event()`,
      `CREATE TRIGGER audit_events_kept BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events()`,
      `CREATE TRIGGER audit_events_kept BEFORE TRUNCATE ON audit_events_from_0 FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events()`,
    ]) await runner.query(statement);
  }

  /** A text that is gone is empty from then on. */
  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [
      'SET LOCAL statement_timeout = 0',
      'CREATE TABLE audit_events_whole (LIKE audit_events INCLUDING DEFAULTS)',
      `INSERT INTO audit_events_whole (sequence, event_id, organization_id, type, outcome, occurred_at, body, leaf_hash, task_id)
        SELECT sequence, event_id, organization_id, type, outcome, occurred_at, coalesce(body, ''), leaf_hash, task_id FROM audit_events`,
      'DROP TABLE audit_events',
      'ALTER TABLE audit_events_whole RENAME TO audit_events',
      'ALTER TABLE audit_events ALTER COLUMN body SET NOT NULL',
      'ALTER TABLE audit_events ADD PRIMARY KEY (sequence)',
      'CREATE INDEX audit_events_organization ON audit_events (organization_id, sequence)',
      'CREATE INDEX audit_events_task ON audit_events (task_id, sequence) WHERE task_id IS NOT NULL',
      `CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
      'DROP FUNCTION audit_drop(bigint)', 'DROP FUNCTION audit_retire(bigint, integer)', 'DROP FUNCTION audit_forget(bigint, bigint, integer, integer)', 'DROP FUNCTION audit_cover(bigint)',
      'DROP FUNCTION keep_audit_events()', 'DROP FUNCTION keep_audit_event()',
      'DROP INDEX audit_mentions_span',
      'DROP TABLE audit_retention', 'DROP TABLE audit_leaves', 'DROP TABLE audit_partitions',
      'ALTER TABLE organizations DROP COLUMN audit_retention_days',
    ]) await runner.query(statement);
  }
}

/** Nobody, whatever they are granted, takes away what is younger. */
const KEPT = `interval '30 days'`;

const FUNCTIONS = [
  // The one change that an event can suffer: it loses its text. All else of it, and its hash, stays.
  `CREATE FUNCTION keep_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' AND NEW.body IS NULL AND OLD.type <> 'audit_log.pruned' AND OLD.occurred_at < now() - ${KEPT}
        AND (NEW.sequence, NEW.event_id, NEW.organization_id, NEW.type, NEW.outcome, NEW.occurred_at, NEW.task_id, NEW.leaf_hash)
          IS NOT DISTINCT FROM (OLD.sequence, OLD.event_id, OLD.organization_id, OLD.type, OLD.outcome, OLD.occurred_at, OLD.task_id, OLD.leaf_hash)
      THEN RETURN NEW; END IF;
      RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation';
    END $$`,

  // A piece that goes is one whose texts went before.
  `CREATE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE is_kept boolean;
    BEGIN
      EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE (body IS NOT NULL AND type <> ''audit_log.pruned'') OR occurred_at >= now() - ${KEPT.replaceAll("'", "''")})', TG_RELID::regclass) INTO is_kept;
      IF is_kept THEN RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation'; END IF;
      RETURN NULL;
    END $$`,

  // Makes pieces until there is one for every event before this number. Answers up to which number there is one. Where one lasts for
  // less than a day, the next is twice as long; where it lasts for a month, half as long: so there are some hundreds of them in a year.
  `CREATE FUNCTION audit_cover(wanted bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE latest audit_partitions; length bigint; piece text;
    BEGIN
      SELECT * INTO latest FROM audit_partitions p ORDER BY p.first DESC LIMIT 1;
      IF latest.next >= wanted THEN RETURN latest.next; END IF;
      PERFORM pg_advisory_xact_lock(hashtext('audit partitions'));
      SELECT * INTO latest FROM audit_partitions p ORDER BY p.first DESC LIMIT 1;
      WHILE latest.next < wanted LOOP
        length := latest.next - latest.first;
        IF latest.made_at > now() - interval '1 day' THEN length := least(2 * length, 67108864);
        ELSIF latest.made_at < now() - interval '30 days' THEN length := greatest(length / 512 * 256, 65536); END IF;
        piece := 'audit_events_from_' || latest.next;
        EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING DEFAULTS)', piece);
        -- Unlike making it a part at once, this lets everybody go on reading and writing.
        EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', piece, latest.next, latest.next + length);
        EXECUTE format('CREATE TRIGGER audit_events_kept BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events()', piece);
        INSERT INTO audit_partitions (first, next) VALUES (latest.next, latest.next + length) RETURNING * INTO latest;
      END LOOP;
      RETURN latest.next;
    END $$`,

  // Takes away the texts of those who keep theirs for so many days, as far as they are older; answers how many. What names somebody
  // in these events goes with them.
  `CREATE FUNCTION audit_forget(first bigint, next bigint, days integer, usual_days integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE forgotten bigint;
    BEGIN
      IF first % 256 <> 0 OR next % 256 <> 0 OR days IS NULL OR days < 30 THEN RAISE EXCEPTION 'these events cannot be forgotten' USING ERRCODE = 'invalid_parameter_value'; END IF;
      IF next > (SELECT coalesce(max(c.size), 0) FROM audit_checkpoints c) OR next > (SELECT min(r.sequence) FROM audit_readers r) THEN
        RAISE EXCEPTION 'only what is signed and has been read can be forgotten' USING ERRCODE = 'object_not_in_prerequisite_state';
      END IF;
      WITH concerned AS MATERIALIZED (
        SELECT DISTINCT e.organization_id AS id FROM audit_events e LEFT JOIN organizations o ON o.id = e.organization_id
        WHERE e.sequence >= audit_forget.first AND e.sequence < audit_forget.next AND e.body IS NOT NULL AND coalesce(o.audit_retention_days, usual_days) = days
      ), gone AS (
        UPDATE audit_events e SET body = NULL
        WHERE e.sequence >= audit_forget.first AND e.sequence < audit_forget.next AND e.body IS NOT NULL AND e.type <> 'audit_log.pruned'
          AND e.occurred_at < now() - make_interval(days => days) AND EXISTS (SELECT FROM concerned c WHERE c.id IS NOT DISTINCT FROM e.organization_id)
        RETURNING 1
      ), unnamed AS (
        DELETE FROM audit_mentions m USING concerned c
        WHERE m.span >= audit_forget.first / 256 AND m.span < audit_forget.next / 256 AND m.organization_id = coalesce(c.id, '00000000-0000-0000-0000-000000000000')
      )
      SELECT count(*) INTO forgotten FROM gone;
      RETURN forgotten;
    END $$`,

  // Retires the oldest piece of the log, whose texts are all gone: its hashes are kept elsewhere from now on, and nothing finds its
  // events any more. Goes on with so many spans of 256 events at once; answers whether these were the last.
  `CREATE FUNCTION audit_retire(piece bigint, spans integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE reach bigint; start bigint; stop bigint;
    BEGIN
      SELECT p.next INTO reach FROM audit_partitions p WHERE p.first = piece AND NOT p.is_retired;
      IF reach IS NULL OR EXISTS (SELECT FROM audit_partitions p WHERE p.first < piece AND NOT p.is_retired) OR reach > (SELECT coalesce(max(c.size), 0) FROM audit_checkpoints c)
        OR reach > (SELECT min(r.sequence) FROM audit_readers r)
      THEN RAISE EXCEPTION 'this piece of the log cannot be retired' USING ERRCODE = 'object_not_in_prerequisite_state'; END IF;
      SELECT coalesce(max(l.span) + 1, piece / 256) INTO start FROM audit_leaves l WHERE l.span >= piece / 256;
      stop := least(start + spans, reach / 256);
      INSERT INTO audit_leaves (span, hashes)
        SELECT e.sequence / 256, string_agg(e.leaf_hash, '' ORDER BY e.sequence) FROM audit_events e WHERE e.sequence >= start * 256 AND e.sequence < stop * 256 GROUP BY 1;
      DELETE FROM audit_mentions m WHERE m.span >= start AND m.span < stop;
      DELETE FROM audit_spans s WHERE s.span >= start AND s.span < stop;
      IF stop < reach / 256 THEN RETURN false; END IF;
      UPDATE audit_partitions SET is_retired = true WHERE first = piece;
      RETURN true;
    END $$`,

  // Takes away a piece that was retired. Answers whether it is gone: for a moment nobody else may be using the log, and whoever takes
  // longer than that goes first.
  `CREATE FUNCTION audit_drop(piece bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
      IF NOT EXISTS (SELECT FROM audit_partitions p WHERE p.first = piece AND p.is_retired) THEN
        RAISE EXCEPTION 'this piece of the log was not retired' USING ERRCODE = 'object_not_in_prerequisite_state';
      END IF;
      SET LOCAL lock_timeout = '100ms';
      EXECUTE format('TRUNCATE %I', 'audit_events_from_' || piece);
      LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE;
      EXECUTE format('DROP TABLE %I', 'audit_events_from_' || piece);
      DELETE FROM audit_partitions p WHERE p.first = piece;
      SET LOCAL lock_timeout = 0;
      RETURN true;
    EXCEPTION WHEN lock_not_available THEN
      RETURN false;
    END $$`,
  'REVOKE ALL ON FUNCTION audit_cover(bigint), audit_forget(bigint, bigint, integer, integer), audit_retire(bigint, integer), audit_drop(bigint) FROM PUBLIC',
];
