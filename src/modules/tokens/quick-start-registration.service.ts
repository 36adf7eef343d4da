import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { AgentEnrolment } from '../agents/agent-enrolment.service.js';
import type { AgentCredentials, AgentWithClient } from '../agents/agents.service.js';
import { PasswordsService } from '../users/passwords.service.js';

export interface QuickRegistration {
  readonly name: string;
  readonly password?: string;
  readonly scopes?: string[];
  readonly organization?: string;
  readonly enrolment_token?: string;
}

/** Registers an agent by the same rule as everywhere, with a password if it wants one, and active at once if somebody let it in. */
@Injectable()
export class QuickStartRegistration {
  constructor(private readonly enrolment: AgentEnrolment, private readonly passwords: PasswordsService) {}

  /** @throws DomainError `weak_password`, `password_hashing_busy`, and as `AgentEnrolment.register` */
  register(caller: Caller | undefined, { name, password, ...rest }: QuickRegistration): Promise<AgentWithClient & { credentials: AgentCredentials }> {
    return this.enrolment.register(caller, { agent_name: name, ...rest }, {
      passwordHash: async () => (password === undefined ? undefined : this.passwords.accept(password, [name, rest.organization])),
    });
  }
}
