import { randomBytes, randomInt } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { newId } from '../../src/kernel/ids.js';

type Executor = Pick<EntityManager, 'query'>;

interface Column {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly hasDefault: boolean;
}

interface ForeignKey {
  readonly columns: string[];
  readonly target: string;
  readonly targetColumns: string[];
}

interface Table {
  readonly name: string;
  readonly isPartitioned: boolean;
  readonly columns: Column[];
  readonly primaryKey: string[];
  readonly foreignKeys: ForeignKey[];
  readonly checks: Readonly<Record<string, { readonly columns: string[]; readonly text: string }>>;
}

const MOST_ATTEMPTS = 40;

/**
 * Puts two rows into every table, whatever tables there are: one with what it must have, one with all that it can have. What goes
 * where is read from the schema, so that a migration's tables are filled as soon as the migration exists.
 */
export async function fillEveryTable(executor: Executor): Promise<void> {
  const tables = await readTables(executor);
  for (const { name, isPartitioned } of tables) if (isPartitioned) await executor.query(`CREATE TABLE IF NOT EXISTS ${name}_any PARTITION OF ${name} DEFAULT`);
  for (const table of inOrder(tables)) for (const kind of ['sparse', 'full'] as const) await fill(executor, table, kind);
}

async function readTables(executor: Executor): Promise<Table[]> {
  return executor.query<Table[]>(`
    SELECT c.relname AS name, c.relkind = 'p' AS "isPartitioned",
      (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL), 'isRequired', a.attnotnull, 'hasDefault', a.atthasdef OR a.attidentity <> '') ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      coalesce((SELECT ${names('k.conrelid', 'k.conkey')} FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'), '[]') AS "primaryKey",
      coalesce((SELECT json_agg(json_build_object('columns', ${names('k.conrelid', 'k.conkey')}, 'target', k.confrelid::regclass::text, 'targetColumns', ${names('k.confrelid', 'k.confkey')}) ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'), '[]') AS "foreignKeys",
      coalesce((SELECT json_object_agg(k.conname, json_build_object('columns', ${names('k.conrelid', 'k.conkey')}, 'text', pg_get_constraintdef(k.oid)))
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'), '{}') AS checks
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'migrations' ORDER BY c.relname`);
}

function names(relation: string, key: string): string {
  return `(SELECT coalesce(json_agg(a.attname ORDER BY array_position(${key}, a.attnum)), '[]') FROM pg_attribute a WHERE a.attrelid = ${relation} AND a.attnum = ANY (${key}))`;
}

/** Each after those that it points to, as far as it has to. */
function inOrder(tables: readonly Table[]): Table[] {
  const sorted: Table[] = [];
  const isThere = (target: string, by: Table) => target === by.name || sorted.some(({ name }) => name === target);
  const mustPoint = (table: Table, { columns }: ForeignKey) => table.columns.some(({ name, isRequired }) => isRequired && columns.includes(name) && !isMadeHere(table, columns));
  while (sorted.length < tables.length) {
    const left = tables.filter((table) => !sorted.includes(table));
    const next = left.find((table) => table.foreignKeys.every(({ target, columns }) => isThere(target, table) || isMadeHere(table, columns)))
      ?? left.find((table) => table.foreignKeys.every((key) => isThere(key.target, table) || !mustPoint(table, key)));
    if (!next) throw new Error(`these tables need each other: ${left.map(({ name }) => name).join(', ')}`);
    sorted.push(next);
  }
  return sorted;
}

/** A key that points from the row's own id to something that needs the row first, such as a membership. */
function isMadeHere({ primaryKey }: Table, columns: readonly string[]): boolean {
  return columns.length > 1 && columns.some((column) => primaryKey.includes(column)) && !columns.every((column) => primaryKey.includes(column));
}

