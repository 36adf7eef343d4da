import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DatabasePool } from '../database/database-pool.js';
import { REDIS, type Redis } from '../redis/redis.token.js';
import { HealthChecks } from './health-checks.js';

/** Is what we store things in there: the database, with every migration, and, where there is one, Redis. */
@Injectable()
export class StorageChecks implements OnModuleInit {
  private areMigrationsApplied = false;

  constructor(
    private readonly checks: HealthChecks,
    private readonly dataSource: DataSource,
    private readonly database: DatabasePool,
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  onModuleInit(): void {
    const { redis } = this;
    this.checks.register('database', () => this.askDatabase());
    this.checks.register('migrations', () => this.compareMigrations());
    // Without it this node limits by itself: slower to notice a crowd, but nothing is refused or let through that should not be.
    if (redis) this.checks.register('redis', () => redis.ask(async (client) => { await client.ping(); }), { isRequired: false });
  }

  private async askDatabase(): Promise<{ embedded: boolean }> {
    await this.dataSource.query('SELECT 1');
    return { embedded: this.database.isEmbedded };
  }

  /** Once they are applied they stay applied for as long as this process runs. */
  private async compareMigrations(): Promise<void> {
    if (this.areMigrationsApplied) return;
    const table = this.dataSource.options.migrationsTableName ?? 'migrations';
    const rows = await this.dataSource.query<{ name: string }[]>(`SELECT name FROM "${table}"`);
    const applied = new Set(rows.map(({ name }) => name));
    const missing = this.dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name).filter((name) => !applied.has(name));
    if (missing.length > 0) throw new Error(`migrations are not applied: ${missing.join(', ')}`);
    this.areMigrationsApplied = true;
  }
}
