import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DomainError } from '../../kernel/domain-error.js';
import { Config } from '../../platform/config/config.js';
import type { AuditEvent } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { BOOTSTRAP_CLIENT_ID, ClientsService } from '../clients/clients.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import { Founder } from './founder.service.js';
import { SetupLinks } from './setup-links.service.js';
import { bootstrapPasswordWeak } from './setup.errors.js';

export interface FirstStart {
  /** Where the first person sets the installation up. Undefined when there are people. Print it; do not log it as data. */
  readonly setupLink?: string;
  /** Sentences for the start-up log. */
  readonly notices: readonly string[];
}

/**
 * What each start does about an installation that nobody has set up:
 * 1. on an empty one, make the administrator and the client that the configuration names;
 * 2. while there is nobody, make a new setup link;
 * 3. say which bootstrap settings stand there for nothing.
 *
 * There is no default account, and a setting that is forgotten in the environment can never bring one back.
 */
@Injectable()
export class FirstStartService {
  constructor(
    private readonly config: Config,
    private readonly founder: Founder,
    private readonly links: SetupLinks,
    private readonly clients: ClientsService,
    private readonly passwords: PasswordsService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
  ) {}

  /** @throws DomainError `bootstrap_password_weak` */
  async begin(): Promise<FirstStart> {
    const passwordHash = await this.administratorPasswordHash();
    return this.dataSource.transaction(async (manager) => {
      await this.founder.lock(manager);
      const notices: string[] = [];
      const events: AuditEvent[] = [];
      const isUntouched = !await this.founder.hasPeople(manager) && !await this.founder.hasOrganizations(manager);
      await this.bootstrapAdministrator(manager, passwordHash, events, notices);
      await this.bootstrapClient(manager, isUntouched, events, notices);
      const setupLink = await this.renewSetupLink(manager);
      if (events.length > 0) await this.audit.recordIn(manager, ...events);
      return { setupLink, notices };
    });
  }

  private async bootstrapAdministrator(manager: EntityManager, passwordHash: string | undefined, events: AuditEvent[], notices: string[]): Promise<void> {
    const { adminEmail: email } = this.config.bootstrap;
    if (email === undefined) return;
    if (passwordHash === undefined || await this.founder.hasPeople(manager)) {
      notices.push(unused('LEGATE_BOOTSTRAP_ADMIN_EMAIL and LEGATE_BOOTSTRAP_ADMIN_PASSWORD'));
      return;
    }
    const { user, organization } = await this.founder.found(manager, { email, passwordHash });
    events.push(bootstrapped(organization.id, { kind: 'user', id: user.id }));
    notices.push(used('platform administrator', 'LEGATE_BOOTSTRAP_ADMIN_EMAIL and LEGATE_BOOTSTRAP_ADMIN_PASSWORD'));
  }

  private async bootstrapClient(manager: EntityManager, isUntouched: boolean, events: AuditEvent[], notices: string[]): Promise<void> {
    const { clientSecret } = this.config.bootstrap;
    if (clientSecret === undefined) return;
    if (!isUntouched) {
      notices.push(unused('LEGATE_BOOTSTRAP_CLIENT_SECRET'));
      return;
    }
    const organization = await this.founder.defaultOrganization(manager);
    await this.clients.createBootstrap(manager, organization.id, clientSecret);
    events.push(bootstrapped(organization.id, { kind: 'client', id: BOOTSTRAP_CLIENT_ID }));
    notices.push(used('client "bootstrap"', 'LEGATE_BOOTSTRAP_CLIENT_SECRET'));
  }

  private async renewSetupLink(manager: EntityManager): Promise<string | undefined> {
    if (await this.founder.hasPeople(manager)) {
      await this.links.withdraw(manager);
      return undefined;
    }
    // In the fragment: browsers send it to no server, so it stands in no access log and no Referer.
    return `${this.config.issuer}/setup#${await this.links.mint(manager)}`;
  }

  /** Outside the transaction, because hashing takes its time; undefined when it is not wanted. */
  private async administratorPasswordHash(): Promise<string | undefined> {
    const { adminEmail, adminPassword } = this.config.bootstrap;
    if (adminEmail === undefined || adminPassword === undefined || await this.founder.hasPeople(this.dataSource.manager)) return undefined;
    try {
      return await this.passwords.accept(adminPassword, [adminEmail]);
    } catch (error) {
      throw error instanceof DomainError && error.code === 'weak_password' ? bootstrapPasswordWeak(error.message) : error;
    }
  }
}

const used = (what: string, settings: string) => `Made the ${what} of the configuration. Remove ${settings} now.`;

const unused = (settings: string) => `${settings} did nothing: it acts only on an empty installation. Remove it from the configuration.`;

function bootstrapped(organizationId: string, target: { kind: string; id: string }): AuditEvent {
  return { type: 'installation.bootstrapped', outcome: 'success', organization_id: organizationId, actor: { kind: 'system' }, target };
}
