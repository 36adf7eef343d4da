import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings } from '../audit/endings.service.js';
import { DelegationDirectory } from './delegation-directory.service.js';
import { delegationEvent } from './delegation-event.js';
import { DelegationGrants } from './delegation-grants.service.js';

/** How delegations end before their time. */
@Injectable()
export class DelegationRevocation {
  constructor(
    private readonly dataSource: DataSource,
    private readonly grants: DelegationGrants,
    private readonly directory: DelegationDirectory,
    private readonly audit: AuditLog,
    private readonly endings: Endings,
  ) {}

  /**
   * Whoever sees a delegation may end it: the principal takes it back, the agent gives it back, and whoever runs the organization
   * stops it. One that is over stays as it is.
   *
   * @throws DomainError `delegation_not_found`
   */
  async revoke(caller: Caller, id: string): Promise<void> {
    const { grant } = await this.directory.get(caller, id);
    await this.dataSource.transaction(async (manager) => {
      const ended = await this.endings.below(manager, { kind: 'delegation', id, organizationId: grant.organizationId });
      if (!await this.grants.revoke(manager, id)) return;
      await this.audit.recordIn(manager, delegationEvent(caller, 'delegation.revoked', grant, { agent_id: grant.agentId, ended }));
    });
  }
}
