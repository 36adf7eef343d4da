import { Raw, type EntityManager } from 'typeorm';
import { now, nowDate } from '../../kernel/clock.js';
import { notifyChanged } from '../database/notify.js';
import { signingKeyNotFound } from './crypto.errors.js';
import {
  activeAt, hasRetired, isDueForRotation, pendingAt, planSuccession, SIGNING_ALGORITHMS, type KeyTiming, type SigningAlgorithm,
} from './key-lifecycle.js';
import type { MasterKey } from './master-key.js';
import { SigningKeyEntity } from './signing-key.entity.js';
import { SigningKey } from './signing-key.js';

/** What was decided about one algorithm; the source of an audit event. */
export interface KeyChange {
  /** `created` without a predecessor; `published` to take over later; `promoted` when a waiting key took over at once; `already_pending` when nothing had to change. */
  readonly change: 'created' | 'published' | 'promoted' | 'already_pending';
  readonly algorithm: SigningAlgorithm;
  readonly kid: string;
  readonly publishedAt: Date;
  readonly activatesAt: Date;
  /** The key it takes over from, and when that one leaves the JWKS. */
  readonly supersedes: string | null;
  readonly supersededRetiresAt: Date | null;
}

export interface KeyRevocation {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** The key that signs, or will sign, in its place; a revoked key that had already been superseded needs none. */
  readonly replacement: KeyChange | null;
}

/** Names the advisory lock under which keys change: "lkey" in ASCII. */
const LOCK = 0x6c6b6579;
const ERASED = Buffer.alloc(0);
const ERASURE_BATCH = 100;

/** Keys whose private part is still there: the others are history. */
export function readKeys(manager: EntityManager): Promise<SigningKeyEntity[]> {
  return manager.find(SigningKeyEntity, {
    where: { sealedPrivateKey: Raw((column) => `octet_length(${column}) > 0`) },
    order: { activatesAt: 'ASC', kid: 'ASC' },
  });
}

/** Every change of the stored keys. Each runs in the caller's transaction, one at a time over all nodes, and tells all nodes when that commits. */
export class KeyRotation {
  constructor(private readonly masterKey: MasterKey, private readonly timing: KeyTiming) {}

  /** Makes the keys of algorithms that have none; they sign at once. */
  async createMissing(manager: EntityManager): Promise<KeyChange[]> {
    await this.lock(manager);
    const keys = await readKeys(manager);
    const changes: KeyChange[] = [];
    for (const algorithm of SIGNING_ALGORITHMS) {
      if (!activeAt(keys, algorithm, now())) changes.push(await this.publish(manager, algorithm, undefined, true));
    }
    return changes;
  }

  /**
   * Publishes successors. With a successor already waiting nothing changes, unless it is asked to take over immediately.
   */
  async rotate(manager: EntityManager, algorithms: readonly SigningAlgorithm[], immediately: boolean): Promise<KeyChange[]> {
    await this.lock(manager);
    const keys = await readKeys(manager);
    const changes: KeyChange[] = [];
    for (const algorithm of new Set(algorithms)) changes.push(await this.succeed(manager, keys, algorithm, immediately));
    return changes;
  }

  /** Publishes a successor of each key that has come of age. Returns at once when another node is at it. */
  async rotateIfDue(manager: EntityManager): Promise<KeyChange[]> {
    const [answer] = await manager.query<[{ locked: boolean }]>('SELECT pg_try_advisory_xact_lock($1) AS locked', [LOCK]);
    if (!answer.locked) return [];
    const keys = await readKeys(manager);
    const at = now();
    const changes: KeyChange[] = [];
    for (const algorithm of SIGNING_ALGORITHMS) {
      const active = activeAt(keys, algorithm, at);
      if (active && !pendingAt(keys, algorithm, at) && isDueForRotation(active, this.timing, at)) {
        changes.push(await this.publish(manager, algorithm, active, false));
      }
    }
    return changes;
  }

  /** @throws DomainError `signing_key_not_found` */
  async revoke(manager: EntityManager, kid: string): Promise<KeyRevocation> {
    await this.lock(manager);
    const keys = await readKeys(manager);
    const at = now();
    const revoked = keys.find((key) => key.kid === kid);
    if (!revoked || hasRetired(revoked, at)) throw signingKeyNotFound();
    const { algorithm } = revoked;
    let replacement: KeyChange | null = null;
    if (activeAt(keys, algorithm, at) === revoked) {
      replacement = { ...(await this.succeed(manager, keys, algorithm, true)), supersededRetiresAt: nowDate() };
    } else if (pendingAt(keys, algorithm, at) === revoked) {
      replacement = await this.succeed(manager, keys.filter((key) => key !== revoked), algorithm, false);
    }
    // Retired as of its publication, so that not even a node with a slow clock keeps it.
    revoked.retiresAt = revoked.publishedAt;
    revoked.sealedPrivateKey = ERASED;
    await manager.save(revoked);
    await notifyChanged(manager, 'signing_key', kid);
    return { kid, algorithm, replacement };
  }

  /**
   * Forgets the private part of retired keys, a bounded number at a time.
   *
   * @returns their names
   */
  async eraseRetired(manager: EntityManager): Promise<string[]> {
    await this.lock(manager);
    const at = now();
    const retired = (await readKeys(manager)).filter((key) => hasRetired(key, at)).slice(0, ERASURE_BATCH);
    for (const key of retired) {
      key.sealedPrivateKey = ERASED;
      await manager.save(key);
    }
    return retired.map(({ kid }) => kid);
  }

  private async succeed(manager: EntityManager, keys: readonly SigningKeyEntity[], algorithm: SigningAlgorithm, immediately: boolean): Promise<KeyChange> {
    const at = now();
    const active = activeAt(keys, algorithm, at);
    const pending = pendingAt(keys, algorithm, at);
    if (!pending) return this.publish(manager, algorithm, active, immediately || !active);
    if (!immediately) return describe('already_pending', pending, active);
    return this.promote(manager, pending, active);
  }

  private async publish(manager: EntityManager, algorithm: SigningAlgorithm, active: SigningKeyEntity | undefined, immediately: boolean): Promise<KeyChange> {
    const key = await SigningKey.generate(algorithm);
    const plan = planSuccession(active, this.timing, now(), immediately);
    const stored = manager.create(SigningKeyEntity, {
      kid: key.kid, algorithm, publicJwk: key.publicJwk, sealedPrivateKey: key.seal(this.masterKey),
      ...plan.successor, supersededAt: null, retiresAt: null, createdAt: nowDate(),
    });
    await manager.insert(SigningKeyEntity, stored);
    if (active) await manager.save(Object.assign(active, plan.predecessor));
    await notifyChanged(manager, 'signing_key', key.kid);
    return describe(active ? 'published' : 'created', stored, active);
  }

  private async promote(manager: EntityManager, pending: SigningKeyEntity, active: SigningKeyEntity | undefined): Promise<KeyChange> {
    const plan = planSuccession(active, this.timing, now(), true);
    await manager.save(Object.assign(pending, plan.successor));
    if (active) await manager.save(Object.assign(active, plan.predecessor));
    await notifyChanged(manager, 'signing_key', pending.kid);
    return describe('promoted', pending, active);
  }

  private async lock(manager: EntityManager): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  }
}

function describe(change: KeyChange['change'], key: SigningKeyEntity, active: SigningKeyEntity | undefined): KeyChange {
  return {
    change, algorithm: key.algorithm, kid: key.kid, publishedAt: key.publishedAt, activatesAt: key.activatesAt,
    supersedes: active?.kid ?? null, supersededRetiresAt: active?.retiresAt ?? null,
  };
}
