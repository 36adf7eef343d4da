import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { PasswordsService } from './passwords.service.js';
import { SignIn } from './sign-in.service.js';
import { User } from './user.entity.js';
import type { ChangePasswordDto, UpdateAccountDto } from './users.dto.js';
import { personRequired, userNotFound, wrongPassword } from './users.errors.js';
import { UsersService } from './users.service.js';

/** What people do with their own account. */
@Injectable()
export class AccountService {
  constructor(
    private readonly users: UsersService,
    private readonly signIn: SignIn,
    private readonly passwords: PasswordsService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /** @throws DomainError `person_required` */
  async get(caller: Caller): Promise<User> {
    const user = caller.kind === 'user' ? await this.users.findActive(caller.subject) : undefined;
    if (!user) throw personRequired();
    return user;
  }

  /** @throws DomainError `person_required` */
  async update(caller: Caller, changes: UpdateAccountDto): Promise<User> {
    const user = await this.getInPerson(caller);
    if (changes.name === undefined || changes.name === user.name) return user;
    Object.assign(user, { name: changes.name, updatedAt: nowDate() });
    return this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.update(User, { id: user.id }, { name: user.name, updatedAt: user.updatedAt });
      if (affected !== 1) throw userNotFound();
      await this.audit.recordIn(manager, event('user.updated', caller, user));
      return user;
    });
  }

  /**
   * Ends every token and session of the person, the one of this request included.
   *
   * @param source address of the peer
   * @throws DomainError `person_required`, `wrong_password`, `too_many_sign_ins`, `weak_password`, `password_hashing_busy`
   */
  async changePassword(caller: Caller, { current_password, new_password }: ChangePasswordDto, source: string): Promise<void> {
    const user = await this.getInPerson(caller);
    await this.signIn.confirm(user, current_password, source);
    const passwordHash = await this.passwords.accept(new_password, [user.email, user.name]);
    await this.dataSource.transaction(async (manager) => {
      // The password that was confirmed must still be the one that stands: of two changes at once, the second is refused.
      const isUnchanged = await manager.createQueryBuilder(User, 'person').setLock('pessimistic_write')
        .where({ id: user.id, passwordHash: user.passwordHash, status: 'active' }).getOne();
      if (!isUnchanged) throw wrongPassword();
      await this.users.setPassword(manager, user.id, passwordHash);
      await this.audit.recordIn(manager, event('user.password_changed', caller, user));
    });
  }

  /** Somebody who acts for a person does not get to change who that person is. */
  private async getInPerson(caller: Caller): Promise<User> {
    if (caller.act !== undefined) throw personRequired();
    return this.get(caller);
  }
}

function event(type: AuditEvent['type'], caller: Caller, user: User): AuditEvent {
  return { type, outcome: 'success', organization_id: caller.organizationId, ...doneBy(caller), target: { kind: 'user', id: user.id } };
}
