import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UserId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { Membership } from '../organizations/membership.entity.js';
import { UsersService } from '../users/users.service.js';
import { limitedToOwner } from './agent-standing.js';
import { ownerNotYours } from './agents.errors.js';

export interface AgentOwner {
  /** The member who answers for the agent, when the address is a member's. */
  readonly ownerUserId?: UserId;
  readonly ownerEmail?: string;
}

/** Who answers for an agent. */
@Injectable()
export class AgentOwners {
  constructor(private readonly users: UsersService) {}

  /**
   * The owner whom a caller names by address, or a person who names none: themselves.
   * @throws DomainError `owner_not_yours` when a member names somebody else
   */
  async namedBy(manager: EntityManager, caller: Caller, email: string | undefined): Promise<AgentOwner> {
    const self = caller.kind === 'user' ? await this.users.findById(caller.subject, manager) : undefined;
    if (!email) return { ownerUserId: self?.id, ownerEmail: self?.email };
    const ownerEmail = email.toLowerCase();
    if (limitedToOwner(caller) !== undefined && ownerEmail !== self?.email) throw ownerNotYours();
    const user = await this.users.findByEmail(ownerEmail, manager);
    const isMember = user !== undefined && await manager.existsBy(Membership, { organizationId: caller.organizationId, userId: user.id });
    return { ownerUserId: isMember ? user.id : undefined, ownerEmail };
  }
}
