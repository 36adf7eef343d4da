import type { EntityManager } from 'typeorm';

/** The role cannot be one that only appends. */
export class UnfitRole extends Error {}

/** What runs as the owner of the tables, on behalf of a role that is not. */
const FUNCTIONS = [
  'audit_cover(bigint)', 'audit_forget(bigint, bigint, integer, integer)', 'audit_retire(bigint, integer)', 'audit_drop(bigint)', 'make_month_partition(regclass, text, uuid, uuid)',
];

/**
 * Grants a role what the server needs and nothing more: it reads and writes everything, but adds to the audit log and its checkpoints
 * only, and makes and drops nothing, except through functions that see for themselves what may go. To be repeated after every migration.
 * For the owner of the tables.
 *
 * @throws UnfitRole when the role does not exist, or may do all that anyway
 */
export async function grantApplication(manager: Pick<EntityManager, 'query'>, role: string): Promise<void> {
  const [known] = await manager.query<{ name: string; isSuperuser: boolean; ownsTables: boolean }[]>(
    `SELECT quote_ident(r.rolname) AS name, r.rolsuper AS "isSuperuser", pg_has_role(r.oid, c.relowner, 'MEMBER') AS "ownsTables"
     FROM pg_roles r, pg_class c WHERE r.rolname = $1 AND c.oid = 'audit_events'::regclass`, [role]);
  if (!known) throw new UnfitRole(`There is no role ${role}. Make it first, such as with CREATE ROLE … LOGIN PASSWORD '…'.`);
  if (known.isSuperuser || known.ownsTables) throw new UnfitRole(`The role ${role} may do everything with the audit log, because it ${known.isSuperuser ? 'is a superuser' : 'owns its tables'}. Take another one for the server.`);
  const { name } = known;
  for (const statement of [
    `GRANT USAGE ON SCHEMA public TO ${name}`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${name}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${name}`,
    `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${name}`,
    ...await audited(manager, name),
    ...FUNCTIONS.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${name}`),
  ]) await manager.query(statement);
}

/** SQL for the tables that are evidence, or say which evidence there is. */
async function audited(manager: Pick<EntityManager, 'query'>, name: string): Promise<string[]> {
  const pieces = await manager.query<{ piece: string }[]>(`SELECT inhrelid::regclass::text AS piece FROM pg_inherits WHERE inhparent = 'audit_events'::regclass`);
  return [
    `REVOKE UPDATE, DELETE ON audit_events, audit_checkpoints, audit_heads FROM ${name}`,
    `GRANT UPDATE ON audit_heads TO ${name}`,
    ...[...pieces.map(({ piece }) => piece), 'audit_leaves', 'audit_partitions', 'migrations'].map((table) => `REVOKE INSERT, UPDATE, DELETE ON ${table} FROM ${name}`),
  ];
}
