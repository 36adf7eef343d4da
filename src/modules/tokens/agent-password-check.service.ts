import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AgentId } from '../../kernel/ids.js';
import { PasswordHasher } from '../../platform/crypto/password-hasher.js';
import { Agent } from '../agents/agent.entity.js';
import { AgentsService } from '../agents/agents.service.js';
import { SignInThrottle } from '../users/sign-in-throttle.service.js';

/** UTF-16 units. Longer ones were never accepted; they are checked in part, against nothing, at the usual price. */
const LONGEST_PASSWORD = 1024;

/** The `grant_type` under which the ledger keeps tokens that a password got; those that a key got are `client_credentials`. */
export const PASSWORD_GRANT = 'agent_password';

/** Whom a name stands for, if anybody. */
export interface NamedAgent {
  readonly agent?: { readonly id: AgentId; readonly organizationId: string };
  readonly passwordHash?: string;
  /** Names the account in limits and records, whether or not there is one, without telling what was typed. */
  readonly account: string;
}

/**
 * Passwords of agents that log in by name, under the limits of people's:
 * an unknown agent, one without a password and a wrong password cost and read alike.
 */
@Injectable()
export class AgentPasswordCheck {
  constructor(
    private readonly agents: AgentsService,
    private readonly throttle: SignInThrottle,
    private readonly hasher: PasswordHasher,
    private readonly dataSource: DataSource,
  ) {}

  /** @param organization slug */
  async find(organization: string, name: string): Promise<NamedAgent> {
    const found = await this.agents.findByName(organization, name);
    return { ...found, account: this.throttle.pseudonym(found ? found.agent.id : `${organization}/${name}`) };
  }

  named(agent: Pick<Agent, 'id' | 'organizationId' | 'passwordHash'>): NamedAgent {
    return { agent, passwordHash: agent.passwordHash ?? undefined, account: this.throttle.pseudonym(agent.id) };
  }

  /**
   * Counts an attempt, then tells whether the password is right.
   *
   * @param source address of the peer
   * @throws DomainError `too_many_sign_ins`, `password_hashing_busy`
   */
  async verify({ agent, passwordHash, account }: NamedAgent, password: string, source: string): Promise<boolean> {
    await this.throttle.admit(`agent:${account}`, agent?.id, source);
    const isTooLong = password.length > LONGEST_PASSWORD;
    const isRight = await this.hasher.verify(isTooLong ? undefined : passwordHash, password.slice(0, LONGEST_PASSWORD));
    if (!agent || passwordHash === undefined || !isRight) return false;
    const renewed = this.hasher.needsRehash(passwordHash) ? await this.hasher.hash(password) : undefined;
    await this.dataSource.transaction(async (manager) => {
      if (renewed !== undefined) await manager.update(Agent, { id: agent.id, passwordHash }, { passwordHash: renewed });
      await this.throttle.remember(manager, agent.id, source);
    });
    return true;
  }
}
