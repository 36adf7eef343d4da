import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { sourceNetwork } from '../../platform/http/source-network.js';
import { AttemptLimiter } from '../../platform/redis/attempt-limiter.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import { Founder } from './founder.service.js';
import { SetupLinks } from './setup-links.service.js';
import type { SetupDto, SetupResultDto } from './setup.dto.js';
import { invalidSetupSecret, tooManySetups } from './setup.errors.js';

/** Secrets have 256 random bits, so this keeps nobody from guessing; it keeps the audit log from being filled. */
const LIMIT = { points: 20, seconds: 15 * 60 };

/** The first person sets the installation up. */
@Injectable()
export class SetupService {
  constructor(
    private readonly founder: Founder,
    private readonly links: SetupLinks,
    private readonly passwords: PasswordsService,
    private readonly limiter: AttemptLimiter,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param source address of the peer
   * @throws DomainError `invalid_setup_secret`, `weak_password`, `email_malformed`, `too_many_setups`
   */
  async complete({ secret, email, password, organization_name: organizationName, name }: SetupDto, source: string): Promise<SetupResultDto> {
    const { allowed, retryAfterSeconds } = await this.limiter.consume(`setup:${sourceNetwork(source)}`, LIMIT.points, LIMIT.seconds);
    if (!allowed) throw tooManySetups(retryAfterSeconds);
    if (!await this.links.isUsable(this.dataSource.manager, secret)) return this.refuse();
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
    return result ?? this.refuse();
  }

  private async refuse(): Promise<never> {
    const error = invalidSetupSecret();
    await this.audit.record({ type: 'installation.set_up', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' }, reason: error.code });
    throw error;
  }
}
