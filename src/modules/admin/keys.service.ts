import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../platform/crypto/key-lifecycle.js';
import type { KeyChange } from '../../platform/crypto/key-rotation.js';
import { KeyRing, type KeyDescription } from '../../platform/crypto/key-ring.service.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditKeys, type AuditKey } from '../audit/audit-keys.service.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { FIRST_ORGANIZATION_SLUG, OrganizationsService } from '../organizations/organizations.service.js';
import { keyChangeEvents, keyRetiredEvent } from './key-events.js';
import { keysOfInstallation, tooManyKeys } from './keys.errors.js';

/** Every verifier fetches all of them. Rotating a dozen times in an hour is fine; a loop is not. */
const MOST_PUBLISHED = 100;

/** Signing keys, for those who run the installation. See docs/decisions/0008-keys-of-the-installation.md. */
@Injectable()
export class KeysService {
  constructor(
    private readonly keyRing: KeyRing,
    private readonly organizations: OrganizationsService,
    private readonly dataSource: DataSource,
    private readonly audit: AuditLog,
    private readonly auditKeys: AuditKeys,
  ) {}

  /** @throws DomainError `keys_of_installation` */
  async list(caller: Caller): Promise<KeyDescription[]> {
    await this.assertRunsInstallation(caller);
    await this.keyRing.reload();
    return this.keyRing.describe();
  }

  /**
   * What was decided, and when it takes effect.
   * @throws DomainError `keys_of_installation`, `too_many_keys`
   */
  async rotate(caller: Caller, algorithms: readonly SigningAlgorithm[] = SIGNING_ALGORITHMS, immediately = false): Promise<KeyChange[]> {
    if ((await this.list(caller)).length + algorithms.length > MOST_PUBLISHED) throw tooManyKeys(MOST_PUBLISHED);
    const changes = await this.dataSource.transaction(async (manager) => {
      const changes = await this.keyRing.rotate(manager, { algorithms, immediately });
      const events = keyChangeEvents(changes, doneBy(caller));
      if (events.length > 0) await this.audit.recordIn(manager, ...events);
      return changes;
    });
    await this.keyRing.reload();
    return changes;
  }

  /**
   * Withdraws a key at once, and with it everything it signed. If it signed until now, another takes over at once.
   * @throws DomainError `keys_of_installation`, `signing_key_not_found`
   */
  async revoke(caller: Caller, kid: string): Promise<void> {
    await this.assertRunsInstallation(caller);
    await this.dataSource.transaction(async (manager) => {
      const { replacement } = await this.keyRing.revokeKey(manager, kid);
      await this.audit.recordIn(manager, keyRetiredEvent(kid, 'revoked', doneBy(caller)), ...keyChangeEvents(replacement ? [replacement] : [], doneBy(caller)));
    });
    await this.keyRing.reload();
  }

  /**
   * Makes the key that signs the audit log from now on. What the former ones signed stays good.
   * @throws DomainError `keys_of_installation`
   */
  async replaceAuditKey(caller: Caller): Promise<AuditKey> {
    await this.assertRunsInstallation(caller);
    return this.dataSource.transaction(async (manager) => {
      const key = await this.auditKeys.replace(manager);
      await this.audit.recordIn(manager, {
        type: 'audit_key.created', outcome: 'success', organization_id: null, ...doneBy(caller), target: { kind: 'audit_key', id: key.keyHash },
      });
      return key;
    });
  }

  private async assertRunsInstallation(caller: Caller): Promise<void> {
    if (caller.isPlatformAdministrator) return;
    const organization = caller.kind === 'client' ? await this.organizations.findById(caller.organizationId) : undefined;
    if (organization?.slug !== FIRST_ORGANIZATION_SLUG) throw keysOfInstallation();
  }
}
