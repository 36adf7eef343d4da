import { Injectable } from '@nestjs/common';
import { DomainError } from '../../kernel/domain-error.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Page, PageQuery } from '../../platform/http/page.js';
import { AuditSearch } from '../audit/audit-search.service.js';
import type { LoggedEvent, LogReach } from '../audit/logged-event.js';
import { taskNotFound } from '../lineage/lineage.errors.js';
import { TaskChains } from '../lineage/task-chain.service.js';
import { platformAdministratorRequired } from '../organizations/organizations.errors.js';
import type { AuditLogQuery, AuditPageQuery } from './audit-search.dto.js';
import { typesNamed } from './audit-types.js';

/**
 * The log as its readers see it: the events of their organization. No role below admin holds the scope, since events tell of
 * everybody; what a member, or an agent, has to know of a task of theirs they get without it (`TaskTrail`).
 */
@Injectable()
export class AuditReading {
  constructor(private readonly search: AuditSearch, private readonly chains: TaskChains) {}

  /** @throws DomainError `platform_administrator_required`, `invalid_request`, `invalid_cursor` */
  async list(caller: Caller, query: AuditLogQuery): Promise<Page<LoggedEvent>> {
    const { organization, type, from, to, limit, cursor, ...filter } = query;
    const period = { from: momentOf('from', from), to: momentOf('to', to) };
    if (period.from && period.to && period.from > period.to) throw new DomainError('invalid', 'invalid_request', '"from" must not be after "to".');
    return this.search.list(reachOf(caller, organization), { ...filter, ...period, ...(type && { types: typesNamed(type) }) }, { limit, cursor });
  }

  /** @throws DomainError `platform_administrator_required`, `audit_event_not_found` */
  async get(caller: Caller, id: string, organization?: 'all'): Promise<LoggedEvent> {
    return this.search.get(reachOf(caller, organization), id);
  }

  /** @throws DomainError `platform_administrator_required`, `task_not_found`, `invalid_cursor` */
  async ofTask(caller: Caller, id: string, { organization, ...page }: AuditPageQuery): Promise<Page<LoggedEvent>> {
    return this.ofTasks(reachOf(caller, organization), this.chains.named(id), page, 'audit-task');
  }

  /** @throws DomainError `platform_administrator_required`, `task_not_found`, `task_chain_too_large`, `invalid_cursor` */
  async ofTaskChain(caller: Caller, id: string, { organization, ...page }: AuditPageQuery): Promise<Page<LoggedEvent>> {
    const reach = reachOf(caller, organization);
    return this.ofTasks(reach, await this.chains.around(reach === 'all' ? undefined : caller.organizationId, id), page, 'audit-task-chain');
  }

  /** Every task begins with an event of its own. */
  private async ofTasks(reach: LogReach, taskIds: readonly string[], page: PageQuery, list: string): Promise<Page<LoggedEvent>> {
    const events = await this.search.ofTasks(reach, taskIds, page, list);
    if (events.data.length === 0 && page.cursor === undefined) throw taskNotFound();
    return events;
  }
}

/**
 * Whose events the caller may ask for.
 * @throws DomainError `platform_administrator_required`
 */
export function reachOf(caller: Caller, organization: 'all' | undefined): LogReach {
  if (organization === undefined) return { organizationId: caller.organizationId };
  if (!caller.isPlatformAdministrator) throw platformAdministratorRequired();
  return 'all';
}

/** What looks like a moment need not be one, such as the 45th of May. */
function momentOf(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) throw new DomainError('invalid', 'invalid_request', `"${name}" must be a date and time that there is.`);
  return moment;
}
