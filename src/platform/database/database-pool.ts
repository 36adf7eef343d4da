import type { Pool } from 'pg';

/** The one pool of PostgreSQL connections, for named statements on hot paths. Everything else goes through TypeORM. */
export abstract class DatabasePool {
  abstract readonly pool: Pool;
  abstract readonly isEmbedded: boolean;
}
