import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { now } from '../../kernel/clock.js';
import type { AgentId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import { Agent } from '../agents/agent.entity.js';
import { AgentsService } from '../agents/agents.service.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import { wrongPassword } from '../users/users.errors.js';
import { AgentPasswordCheck, PASSWORD_GRANT } from './agent-password-check.service.js';
import { TokenRevocation } from './token-revocation.service.js';
import { ownPasswordOnly, passwordNotUsed } from './tokens.errors.js';

/** No access token lives longer than its resource allows, and that is at most a day. Seconds. */
const LONGEST_ACCESS_TOKEN = 24 * 3600;

/** An agent changes its own password. What the old one got, and everything below it, ends; tokens that a key got stay. */
@Injectable()
export class AgentPasswordChange {
  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly check: AgentPasswordCheck,
    private readonly passwords: PasswordsService,
    private readonly revocation: TokenRevocation,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param source address of the peer
   * @throws DomainError `own_password_only`, `password_not_used`, `wrong_password`, `too_many_sign_ins`, `weak_password`, `password_hashing_busy`
   */
  async change(caller: Caller, current: string, wanted: string, source: string): Promise<void> {
    if (caller.kind !== 'agent' || caller.act !== undefined) throw ownPasswordOnly();
    const id = caller.subject as AgentId;
    const agent = await this.dataSource.manager.findOneByOrFail(Agent, { id });
    const { passwordHash } = agent;
    if (passwordHash === null) throw passwordNotUsed();
    if (!await this.check.verify(this.check.named(agent), current, source)) throw wrongPassword();
    const hash = await this.passwords.accept(wanted, [agent.name, agent.ownerEmail]);
    await this.dataSource.transaction(async (manager) => {
      // The password that was confirmed must still be the one that stands: of two changes at once, the second is refused.
      const isUnchanged = await manager.createQueryBuilder(Agent, 'agent').setLock('for_no_key_update').where({ id, passwordHash, status: 'active' }).getOne();
      if (!isUnchanged) throw wrongPassword();
      await this.agents.setPassword(manager, id, hash);
      const ended = await this.revocation.endObtained(manager, { organizationId: caller.organizationId, agentId: id, grantType: PASSWORD_GRANT, since: this.oldest() });
      await this.audit.recordIn(manager, {
        type: 'agent.password_changed', outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'agent', id }, details: { ended_tokens: ended },
      });
    });
  }

  /** Whatever an older token got, by renewal, has expired. Milliseconds since the epoch. */
  private oldest(): number {
    return now() - (this.config.loginTtl + LONGEST_ACCESS_TOKEN) * 1000;
  }
}