async function fill(executor: Executor, table: Table, kind: 'sparse' | 'full'): Promise<void> {
  const needed = new Set(table.columns.filter(({ isRequired, hasDefault }) => !hasDefault && (isRequired || kind === 'full')).map(({ name }) => name));
  const tried: Record<string, number> = {};
  for (let attempt = 0; ; attempt += 1) {
    const pointers = await pointersOf(executor, table, kind, needed);
    const wanted = table.columns.filter(({ name }) => needed.has(name) && !(name in pointers) && (table.primaryKey.includes(name) || !table.foreignKeys.some(({ columns }) => columns.includes(name))));
    const values = { ...pointers, ...Object.fromEntries(wanted.map((column) => [column.name, valueFor(table, column, tried[column.name] ?? 0)])) };
    const columns = Object.keys(values);
    const constraint = await insert(executor, `INSERT INTO ${table.name} (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})`, Object.values(values));
    if (constraint === undefined) return;
    const checked = table.checks[constraint]?.columns ?? [];
    if (checked.length === 0 || attempt >= MOST_ATTEMPTS) throw new Error(`no ${kind} row for ${table.name}: ${constraint} refuses ${JSON.stringify(values)}; teach valueFor what it wants`);
    // Something that was left out may have to be there; then another value of something that is.
    const absent = checked.filter((name) => !needed.has(name));
    const turn = checked[attempt % checked.length]!;
    if (absent.length > 0) for (const name of absent) needed.add(name);
    else tried[turn] = (tried[turn] ?? 0) + 1;
  }
}

/** The columns that point to other tables, with what they point to: the last rows that were made there. */
async function pointersOf(executor: Executor, table: Table, kind: 'sparse' | 'full', needed: ReadonlySet<string>): Promise<Record<string, unknown>> {
  const pointers: Record<string, unknown> = {};
  for (const { columns, target, targetColumns } of table.foreignKeys) {
    if (isMadeHere(table, columns) || !columns.some((column) => needed.has(column))) continue;
    const [row] = await executor.query<Record<string, unknown>[]>(`SELECT ${targetColumns.join(', ')} FROM ${target} ORDER BY ctid DESC OFFSET $1 LIMIT 1`, [kind === 'sparse' && target !== table.name ? 1 : 0]);
    if (row) columns.forEach((column, index) => { pointers[column] ??= row[targetColumns[index]!]; });
  }
  return pointers;
}

/** Undefined when the row is in; else the name of the check that it fails. */
async function insert(executor: Executor, statement: string, values: unknown[]): Promise<string | undefined> {
  await executor.query('SAVEPOINT sample');
  try {
    await executor.query(statement, values);
    return undefined;
  } catch (error) {
    const { code, constraint } = (error as { driverError: { code: string; constraint?: string } }).driverError;
    if (code !== '23514' || constraint === undefined) throw error;
    await executor.query('ROLLBACK TO SAVEPOINT sample');
    return constraint;
  }
}

/** Something of the column's type; what its checks mention comes first, one after the other. */
function valueFor(table: Table, { name, type }: Column, tried: number): unknown {
  const mentioned = Object.values(table.checks).filter(({ columns }) => columns.includes(name)).map(({ text }) => text).join(' ');
  if (type.endsWith('[]')) return type === 'uuid[]' ? [newId()] : type === 'integer[]' ? [randomInt(1000)] : ['sample'];
  switch (type) {
    case 'uuid': return newId();
    case 'text': return nth([...mentioned.matchAll(/'([^']*)'::text/g)].map(([, literal]) => literal!), tried) ?? `sample-${randomBytes(6).toString('hex')}`;
    case 'bytea': return randomBytes(32);
    case 'boolean': return true;
    case 'json': case 'jsonb': return nth(['{}', '[]'], tried) ?? '{}';
    case 'timestamp with time zone': return new Date(Date.now() + 3_600_000 * tried);
    case 'integer': case 'bigint': case 'smallint': return nth([randomInt(type === 'smallint' ? 30_000 : 1_000_000_000), ...[...mentioned.matchAll(/\d+/g)].flatMap(([digits]) => [Number(digits), Number(digits) + 1])], tried) ?? 1;
    default: throw new Error(`${table.name}.${name} is of type ${type}: teach valueFor what that is`);
  }
}

function nth<Value>(values: readonly Value[], index: number): Value | undefined {
  return values[index];
}
