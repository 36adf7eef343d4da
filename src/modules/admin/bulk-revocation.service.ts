import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { redactText } from '../../platform/logging/redaction.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { EndedKinds } from '../audit/endings.service.js';
import { TokenSweeps, type Sweep } from '../tokens/token-sweeps.service.js';
import { reachOf } from './audit-reading.service.js';
import type { TokenFilterDto } from './bulk-revocation.dto.js';
import { filterEmpty, targetMalformed } from './kill-switch.errors.js';
import { assertMayEndTokens, countsOf } from './kill-switches.service.js';

/** Ends many tokens by what they have in common. */
@Injectable()
export class BulkRevocation {
  constructor(private readonly dataSource: DataSource, private readonly sweeps: TokenSweeps, private readonly audit: AuditLog) {}

  /** @throws DomainError as `revoke` */
  async preview(caller: Caller, filter: TokenFilterDto): Promise<EndedKinds> {
    const sweep = sweepOf(caller, filter);
    return this.dataSource.transaction((manager) => this.sweeps.look(manager, sweep));
  }

  /**
   * Answers what was alive the moment before. What has come since, and fits, ends as well.
   *
   * @param because in words
   * @throws DomainError `administrator_required`, `platform_administrator_required`, `filter_empty`, `invalid_request`
   */
  async revoke(caller: Caller, filter: TokenFilterDto, because: string): Promise<EndedKinds> {
    const sweep = sweepOf(caller, filter);
    return this.sweeps.retrying(() => this.dataSource.transaction(async (manager) => {
      const ended = await this.sweeps.look(manager, sweep);
      await this.sweeps.end(manager, sweep, () => this.audit.recordIn(manager, {
        type: 'tokens.revoked', outcome: 'success', organization_id: sweep.organizationId, ...doneBy(caller),
        details: { filter: { ...filter }, because: redactText(because), ended: countsOf(ended) },
      }));
      return ended;
    }));
  }
}

function sweepOf(caller: Caller, { organization, resource, issued_before, issued_after, ...criteria }: TokenFilterDto): Sweep {
  assertMayEndTokens(caller);
  const reach = reachOf(caller, organization);
  const all = { ...criteria, audience: resource, issued_before: momentOf('issued_before', issued_before), issued_after: momentOf('issued_after', issued_after) };
  if (Object.values(all).every((value) => value === undefined)) throw filterEmpty();
  return { criteria: all, organizationId: reach === 'all' ? null : reach.organizationId, endsConsents: true };
}

/** What looks like a moment need not be one, such as the 45th of May. */
function momentOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) throw targetMalformed(`"${name}" must be a date and time that there is.`);
  return moment.toISOString();
}
