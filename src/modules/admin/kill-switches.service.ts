import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now } from '../../kernel/clock.js';
import { insufficientScope } from '../../platform/http/access.errors.js';
import type { Caller } from '../../platform/http/caller.js';
import { redactText } from '../../platform/logging/redaction.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Endings, type EndedKinds } from '../audit/endings.service.js';
import { administratorRequired } from '../clients/clients.errors.js';
import { standingOf, type ApiScope } from '../organizations/roles.js';
import { KillSwitchTargets } from './kill-switch-targets.service.js';
import type { KillSwitchTarget } from './kill-switch.js';

/** What it takes beside `tokens:revoke`: whoever may not suspend an agent does not do it by another name. */
const ALSO: { readonly [Kind in KillSwitchTarget['kind']]?: ApiScope } = { agent: 'agents:write', task: 'tasks:write', user: 'users:write', organization: 'organizations:write' };

/** For as long the answer waits until new tokens count. Where clocks of nodes differ by more, it says when. */
const LONGEST_WAIT_MS = 1000;

export interface PulledSwitch {
  readonly ended: EndedKinds;
  /** Since when what is issued counts again; undefined where nothing depends on a moment. */
  readonly notBefore?: Date;
}

/**
 * Kill switches: who sees what they would end, and ends it.
 *
 * 1. What it is about is held, so that nobody changes it meanwhile.
 * 2. What is alive of it is counted. Whatever comes to be until the end, ends as well.
 * 3. It ends, in the same transaction as the one event that tells of it, which takes the head of the audit log: an issuance
 *    comes either before, and is dead, or after, and finds what it would have stood on dead.
 */
@Injectable()
export class KillSwitches {
  constructor(
    private readonly dataSource: DataSource,
    private readonly targets: KillSwitchTargets,
    private readonly endings: Endings,
    private readonly audit: AuditLog,
  ) {}

  /** @throws DomainError as `use` */
  async preview(caller: Caller, target: KillSwitchTarget): Promise<EndedKinds> {
    const found = await this.switchOf(caller, target);
    return this.dataSource.transaction(async (manager) => this.endings.look(manager, (await found.hold(manager)).thing));
  }

  /**
   * @param because in words
   * @throws DomainError `insufficient_scope`, `administrator_required`, `invalid_request`, `cutoff_in_the_future`, `platform_administrator_required`; `agent_not_found`,
   *   `agent_deactivated`, `task_not_found`, `client_not_found`; as `OrganizationAdministration.holdToSuspend`, `UserAdministration.holdToDisable`
   */
  async use(caller: Caller, target: KillSwitchTarget, because: string): Promise<PulledSwitch> {
    const found = await this.switchOf(caller, target);
    const { held, ...pulled } = await this.dataSource.transaction(async (manager) => {
      const held = await found.hold(manager);
      const ended = await this.endings.look(manager, held.thing);
      const notBefore = await held.end();
      await this.audit.recordIn(manager, held.event({ because: redactText(because), ended: countsOf(ended), notBefore }));
      return { held, ended, notBefore };
    });
    held.after?.();
    await untilReached(pulled.notBefore);
    return pulled;
  }

  private switchOf(caller: Caller, target: KillSwitchTarget) {
    assertMayEndTokens(caller);
    const scope = ALSO[target.kind];
    if (scope !== undefined && !caller.scopes.has(scope)) throw insufficientScope(['tokens:revoke', scope]);
    return this.targets.of(caller, target);
  }
}

/** @throws DomainError `administrator_required`: a member ends tokens one by one, as far as they see them */
export function assertMayEndTokens(caller: Caller): void {
  if (standingOf(caller) === 'member') throw administratorRequired('end more than one token at a time');
}

/** What an event keeps of what ended. */
export function countsOf(ended: EndedKinds): Record<string, number> {
  return Object.fromEntries(Object.entries(ended).map(([kind, { count }]) => [kind, count]));
}

async function untilReached(moment: Date | undefined): Promise<void> {
  const wait = (moment?.getTime() ?? 0) - now();
  if (wait > 0 && wait <= LONGEST_WAIT_MS) await pause(wait);
}
