import { Injectable } from '@nestjs/common';
import { now, nowDate } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { MoreThan, type EntityManager } from 'typeorm';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { SetupLink } from './setup-link.entity.js';

const LIFETIME_MS = 30 * 60 * 1000;

/** Setup secrets: 30 minutes, one use, the newest alone. Only the hash is kept. */
@Injectable()
export class SetupLinks {
  constructor(private readonly secrets: MachineSecrets) {}

  /** Makes a new secret; those from before stop working. */
  async mint(manager: EntityManager): Promise<string> {
    await this.withdraw(manager);
    const { text, hash } = this.secrets.mint('setup');
    await manager.insert(SetupLink, { id: newId<SetupLink['id']>(), secretHash: hash, expiresAt: new Date(now() + LIFETIME_MS), createdAt: nowDate() });
    return text;
  }

  async withdraw(manager: EntityManager): Promise<void> {
    await manager.deleteAll(SetupLink);
  }

  /** Would `use` succeed? Tells nothing for sure, but is cheap. */
  async isUsable(manager: EntityManager, secret: string): Promise<boolean> {
    if (!this.secrets.prefixOf(secret, 'setup')) return false;
    return manager.createQueryBuilder(SetupLink, 'link')
      .where({ expiresAt: MoreThan(nowDate()) })
      .andWhere('link.secretHash = :hash', { hash: this.secrets.hash(secret) })
      .getExists();
  }

  /** Uses the secret up. Of several that try at once, one gets true. */
  async use(manager: EntityManager, secret: string): Promise<boolean> {
    if (!this.secrets.prefixOf(secret, 'setup')) return false;
    const { affected } = await manager.createQueryBuilder().delete().from(SetupLink)
      .where({ expiresAt: MoreThan(nowDate()) })
      .andWhere('secret_hash = :hash', { hash: this.secrets.hash(secret) })
      .execute();
    return affected === 1;
  }
}
