import { Global, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import type { Pool } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { Config } from '../config/config.js';
import { answeringWithin } from './answering-client.js';
import { Background } from './background.js';
import { ChangeFeed } from './change-feed.js';
import { DatabasePool } from './database-pool.js';
import { openEmbeddedDatabase, type EmbeddedDatabase } from './embedded-database.js';
import { EMBEDDED_DATABASE } from './embedded-database.token.js';
import { migrations } from './migrations.js';
import { SingleUse } from './single-use.service.js';

/** Options under which both PostgreSQL and the embedded database run: one driver, one dialect, the same migrations. */
export function dataSourceOptions(config: Config, embedded: EmbeddedDatabase | undefined): DataSourceOptions {
  const options = { type: 'postgres' as const, migrations, migrationsRun: true, migrationsTransactionMode: 'each' as const, synchronize: false };
  if (embedded) {
    return { ...options, extra: { ...createPgConfig(embedded.instance), max: 1, connectionTimeoutMillis: config.databaseTimeoutMs } };
  }
  return {
    ...options,
    url: config.databaseUrl,
    applicationName: 'legate',
    extra: {
      max: config.databasePool,
      connectionTimeoutMillis: config.databaseTimeoutMs,
      statement_timeout: config.databaseTimeoutMs,
      // Compiling a statement takes half a second, running one of ours milliseconds. On a new installation, whose tables have no
      // statistics yet, the planner thinks that it pays: every token would wait for it.
      options: '-c jit=off',
      // The server's own limit answers first; this one is for a server that answers nothing at all.
      Client: answeringWithin(config.databaseTimeoutMs + 1000),
      // A node that stops in the middle of a transaction, without closing its connection, holds its locks for no longer than this.
      idle_in_transaction_session_timeout: 2 * config.databaseTimeoutMs,
    },
  };
}

/** Closes what the data source does not own, after it. */
@Injectable()
class EmbeddedDatabaseOwner implements OnApplicationShutdown {
  constructor(
    @Inject(EMBEDDED_DATABASE) private readonly embedded: EmbeddedDatabase | null,
    private readonly dataSource: DataSource,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    if (!this.embedded) return;
    // TypeOrmModule closes the data source in the same phase, in no promised order: closing twice is harmless, closing late is not.
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    await this.embedded.close();
  }
}

@Global()
@Module({
  providers: [{
    provide: EMBEDDED_DATABASE,
    inject: [Config],
    useFactory: async (config: Config) => (config.databaseUrl ? null : openEmbeddedDatabase(config.dataDir)),
  }],
  exports: [EMBEDDED_DATABASE],
})
class EmbeddedDatabaseModule {}

@Global()
@Module({
  imports: [
    EmbeddedDatabaseModule,
    TypeOrmModule.forRootAsync({
      inject: [Config, EMBEDDED_DATABASE],
      useFactory: (config: Config, embedded: EmbeddedDatabase | null) =>
        ({ ...dataSourceOptions(config, embedded ?? undefined), autoLoadEntities: true, retryAttempts: 0 }),
    }),
  ],
  providers: [
    EmbeddedDatabaseOwner,
    Background,
    ChangeFeed,
    SingleUse,
    {
      provide: DatabasePool,
      inject: [getDataSourceToken(), EMBEDDED_DATABASE],
      useFactory: (dataSource: DataSource, embedded: EmbeddedDatabase | null): DatabasePool =>
        ({ pool: (dataSource.driver as unknown as { master: Pool }).master, isEmbedded: embedded !== null }),
    },
  ],
  exports: [DatabasePool, Background, ChangeFeed, SingleUse],
})
export class DatabaseModule {}
