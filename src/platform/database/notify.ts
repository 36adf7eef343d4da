import type { EntityManager } from 'typeorm';

/** What nodes keep in memory. */
export type ChangedKind = 'client' | 'agent' | 'scope' | 'resource' | 'tool' | 'agent_tools' | 'signing_key' | 'delegation' | 'policy' | 'limits';

/** What nodes are told of so that they do not have to look for it. */
export type AwaitedKind = 'signal_stream' | 'signal';

/**
 * Tells every node that its cached copy is stale, when the transaction commits and not before (NOTIFY is transactional).
 * `ChangeFeed` delivers it.
 */
export async function notifyChanged(manager: EntityManager, kind: ChangedKind | AwaitedKind, id: string): Promise<void> {
  await manager.query('SELECT pg_notify($1, $2)', ['legate_changed', `${kind}:${id}`]);
}
