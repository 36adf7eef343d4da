import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../platform/crypto/key-lifecycle.js';
import { signingKeyNotFound } from '../../platform/crypto/crypto.errors.js';
import type { KeyChange, KeyRevocation } from '../../platform/crypto/key-rotation.js';
import { KeyRing, type KeyDescription } from '../../platform/crypto/key-ring.service.js';
import type { Caller } from '../../platform/http/caller.js';
import { redactText } from '../../platform/logging/redaction.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditKeys, type AuditKey } from '../audit/audit-keys.service.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { EndedKinds } from '../audit/endings.service.js';
import { FIRST_ORGANIZATION_SLUG, OrganizationsService } from '../organizations/organizations.service.js';
import { TokenSweeps, type Sweep } from '../tokens/token-sweeps.service.js';
import { keyChangeEvents, keyRevokedEvent } from './key-events.js';
import { keysOfInstallation, reasonRequired, tooManyKeys } from './keys.errors.js';
import { countsOf } from './kill-switches.service.js';

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
    private readonly sweeps: TokenSweeps,
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
   * What would end if the key was withdrawn now.
   * @throws DomainError `keys_of_installation`, `signing_key_not_found`
   */
  async previewRevocation(caller: Caller, kid: string): Promise<EndedKinds> {
    const sweep = this.signedWith(await this.published(caller, kid));
    return this.dataSource.transaction((manager) => this.sweeps.look(manager, sweep));
  }

  /**
   * Withdraws a key at once, and with it everything it signed: no check of this server takes that any more, and the tokens end in the
   * ledger, so that what was exchanged for them ends too. If it signed until now, another takes over at once.
   *
   * @param because in words; whoever may not do it is told so first
   * @throws DomainError `keys_of_installation`, `signing_key_not_found`, `reason_required`
   */
  async revoke(caller: Caller, kid: string, because: string | undefined): Promise<{ readonly revocation: KeyRevocation; readonly ended: EndedKinds }> {
    const sweep = this.signedWith(await this.published(caller, kid));
    if (because === undefined) throw reasonRequired();
    const revoked = await this.sweeps.retrying(() => this.dataSource.transaction(async (manager) => {
      const ended = await this.sweeps.look(manager, sweep);
      const revocation = await this.keyRing.revokeKey(manager, kid);
      await this.sweeps.end(manager, sweep, () => this.audit.recordIn(manager,
        keyRevokedEvent(revocation, { because: redactText(because), ended: countsOf(ended) }, doneBy(caller)), ...keyChangeEvents(revocation.replacement ? [revocation.replacement] : [], doneBy(caller))));
      return { revocation, ended };
    }));
    await this.keyRing.reload();
    return revoked;
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

  private async published(caller: Caller, kid: string): Promise<KeyDescription> {
    const key = (await this.list(caller)).find((known) => known.kid === kid);
    if (!key) throw signingKeyNotFound();
    return key;
  }

  /** Around the time when it signed there is an allowance: nodes' clocks differ, and one may have gone on with it for a moment. */
  private signedWith({ algorithm, activatesAt, supersededAt }: KeyDescription): Sweep {
    const allowance = (this.keyRing.timing.clockSkew + this.keyRing.timing.pollInterval) * 1000;
    const period = {
      algorithm, from: new Date(activatesAt.getTime() - allowance).toISOString(), to: supersededAt ? new Date(supersededAt.getTime() + allowance).toISOString() : undefined,
    };
    return { criteria: { signed_with: period }, organizationId: null, endsConsents: false };
  }

  private async assertRunsInstallation(caller: Caller): Promise<void> {
    if (caller.isPlatformAdministrator) return;
    const organization = caller.kind === 'client' ? await this.organizations.findById(caller.organizationId) : undefined;
    if (organization?.slug !== FIRST_ORGANIZATION_SLUG) throw keysOfInstallation();
  }
}
