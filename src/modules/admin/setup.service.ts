import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditLog } from '../audit/audit-log.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import { Founder } from './founder.service.js';
import { SetupLinks } from './setup-links.service.js';
import type { SetupDto, SetupResultDto } from './setup.dto.js';
import { invalidSetupSecret } from './setup.errors.js';

/** The first person sets the installation up. */
@Injectable()
export class SetupService {
  constructor(
    private readonly founder: Founder,
    private readonly links: SetupLinks,
    private readonly passwords: PasswordsService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /**
   * A wrong secret costs one look into the database: it has 256 random bits, so nobody guesses one, however often they try.
   * @throws DomainError `invalid_setup_secret`, `weak_password`, `email_malformed`, `password_hashing_busy`
   */
  async complete({ secret, email, password, organization_name: organizationName, name }: SetupDto): Promise<SetupResultDto> {
    if (!await this.links.isUsable(this.dataSource.manager, secret)) throw invalidSetupSecret();
    // A weak password must not use the link up.
    const passwordHash = await this.passwords.accept(password, [email, name, organizationName]);
    const result = await this.dataSource.transaction(async (manager) => {
      await this.founder.lock(manager);
      if (!await this.links.use(manager, secret) || await this.founder.hasPeople(manager)) return undefined;
      const { user, organization } = await this.founder.found(manager, { email, name, passwordHash, organizationName });
      await this.audit.recordIn(manager, {
        type: 'installation.set_up', outcome: 'success', organization_id: organization.id, actor: { kind: 'user', id: user.id }, target: { kind: 'user', id: user.id },
      });
      return { user_id: user.id, email: user.email, organization_id: organization.id, organization_slug: organization.slug };
    });
    if (!result) throw invalidSetupSecret();
    return result;
  }
}
