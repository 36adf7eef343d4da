import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { pageOf, pageStart, type Page, type PageQuery } from '../../platform/http/page.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { TaskDirectory } from './task-directory.service.js';

/** A recorded fact, without where it came from: addresses are for those who read the log. */
export interface TrailEvent extends Omit<AuditEvent, 'organization_id'> {
  readonly id: string;
  readonly sequence: number;
  readonly time: string;
}

const LIST = 'task-trail';

/** What is on record of one task, for whoever sees the task. */
@Injectable()
export class TaskTrail {
  private readonly cursorKey: Buffer;

  constructor(private readonly dataSource: DataSource, private readonly directory: TaskDirectory, masterKey: MasterKey) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  /**
   * The oldest first.
   * @throws DomainError `task_not_found`, `invalid_cursor`
   */
  async read(caller: Caller, taskId: string, page: PageQuery): Promise<Page<TrailEvent>> {
    const { limit, after = '-1' } = pageStart(page, LIST, this.cursorKey);
    const { id, organizationId } = await this.directory.get(caller, taskId);
    const rows = await this.dataSource.query<{ sequence: string; body: string }[]>(
      'SELECT sequence, body FROM audit_events WHERE task_id = $1 AND organization_id = $2 AND sequence > $3 AND body IS NOT NULL ORDER BY sequence LIMIT $4', [id, organizationId, after, limit + 1]);
    return pageOf(rows.map(({ sequence, body }) => trailEvent(Number(sequence), body)), limit, LIST, ({ sequence }) => String(sequence), this.cursorKey);
  }
}

function trailEvent(sequence: number, body: string): TrailEvent {
  const { source: _source, organization_id: _organization, ...event } = JSON.parse(body) as Record<string, JsonValue>;
  return { sequence, ...event } as unknown as TrailEvent;
}
