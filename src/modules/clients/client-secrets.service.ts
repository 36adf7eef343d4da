import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { isId, newId, type ClientId } from '../../kernel/ids.js';
import { MachineSecrets } from '../../platform/crypto/machine-secrets.js';
import { notifyChanged } from '../../platform/database/notify.js';
import type { Client } from './client.entity.js';
import { ClientSecret, type ClientSecretId } from './client-secret.entity.js';
import { usesSecrets } from './client-metadata.js';
import { secretExpiryPast, secretNotFound, secretsNotUsed, tooManySecrets } from './clients.errors.js';

/** An old and a new one, for each of a handful of deployments. */
const MOST_LIVE = 10;

export interface NewSecret {
  readonly label?: string | null;
  readonly expiresAt?: Date | null;
}

/**
 * The secrets of clients of every kind. Nothing here is recorded or allowed: the caller holds the client's row locked, has
 * made sure that its own caller may, and ends the transaction with its event.
 */
@Injectable()
export class ClientSecrets {
  constructor(@InjectRepository(ClientSecret) private readonly repository: Repository<ClientSecret>, private readonly secrets: MachineSecrets) {}

  /** Oldest first, those that are over among them: at most the newest 100. */
  async list(clientId: ClientId): Promise<ClientSecret[]> {
    const newest = await this.repository.find({ where: { clientId }, order: { id: 'DESC' }, take: 100 });
    return newest.reverse();
  }

  /**
   * @returns the secret's row, and its text, which cannot be shown again
   * @throws DomainError `secrets_not_used`, `secret_expiry_past`, `too_many_secrets`
   */
  async add(manager: EntityManager, client: Pick<Client, 'id' | 'tokenEndpointAuthMethod'>, { label = null, expiresAt = null }: NewSecret): Promise<{ secret: ClientSecret; text: string }> {
    if (!usesSecrets(client.tokenEndpointAuthMethod)) throw secretsNotUsed(client.tokenEndpointAuthMethod);
    // Written so that a date which does not exist is refused too.
    if (expiresAt && !(expiresAt.getTime() > now())) throw secretExpiryPast();
    if (await this.countLive(manager, client.id) >= MOST_LIVE) throw tooManySecrets(MOST_LIVE);
    const { text, prefix, hash } = this.secrets.mint('client');
    const secret = manager.create(ClientSecret, {
      id: newId<ClientSecretId>(), clientId: client.id, prefix, hash, label, expiresAt, lastUsedAt: null, retiredAt: null, createdAt: nowDate(),
    });
    await manager.insert(ClientSecret, secret);
    await notifyChanged(manager, 'client', client.id);
    return { secret, text };
  }

  /**
   * Ends a secret now. One that is over already stays as it is.
   * @returns whether anything changed
   * @throws DomainError `secret_not_found`
   */
  async retire(manager: EntityManager, clientId: ClientId, secretId: string): Promise<boolean> {
    const id = secretId as ClientSecretId;
    if (!isId(secretId) || !await manager.existsBy(ClientSecret, { id, clientId })) throw secretNotFound();
    const { affected } = await manager.update(ClientSecret, { id, clientId, retiredAt: IsNull() }, { retiredAt: nowDate() });
    await notifyChanged(manager, 'client', clientId);
    return affected === 1;
  }

  async retireAll(manager: EntityManager, clientId: ClientId): Promise<void> {
    await manager.update(ClientSecret, { clientId, retiredAt: IsNull() }, { retiredAt: nowDate() });
  }

  private countLive(manager: EntityManager, clientId: ClientId): Promise<number> {
    return manager.createQueryBuilder(ClientSecret, 'secret')
      .where('secret.clientId = :clientId AND secret.retiredAt IS NULL AND (secret.expiresAt IS NULL OR secret.expiresAt > :at)', { clientId, at: nowDate() })
      .getCount();
  }
}
