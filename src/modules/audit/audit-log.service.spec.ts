import { EventEmitter, once } from 'node:events';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import type { AuditEvent } from './audit-event.js';
import { AuditLog } from './audit-log.service.js';
import { verifyStoredLog } from './stored-log.js';

const event = (reason: string): AuditEvent => ({ type: 'token.refused', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' }, reason });

/** A companion whose rows are refused when they say so. */
const COMPANION = {
  name: 'rows_of_test',
  columns: 'label',
  refusals: `SELECT ordinality AS position, 'refused_by_test' AS reason FROM given WHERE label = 'bad'`,
};

describe('the audit log', () => {
  let database: ThrowawayDatabase;
  let log: AuditLog;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await throwawayDatabase([]);
    await database.dataSource.query('CREATE TABLE rows_of_test (label text)');
    log = new AuditLog(database.dataSource, database.pool);
    log.useCompanion(COMPANION);
  });

  afterAll(() => database.drop());

  const labels = async () => (await database.dataSource.query<{ label: string }[]>('SELECT label FROM rows_of_test')).map(({ label }) => label);

  it('numbers events without a gap and keeps a frontier that their texts lead to', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, index) => log.record(event(`r${index} "quoted" é\u2028 \\ `))));
    const rows = await database.dataSource.query<{ sequence: string }[]>('SELECT sequence FROM audit_events ORDER BY sequence');
    expect(rows.map(({ sequence }) => Number(sequence))).toEqual(Array.from({ length: 600 }, (_, index) => index));
    await expect(verifyStoredLog(database.dataSource)).resolves.toEqual({ size: 600, isIntact: true });
  });

  it('writes a row and its event together', async () => {
    await log.commit(event('good'), { label: 'good' });
    expect(await labels()).toContain('good');
  });

  it('does what is left to do before it resolves, whether or not its batch was contended, and fails with it', async () => {
    await log.commit(event('settled'), { label: 'settled' });
    const done: string[] = [];
    const commit = async (name: string) => {
      await log.commit(event(name), { label: name }, () => { done.push(name); });
      expect(done).toContain(name);
    };
    await Promise.all([commit('m1'), commit('m2')]);
    const other = new AuditLog(database.dataSource, database.pool);
    await other.record(event('moves the head'));
    await commit('m3');
    await expect(log.commit(event('m4'), { label: 'm4' }, () => { throw new Error('could not be signed'); })).rejects.toThrow('could not be signed');
    expect(done).toEqual(['m1', 'm2', 'm3']);
    expect(await labels()).toEqual(expect.arrayContaining(['m1', 'm2', 'm3', 'm4']));
  });

  it('refuses a row that may not come to be, without its event, and commits the rest of its batch', async () => {
    const before = await verifyStoredLog(database.dataSource);
    const outcomes = await Promise.allSettled([log.commit(event('a'), { label: 'fine' }), log.commit(event('b'), { label: 'bad' }), log.record(event('c'))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'row_refused', details: { reason: 'refused_by_test' } });
    expect(await labels()).not.toContain('bad');
    await expect(verifyStoredLog(database.dataSource)).resolves.toEqual({ size: before.size + 2, isIntact: true });
  });

  it('stays whole when several writers and transactions append at once, some of which roll back', async () => {
    const before = await verifyStoredLog(database.dataSource);
    const other = new AuditLog(database.dataSource, database.pool);
    other.useCompanion(COMPANION);
    const inTransaction = (writer: AuditLog, reason: string, fails: boolean) => database.dataSource.transaction(async (manager) => {
      await writer.recordIn(manager, event(reason), event(reason));
      if (fails) throw new Error('rolled back');
    }).catch(() => undefined);
    await Promise.all(Array.from({ length: 60 }, async (_, index) => {
      const writer = index % 2 === 0 ? log : other;
      await inTransaction(writer, `t${index}`, index % 3 === 0);
      await writer.record(event(`s${index}`));
    }));
    await expect(verifyStoredLog(database.dataSource)).resolves.toEqual({ size: before.size + 60 + 40 * 2, isIntact: true });
  });

  it('refuses all rows of a transaction when one may not come to be', async () => {
    const before = await verifyStoredLog(database.dataSource);
    const attempt = database.dataSource.transaction((manager) => log.commitIn(manager, [{ event: event('x'), row: { label: 'left behind' } }, { event: event('y'), row: { label: 'bad' } }]));
    await expect(attempt).rejects.toMatchObject({ code: 'row_refused' });
    expect(await labels()).not.toContain('left behind');
    await expect(verifyStoredLog(database.dataSource)).resolves.toEqual(before);
  });

  it.each([
    ['lost database', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 1],
    ['fault of its own', Object.assign(new Error('division by zero'), { code: '22012' }), 2],
  ])('lets whoever waits behind a batch with a %s wait no longer than makes sense', async (_, error, batches) => {
    let begun = 0;
    let fail: (reason: Error) => void = () => undefined;
    const hasBegun = new EventEmitter();
    const away = { transaction: () => {
      begun += 1;
      hasBegun.emit('transaction');
      return begun === 1 ? new Promise((_resolve, reject) => { fail = reject; }) : Promise.reject(error);
    } } as unknown as DataSource;
    const writer = new AuditLog(away, database.pool);
    const firstBegins = once(hasBegun, 'transaction');
    const first = writer.record(event('first')).catch((reason: unknown) => reason);
    await firstBegins;
    const behind = writer.record(event('behind')).catch((reason: unknown) => reason);
    fail(error);
    expect(await Promise.all([first, behind])).toMatchObject([{ code: 'audit_unavailable' }, { code: 'audit_unavailable' }]);
    expect(begun).toBe(batches);
  });

  it('that cannot be written, though the database answers, says so to whoever writes within a transaction', async () => {
    const { dataSource } = database;
    await dataSource.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`);
    await dataSource.query('CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()');
    try {
      await expect(dataSource.transaction((manager) => log.recordIn(manager, event('within')))).rejects.toMatchObject({ code: 'audit_unavailable' });
    } finally {
      await dataSource.query('DROP FUNCTION refuse CASCADE');
    }
    await dataSource.transaction((manager) => log.recordIn(manager, event('again')));
  });

  it('lets nobody change or remove an event', async () => {
    await expect(database.dataSource.query(`UPDATE audit_events SET body = '{}'`)).rejects.toThrow('append-only');
    await expect(database.dataSource.query('DELETE FROM audit_events')).rejects.toThrow('append-only');
    await expect(database.dataSource.query('TRUNCATE audit_events')).rejects.toThrow('append-only');
  });

  it('is found out when an event was changed behind its back', async () => {
    await database.dataSource.query('ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only');
    await database.dataSource.query(`UPDATE audit_events SET body = replace(body, 'r7 ', 'r8 ') WHERE sequence = 7`);
    await expect(verifyStoredLog(database.dataSource)).resolves.toMatchObject({ isIntact: false, firstBad: 7 });
  });
});
