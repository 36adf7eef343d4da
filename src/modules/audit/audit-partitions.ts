import type { EntityManager } from 'typeorm';

/**
 * The log is stored in pieces. Makes those that are missing for events before `size`, in the caller's transaction; answers up to which
 * number there are pieces. Costs one question where none is missing.
 */
export async function coverLog(manager: Pick<EntityManager, 'query'>, size: number): Promise<number> {
  const [{ reach }] = await manager.query<[{ reach: string }]>('SELECT audit_cover($1) AS reach', [size]);
  return Number(reach);
}
