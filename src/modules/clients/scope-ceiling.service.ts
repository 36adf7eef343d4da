import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { standingOf } from '../organizations/roles.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { scopesBeyondCaller } from './clients.errors.js';
import { ClientsService } from './clients.service.js';

/** What one caller may hand out. */
export interface ScopeCeilingOfCaller {
  /** @throws DomainError `scopes_not_held` */
  assertCovers(wanted: Iterable<string>): void;
  /** Those of the scopes that the caller may hand out. */
  within(wanted: readonly string[]): string[];
}

/**
 * Nobody hands out scopes that they do not hold, be it by registering a client, by changing what it may ask for, or by
 * giving it a new credential.
 *
 * - Scopes of this server's own API: the caller's token carries them, or one that covers them.
 * - Scopes that an organization defined, and the demo's: these too; or the caller is one who defines them, that is a
 *   person who runs the organization, or a client or agent with `scopes:write`. (Who may define `calendar:read` and say
 *   which resource offers it decides over it anyway.)
 * - OpenID Connect's own scopes open nothing without a person's consent, so anybody may hand them out.
 */
@Injectable()
export class ScopeCeiling {
  constructor(private readonly clients: ClientsService, private readonly scopes: ScopesService) {}

  /** Asks the database, so not for use inside a transaction; what it answers is. */
  async of(caller: Caller): Promise<ScopeCeilingOfCaller> {
    const [definesScopes, graph] = await Promise.all([this.definesScopes(caller), this.scopes.graphOf(caller.organizationId)]);
    const beyond = (wanted: Iterable<string>) => graph.uncovered(caller.scopes, wanted)
      .filter((name) => !this.scopes.isOidcScope(name) && (!definesScopes || this.scopes.isApiScope(name)));
    return {
      assertCovers: (wanted) => {
        const missing = beyond(wanted);
        if (missing.length > 0) throw scopesBeyondCaller(missing);
      },
      within: (wanted) => {
        const missing = new Set(beyond(wanted));
        return wanted.filter((name) => !missing.has(name));
      },
    };
  }

  private async definesScopes(caller: Caller): Promise<boolean> {
    if (caller.scopes.has('scopes:write')) return true;
    if (caller.kind === 'user') return standingOf(caller) !== 'member';
    // A client may have asked for a narrower token than it could have: that takes nothing away from what it is here for.
    return caller.kind === 'client' && (await this.clients.findCached(caller.clientId))?.scopes.has('scopes:write') === true;
  }
}
