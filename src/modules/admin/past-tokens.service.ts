import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';
import type { Caller } from '../../platform/http/caller.js';
import { clientNotFound } from '../clients/clients.errors.js';
import { ClientsService } from '../clients/clients.service.js';
import { TokenCutoffs, wholeSecond, type CutoffReach } from '../tokens/token-cutoffs.service.js';
import { reachOf } from './audit-reading.service.js';
import { cutoffInTheFuture, targetMalformed } from './kill-switch.errors.js';
import { killSwitchEvent, type HeldTarget, type KillSwitch, type KillSwitchTarget } from './kill-switch.js';

/** The kill switch for everything that was issued before a moment. */
@Injectable()
export class PastTokens {
  constructor(private readonly cutoffs: TokenCutoffs, private readonly clients: ClientsService) {}

  /** @throws DomainError `platform_administrator_required`, `client_not_found`, `invalid_request`, `cutoff_in_the_future` */
  async switchOf(caller: Caller, { before, client_id: clientId, organization }: KillSwitchTarget): Promise<KillSwitch> {
    const reach = reachOf(caller, organization);
    const organizationId = reach === 'all' ? null : reach.organizationId;
    const moment = before === undefined ? undefined : momentOf(before);
    if (clientId !== undefined) {
      const client = await this.clients.findCached(clientId);
      if (!client || (organizationId !== null && client.organizationId !== organizationId)) throw clientNotFound();
    }
    const cutoff: CutoffReach = clientId !== undefined ? { kind: 'client', clientId } : organizationId === null ? { kind: 'installation' } : { kind: 'organization', organizationId };
    return { hold: (manager) => this.hold(manager, caller, cutoff, { organizationId, clientId, moment }) };
  }

  private async hold(
    manager: EntityManager, caller: Caller, cutoff: CutoffReach, { organizationId, clientId, moment }: { readonly organizationId: string | null; readonly clientId?: string; readonly moment?: Date },
  ): Promise<HeldTarget> {
    const before = moment ?? await this.cutoffs.byNow(manager, cutoff);
    return {
      thing: { kind: 'past', id: clientId ?? '', organizationId, before },
      event: (told) => killSwitchEvent(
        caller, organizationId, 'issued_before', clientId !== undefined ? { kind: 'client', id: clientId } : organizationId === null ? undefined : { kind: 'organization', id: organizationId }, told, { clientId },
      ),
      end: async () => {
        // Counting may have taken a while.
        const ended = moment ?? await this.cutoffs.byNow(manager, cutoff);
        await this.cutoffs.draw(manager, cutoff, ended);
        return ended;
      },
    };
  }
}

/** What looks like a moment need not be one, such as the 45th of May. Tokens are dated in whole seconds, downwards. */
function momentOf(text: string): Date {
  const moment = new Date(text).getTime();
  if (Number.isNaN(moment)) throw targetMalformed('"before" must be a date and time that there is.');
  if (moment > now()) throw cutoffInTheFuture();
  return wholeSecond(moment);
}
