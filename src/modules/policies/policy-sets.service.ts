import { setImmediate as turn } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { BoundedMap } from '../../kernel/bounded-map.js';
import type { OrganizationId } from '../../kernel/ids.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { notifyChanged } from '../../platform/database/notify.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { compilePolicy } from './compile-policy.js';
import type { InstallationPolicies } from './installation-policies.js';
import { ParsedSets } from './parsed-sets.js';
import { PolicyDirectory } from './policy-directory.service.js';
import { PolicySet, type Engine, type Outcome, type SetPolicy } from './policy-set.js';

interface PolicyRow {
  id: string;
  name: string;
  version: number;
  rule: unknown;
}

/** The enabled policies of an organization, each with the version that it was compiled from. */
interface OwnPolicies {
  readonly version: string;
  readonly policies: readonly (SetPolicy & { readonly version: number })[];
}

/** All that an organization's set was made of. */
interface Made {
  readonly own: OwnPolicies;
  readonly installation: InstallationPolicies;
  readonly set: PolicySet;
}

const MOST_ORGANIZATIONS = 2000;
const MOST_OUTCOMES = 20_000;
/** Compiled in one go; then others get their turn. */
const COMPILED_AT_ONCE = 50;

/** The set of policies that decides for each organization: its own and those of the installation. */
@Injectable()
export class PolicySets implements OnModuleInit {
  private readonly logger = new Logger(PolicySets.name);
  private readonly cache = new ShortLivedCache<PolicySet>((organizationId) => this.load(organizationId as OrganizationId));
  /** The last set of each organization that could be made. */
  private readonly made = new BoundedMap<string, Made>(MOST_ORGANIZATIONS);
  private readonly refused = new BoundedMap<string, string>(MOST_ORGANIZATIONS);
  readonly engine: Engine;

  constructor(
    private readonly dataSource: DataSource,
    private readonly directory: PolicyDirectory,
    private readonly audit: AuditLog,
    private readonly changes: ChangeFeed,
    scopes: ScopesService,
  ) {
    this.engine = { parsed: new ParsedSets(), outcomes: new BoundedMap<string, Outcome>(MOST_OUTCOMES), scopes };
  }

  onModuleInit(): void {
    this.directory.onChange(() => this.cache.clear());
    this.changes.subscribe((kind, id) => {
      if (kind === 'policy') this.invalidate(id as OrganizationId);
      else if (kind === '*') this.cache.clear();
    });
  }

  /**
   * The set as it was at most a second ago; undefined when there is none that could be used. Not for use inside a transaction.
   * Rejects when the database does not answer.
   */
  of(organizationId: OrganizationId): Promise<PolicySet | undefined> {
    return this.cache.get(organizationId);
  }

  /** The same without waiting; undefined also when the database has to be asked. */
  peek(organizationId: OrganizationId): PolicySet | undefined {
    return this.cache.peek(organizationId);
  }

  invalidate(organizationId: OrganizationId): void {
    this.cache.invalidate(organizationId);
  }

  /** Notes in the caller's transaction that policies of the organization change, and makes other such transactions wait. */
  async touch(manager: EntityManager, organizationId: OrganizationId): Promise<void> {
    await manager.query(
      'INSERT INTO policy_sets AS s (organization_id, version) VALUES ($1, 1) ON CONFLICT (organization_id) DO UPDATE SET version = s.version + 1', [organizationId]);
    await notifyChanged(manager, 'policy', organizationId);
  }

  private async load(organizationId: OrganizationId): Promise<PolicySet | undefined> {
    const installation = this.directory.current;
    const made = this.made.get(organizationId);
    const own = await this.ownPolicies(organizationId, made?.own);
    if (installation.policies === null || own === undefined) return undefined;
    if (made?.own === own && made.installation === installation) return made.set;
    const set = new PolicySet([...installation.policies, ...own.policies], `${installation.version}.${own.version}`, this.engine);
    this.made.set(organizationId, { own, installation, set });
    return set;
  }

  /** Those of the organization, or the last that could be compiled where its present ones cannot. */
  private async ownPolicies(organizationId: OrganizationId, last: OwnPolicies | undefined): Promise<OwnPolicies | undefined> {
    const [head] = await this.dataSource.query<{ version: string }[]>('SELECT version FROM policy_sets WHERE organization_id = $1', [organizationId]);
    const version = head?.version ?? '0';
    if (last?.version === version || this.refused.get(organizationId) === version) return last;
    // Read after the version: they may be newer than it, and then the next look finds out.
    const rows = await this.dataSource.query<PolicyRow[]>(
      'SELECT id, name, version, rule FROM policies WHERE organization_id = $1 AND is_enabled AND deleted_at IS NULL ORDER BY id', [organizationId]);
    const compiledBefore = new Map(last?.policies.map((policy) => [`${policy.id} ${policy.version}`, policy]));
    const policies: OwnPolicies['policies'][number][] = [];
    for (const [index, row] of rows.entries()) {
      if (index % COMPILED_AT_ONCE === COMPILED_AT_ONCE - 1) await turn();
      const compiled = compiledBefore.get(`${row.id} ${row.version}`)?.compiled ?? compilePolicy(row.rule);
      if ('problems' in compiled) {
        await this.refuse(organizationId, version, row, compiled.problems.map(({ path, message }) => `${path}: ${message}`));
        return last;
      }
      policies.push({ id: row.id, name: row.name, version: row.version, compiled });
    }
    return { version, policies };
  }

  private async refuse(organizationId: OrganizationId, version: string, { id }: PolicyRow, problems: readonly string[]): Promise<void> {
    this.logger.error(`the policies of the organization ${organizationId} are refused because of the policy ${id}: ${problems.join('; ')}`);
    this.refused.set(organizationId, version);
    await this.audit.record({
      type: 'policy_set.refused', outcome: 'refused', organization_id: organizationId, actor: { kind: 'system' }, target: { kind: 'policy', id }, details: { version, problems: [...problems] },
    });
  }
}
