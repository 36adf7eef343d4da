import { Injectable } from '@nestjs/common';
import { epochSeconds } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import type { Role } from '../../platform/http/caller.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { DelegationGrants, type DelegationPath } from '../delegation/delegation-grants.service.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { UsersService } from '../users/users.service.js';
import { lastOf } from './delegation-facts.js';
import type { Issuance } from './token-record.js';
import { delegationUnusable, targetBeyondAuthority } from './tokens.errors.js';

/** For whom a token is. */
export interface Subject extends Pick<Issuance, 'subject' | 'role'> {}

/** For whom an agent acts, and by which delegation. */
@Injectable()
export class OnBehalf {
  constructor(
    private readonly config: Config,
    private readonly delegations: DelegationGrants,
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
  ) {}

  /**
   * The delegation with this id, if it was made to this client and can be used now. Whether it is alive is judged when the token
   * is issued.
   *
   * @throws DomainError `invalid_grant`
   */
  async path(grantId: string, client: ClientRecord): Promise<DelegationPath> {
    const path = this.delegations.peekPath(grantId) ?? await this.delegations.path(grantId);
    const last = path && lastOf(path);
    // One that exists, and was made to somebody else, is none of this client's business.
    if (!path || !last || last.organizationId !== client.organizationId || last.agentId !== client.id as string) throw delegationUnusable('there is none of this id that was made to this client');
    if (last.notBefore !== null && last.notBefore.getTime() > epochSeconds() * 1000) throw delegationUnusable('it has not begun');
    if (path.length > this.config.delegationDepth) throw delegationUnusable('its chain is longer than this server allows');
    return path;
  }

  /** @throws DomainError `invalid_grant` when whoever is at the top can no longer be acted for */
  async subject(path: DelegationPath): Promise<Subject> {
    const { subjectKind: kind, subjectId: id, organizationId } = lastOf(path);
    if (kind === 'agent') return { subject: { kind, id } };
    const [role, user] = await Promise.all([this.organizations.roleOf(id, organizationId), this.users.findActive(id)]);
    const effective: Role | undefined = role ?? (user?.isPlatformAdministrator ? 'owner' : undefined);
    if (!user || !effective) throw delegationUnusable('the person behind it is not active here');
    return { subject: { kind, id }, role: effective };
  }

  /** @throws DomainError `invalid_target` */
  assertReaches(path: DelegationPath, resource: string): void {
    const { resources } = lastOf(path);
    if (resources !== null && !resources.includes(resource)) throw targetBeyondAuthority();
  }
}

/** When a token issued for this delegation ends at the latest. NumericDate. */
export function endOf(path: DelegationPath, issuedAt: number): number {
  const { maxTokenTtl, expiresAt } = lastOf(path);
  return Math.min(maxTokenTtl === null ? Infinity : issuedAt + maxTokenTtl, expiresAt === null ? Infinity : Math.floor(expiresAt.getTime() / 1000));
}
