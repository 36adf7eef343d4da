import { readFile, stat } from 'node:fs/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { newId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { ContentWatch } from '../../platform/config/content-watch.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { readScopeFile, type FileScope } from './scope-file.js';
import { ScopesService } from './scopes.service.js';

const LOOK_EVERY_MS = 500;
const LARGEST_FILE = 1024 * 1024;
/** Of problems and names in one line or event. */
const MOST_TOLD = 20;

/** What stands in the file, or why that cannot be told. */
type Content = { readonly text: string } | { readonly problem: string };

/** Names that a new version of the file affected. */
interface Changes {
  readonly defined: string[];
  readonly ended: string[];
}

/**
 * The scopes that the operator defines for all organizations, in a file:
 * 1. it is read at the start, and again whenever its content has changed and settled;
 * 2. it is taken as a whole or refused as a whole, so what was good before goes on while anything is wrong with it;
 * 3. one node at a time brings it into the database, which tells all nodes; the others find that nothing is left to do.
 *
 * Scopes that have left the file stay as rows, inactive, and are the same when they come back.
 */
@Injectable()
export class ScopeFile implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ScopeFile.name);
  private readonly watch: ContentWatch;
  private atStart = '';

  constructor(
    private readonly config: Config,
    private readonly scopes: ScopesService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {
    this.watch = new ContentWatch(`the scopes file ${config.scopesFile.path}`, async () => JSON.stringify(await this.read()), (content) => this.take(JSON.parse(content) as Content), LOOK_EVERY_MS);
  }

  /** Takes the file as it is now, whatever is in it: a bad one keeps no server from starting. */
  async onModuleInit(): Promise<void> {
    const content = await this.read();
    await this.take(content);
    this.atStart = JSON.stringify(content);
  }

  onApplicationBootstrap(): void {
    this.watch.start(this.atStart);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.watch.stop();
  }

  private async read(): Promise<Content> {
    const { path, isNamed } = this.config.scopesFile;
    try {
      if ((await stat(path)).size > LARGEST_FILE) return { problem: 'It is larger than 1 MiB.' };
      return { text: await readFile(path, 'utf8') };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && !isNamed) return { text: 'scopes: []' };
      return { problem: code === 'ENOENT' ? 'There is no such file.' : `It cannot be read (${code ?? String(error)}).` };
    }
  }

  private async take(content: Content): Promise<void> {
    const isReserved = (name: string) => this.scopes.isReserved(name) || this.scopes.isApiScope(name);
    const found = 'text' in content ? readScopeFile(content.text, isReserved) : { problems: [content.problem] };
    await ('scopes' in found ? this.apply(found.scopes) : this.refuse(found.problems));
  }

  private async refuse(problems: readonly string[]): Promise<void> {
    const { path } = this.config.scopesFile;
    for (const problem of problems.slice(0, MOST_TOLD)) this.logger.error(`${path} is refused, and the scopes before it go on. ${problem}`);
    await this.audit.record({
      type: 'scope_file.refused', outcome: 'refused', organization_id: null, actor: { kind: 'system' }, reason: 'scope_file_invalid',
      details: { file: path, problems: problems.slice(0, MOST_TOLD), problem_count: problems.length },
    });
  }

  private async apply(scopes: readonly FileScope[]): Promise<void> {
    const { path } = this.config.scopesFile;
    const { defined, ended } = await this.dataSource.transaction(async (manager) => {
      await manager.query(`SELECT pg_advisory_xact_lock(hashtext('scopes file'))`);
      const changes = await write(manager, scopes);
      if (changes.defined.length + changes.ended.length === 0) return changes;
      await notifyChanged(manager, 'scope', '*');
      await this.audit.recordIn(manager, {
        type: 'scope_file.loaded', outcome: 'success', organization_id: null, actor: { kind: 'system' },
        details: {
          file: path, scopes: scopes.length, defined: changes.defined.slice(0, MOST_TOLD), defined_count: changes.defined.length,
          ended: changes.ended.slice(0, MOST_TOLD), ended_count: changes.ended.length,
        },
      });
      return changes;
    });
    this.scopes.invalidate();
    if (defined.length + ended.length > 0) this.logger.log(`${path}: ${defined.length} scopes are new or changed, ${ended.length} are no longer active`);
  }
}

async function write(manager: EntityManager, scopes: readonly FileScope[]): Promise<Changes> {
  const defined = await manager.query<{ name: string }[]>(
    `INSERT INTO scopes AS s (id, organization_id, source, name, description, category, implies, is_default, is_sensitive, requires_approval)
     SELECT id, NULL, 'file', name, description, category, implies, is_default, is_sensitive, requires_approval
     FROM json_to_recordset($1::json) AS given (id uuid, name text, description text, category text, implies text[], is_default boolean, is_sensitive boolean, requires_approval boolean)
     ON CONFLICT (organization_id, name) DO UPDATE
       SET source = 'file', description = excluded.description, category = excluded.category, implies = excluded.implies, is_default = excluded.is_default,
         is_sensitive = excluded.is_sensitive, requires_approval = excluded.requires_approval, is_active = true, updated_at = now()
       -- A node of another version may have made it a scope of the server, and so it stays.
       WHERE (s.source = 'file' OR NOT s.is_active)
         AND (s.source, s.description, s.category, s.implies, s.is_default, s.is_sensitive, s.requires_approval, s.is_active)
           IS DISTINCT FROM ('file', excluded.description, excluded.category, excluded.implies, excluded.is_default, excluded.is_sensitive, excluded.requires_approval, true)
     RETURNING name`,
    [JSON.stringify(scopes.map((scope) => ({ ...scope, id: newId() })))],
  );
  const [ended] = await manager.query<[{ name: string }[], number]>(
    `UPDATE scopes SET is_active = false, updated_at = now() WHERE source = 'file' AND is_active AND name <> ALL ($1::text[]) RETURNING name`,
    [scopes.map(({ name }) => name)],
  );
  const namesOf = (rows: readonly { name: string }[]) => rows.map(({ name }) => name).sort();
  return { defined: namesOf(defined), ended: namesOf(ended) };
}
