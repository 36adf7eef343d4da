import { DataSource } from 'typeorm';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { SPAN } from '../../src/modules/audit/audit-mentions.js';
import type { TestApplication } from './application.js';

/** Waits until the background has read all that the log has so far; what is recorded here makes the last span complete. */
export async function untilLogIsRead(server: TestApplication): Promise<void> {
  const position = async () => (await server.inside(DataSource).query<[{ size: string; read: string }]>(`SELECT h.size, r.sequence AS read FROM audit_heads h, audit_readers r WHERE r.reader = 'mentions'`))[0];
  const { size } = await position();
  await server.inside(AuditLog).record(...Array.from({ length: SPAN }, () => ({ type: 'user.updated', outcome: 'success', organization_id: null, actor: { kind: 'system' } }) as const));
  const deadline = Date.now() + 120_000;
  while (Number((await position()).read) < Number(size)) {
    if (Date.now() > deadline) throw new Error('the log was not read');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
