import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../platform/config/config.js';
import { Sparingly } from '../../platform/logging/sparingly.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { DEFAULT_POLICIES } from './default-policies.js';
import { compileFiles, UNUSABLE, type InstallationPolicies } from './installation-policies.js';
import { folderState, readFolder, SETTLING_MS, type FolderContent, type FolderState } from './policy-folder.js';

const LOOK_EVERY_MS = 250;
const MOST_PROBLEMS = 20;
const ONE_ERROR_PER_MS = 10_000;

/**
 * The policies of the installation, from the folder LEGATE_POLICIES_DIR. The folder is looked at four times a second, which
 * works on every kind of file system. What it holds is taken whole, when all of it can be read, parsed, compiled and checked; or
 * refused whole, and the last policies that were taken stay. Each node reads a folder of its own.
 */
@Injectable()
export class PolicyDirectory implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger(PolicyDirectory.name);
  private readonly listeners: (() => void)[] = [];
  private loaded: InstallationPolicies = UNUSABLE;
  /** The state that was last taken or refused. */
  private seen?: FolderState;
  private timer?: NodeJS.Timeout;
  private looking: Promise<void> = Promise.resolve();
  private isClosed = false;
  private readonly failures = new Sparingly(ONE_ERROR_PER_MS);

  constructor(private readonly config: Config, private readonly audit: AuditLog) {}

  /** Those in force now. */
  get current(): InstallationPolicies {
    return this.loaded;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  async onModuleInit(): Promise<void> {
    // Somebody may be writing as the server starts: it waits until they have finished, but not for ever.
    for (let attempt = 0; attempt < 20 && this.seen === undefined; attempt += 1) await this.look();
    this.lookLater();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private lookLater(wait = LOOK_EVERY_MS): void {
    if (!this.isClosed) this.timer = setTimeout(() => { this.looking = this.turn(); }, wait).unref();
  }

  private async turn(): Promise<void> {
    let wait = LOOK_EVERY_MS;
    try {
      // Soon again, and not in step with whoever is changing it.
      if (!await this.look()) wait = Math.random() * SETTLING_MS;
    } catch (error) {
      if (this.failures.admit() !== undefined) this.logger.error(`the policies could not be taken, and are tried again: ${String(error)}`);
    }
    this.lookLater(wait);
  }

  /** @returns false when the folder was being changed */
  private async look(): Promise<boolean> {
    const state = await folderState(this.config.policiesDir);
    if (state === this.seen) return true;
    const content = await readFolder(this.config.policiesDir, state);
    if (content.kind === 'unsettled') return false;
    await this.take(content);
    this.seen = state;
    return true;
  }

  private async take(content: FolderContent): Promise<void> {
    // A folder that was there and is gone is no wish for the default: what it forbade stays forbidden.
    if (content.kind === 'missing' && this.seen !== undefined) return this.refuse(['the folder is gone']);
    if (content.kind === 'unreadable') return this.refuse([`the folder cannot be read: ${content.reason}`]);
    const files = content.kind === 'files' ? content.files : [{ name: 'the built-in policies', text: DEFAULT_POLICIES }];
    const policies = await compileFiles(files, this.loaded);
    if ('problems' in policies) return this.refuse(policies.problems);
    if (policies.version === this.loaded.version) return;
    const source = content.kind === 'files' ? 'directory' : 'built_in';
    // First the record: what decides from now on is on record before it does.
    await this.audit.record({
      type: 'policy_set.loaded', outcome: 'success', organization_id: null, actor: { kind: 'system' }, target: { kind: 'policy_set', id: policies.version },
      details: { source, policies: policies.policies!.map(({ name }) => name) },
    });
    this.loaded = policies;
    for (const listener of this.listeners) listener();
    if (source === 'built_in') this.logger.log(`there is no folder ${this.config.policiesDir}: the built-in policies are in force`);
    else this.logger.log(`policies loaded: ${policies.policies!.length} from ${this.config.policiesDir}, version ${policies.version}`);
  }

  private async refuse(problems: readonly string[]): Promise<void> {
    const rest = this.loaded.policies === null ? 'nothing is allowed until it is put right' : `version ${this.loaded.version} stays in force`;
    this.logger.error(`the policies of ${this.config.policiesDir} are refused, ${rest}: ${problems.slice(0, MOST_PROBLEMS).join('; ')}`);
    await this.audit.record({
      type: 'policy_set.refused', outcome: 'refused', organization_id: null, actor: { kind: 'system' }, target: { kind: 'policy_set', id: this.loaded.version },
      details: { problems: problems.slice(0, MOST_PROBLEMS), problem_count: problems.length },
    });
  }
}
