import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { newId, type OrganizationId, type TaskId, type TokenId } from '../../kernel/ids.js';
import { DelegationGrants, type DelegationPath } from '../delegation/delegation-grants.service.js';
import { Tasks } from '../tasks/tasks.service.js';
import { TokenIssuer, type IssuedToken, type NewToken, type TokenTarget } from './token-issuer.service.js';
import type { TaskPlace } from './token-lineage.service.js';
import { delegationUnusable } from './tokens.errors.js';

/** What comes to be, or is used up, together with a token. */
export interface Circumstances {
  readonly place?: TaskPlace;
  readonly path?: DelegationPath;
}

/** Issues tokens together with the task that they begin and the use of a delegation that they cost, or neither. */
@Injectable()
export class GrantedTokens {
  constructor(
    private readonly dataSource: DataSource,
    private readonly issuer: TokenIssuer,
    private readonly delegations: DelegationGrants,
    private readonly tasks: Tasks,
  ) {}

  /**
   * The token is durable when this resolves. Where nothing else has to happen it goes through group commit.
   * @throws DomainError `row_refused`, `audit_unavailable`, `invalid_grant` when the delegation is used up
   */
  issue(issuance: NewToken, target: TokenTarget, { place, path }: Circumstances = {}): Promise<IssuedToken> {
    const isLimited = path?.some(({ maxUses }) => maxUses !== null) ?? false;
    if (!place && !isLimited) return this.issuer.issue(issuance, target);
    const { opens, settles, ...ids } = place ?? {};
    if (!opens && !settles && !isLimited) return this.issuer.issue({ ...issuance, ...ids }, target);
    return this.dataSource.transaction(async (manager) => {
      const tokenId = newId<TokenId>();
      if (path && !await this.delegations.spend(manager, path)) throw delegationUnusable('it, or one above it, is used up');
      if (opens) {
        await this.tasks.open(manager, { ...opens, id: tokenId as string as TaskId, organizationId: issuance.organizationId as OrganizationId, clientId: issuance.clientId });
      }
      if (settles) await this.tasks.write(manager, settles);
      return this.issuer.issueIn(manager, { ...issuance, ...ids, tokenId }, target);
    });
  }
}
