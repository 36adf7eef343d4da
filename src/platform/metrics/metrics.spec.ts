import { Metrics } from './metrics.js';

describe('metrics', () => {
  it('put methods that do not exist together', async () => {
    const metrics = new Metrics();
    metrics.requestAnswered('token', 'BREW', 405, 0.001);
    expect(await metrics.render()).toContain('legate_http_requests_total{route="token",method="OTHER",status="405"} 1');
  });

  it('show sizes and times of group commits', async () => {
    const metrics = new Metrics();
    metrics.batchCommitted({ size: 3, milliseconds: 2, wasContended: true });
    const text = await metrics.render();
    expect(text).toContain('legate_commit_batch_size_bucket{le="4"} 1');
    expect(text).toContain('legate_commit_duration_seconds_bucket{le="0.0025"} 1');
    expect(text).toContain('legate_commit_contended_total 1');
  });

  it('ask the pool and the password hasher at each reading', async () => {
    const metrics = new Metrics();
    let waiting = 1;
    metrics.watchPool(() => ({ total: 10, idle: 4, waiting }));
    metrics.watchPasswordHashes(() => ({ running: 1, waiting: 7 }));
    await metrics.render();
    waiting = 2;
    const text = await metrics.render();
    expect(text).toContain('legate_database_connections{state="waiting"} 2');
    expect(text).toContain('legate_database_connections{state="total"} 10');
    expect(text).toContain('legate_password_hashes{state="waiting"} 7');
  });

  it('of the audit log show what it said last, also while it does not answer', async () => {
    const metrics = new Metrics();
    let isThere = true;
    metrics.watchLog(async () => {
      if (!isThere) throw new Error('the database is away');
      return { written: 12, signed: 10 };
    });
    expect(await metrics.render()).toContain('legate_audit_events{state="signed"} 10');
    isThere = false;
    expect(await metrics.render()).toContain('legate_audit_events{state="written"} 12');
  });

  it('of two applications in one process stay apart', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.tokenDecided('client_credentials', 'issued');
    expect(await other.render()).not.toContain('grant="client_credentials"');
  });
});
