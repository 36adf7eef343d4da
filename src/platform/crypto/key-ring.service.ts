import { Injectable, Logger, Optional, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';
import { Config } from '../config/config.js';
import { ChangeFeed } from '../database/change-feed.js';
import { keyTiming, SIGNING_ALGORITHMS, type KeySchedule, type KeyState, type KeyTiming, type SigningAlgorithm } from './key-lifecycle.js';
import { KeyRotation, readKeys, type KeyChange, type KeyRevocation } from './key-rotation.js';
import { KeyView, type RingKey } from './key-view.js';
import type { VerificationKey } from './jws.js';
import { MasterKey } from './master-key.js';
import { SigningKey, type PrivateSigningJwk, type PublicSigningJwk } from './signing-key.js';

/** Records new keys in the transaction that makes them. */
export type RecordKeys = (manager: EntityManager, changes: readonly KeyChange[]) => Promise<void>;

export interface KeyDescription extends KeySchedule {
  readonly state: KeyState;
}

/**
 * The signing keys of this installation, as they hold at this very instant on this node. Reading them costs no database
 * access: the rows are kept in memory and their states derived from the time (see `key-lifecycle.ts`). What other nodes
 * changed arrives through the change feed, and by polling should that fail. While the database is away the keys at hand
 * go on living by their timestamps.
 *
 * Changes run in a transaction of the caller, who records them there; every node, this one too, takes them up after the commit.
 */
@Injectable()
export class KeyRing implements OnModuleDestroy {
  readonly timing: KeyTiming;
  private readonly logger = new Logger(KeyRing.name);
  private readonly rotation: KeyRotation;
  private readonly listeners = new Set<() => void>();
  private keys: readonly RingKey[] = [];
  private view = new KeyView([], 0);
  private announced = this.view.fingerprint;
  private running: Promise<void> = Promise.resolve();
  private queued?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly dataSource: DataSource, private readonly masterKey: MasterKey, config: Config, @Optional() changes?: ChangeFeed) {
    this.timing = keyTiming(config);
    this.rotation = new KeyRotation(masterKey, this.timing);
    changes?.subscribe((kind) => {
      if (kind === 'signing_key' || kind === '*') this.reloadSoon();
    });
  }

  /**
   * Loads the keys, making the first ones on an empty installation, and begins to follow changes. Of several nodes that start
   * together one makes the keys. May be called again; it then only makes sure that there are keys.
   *
   * @param record writes the audit events of new keys in the same transaction
   * @throws DomainError `sealed_with_another_key`
   */
  async initialize(record?: RecordKeys): Promise<void> {
    await this.reload();
    if (SIGNING_ALGORITHMS.some((algorithm) => !this.current().active(algorithm))) {
      await this.dataSource.transaction(async (manager) => {
        const changes = await this.rotation.createMissing(manager);
        if (changes.length > 0) await record?.(manager, changes);
      });
      await this.reload();
    }
    this.followTime();
  }

  /** The keys to sign with now. @throws DomainError `signing_key_missing` */
  signingKeys(): Readonly<Record<SigningAlgorithm, SigningKey>> {
    return this.current().signing();
  }

  /** The published, not yet retired key of this name. */
  verificationKey(kid: string): VerificationKey | undefined {
    return this.current().verification.get(kid);
  }

  /** The JWKS (RFC 7517 section 5) to publish: active keys first, then those to come, then those that are leaving. */
  publicJwks(): { readonly keys: readonly PublicSigningJwk[] } {
    return this.current().publicJwks;
  }

  /** The same keys in the same order with their private members, for a signer that takes the first that fits. */
  privateJwks(): { readonly keys: readonly PrivateSigningJwk[] } {
    return this.current().privateJwks();
  }

  /** Schedule and present state of every key that is not retired. */
  describe(): KeyDescription[] {
    return this.current().describe();
  }

  /**
   * Calls the listener whenever another key has become active or the JWKS has changed. A listener that throws is logged.
   *
   * @returns a function that ends the subscription
   */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  /**
   * Publishes successors that take over once every verifier's cache must know them; `immediately` does not wait for the caches.
   * Asked again while a successor waits, it answers with that one's schedule.
   */
  rotate(manager: EntityManager, options: { readonly algorithms?: readonly SigningAlgorithm[]; readonly immediately?: boolean } = {}): Promise<KeyChange[]> {
    return this.rotation.rotate(manager, options.algorithms ?? SIGNING_ALGORITHMS, options.immediately ?? false);
  }

  /** Publishes successors of keys that reach the configured age. For the background; one node at a time does it. */
  rotateIfDue(manager: EntityManager): Promise<KeyChange[]> {
    return this.rotation.rotateIfDue(manager);
  }

  /**
   * Withdraws a key from the JWKS at once, everywhere, and with it everything it signed. If it was the active one, the waiting
   * successor or a new key takes over at once; a waiting one is replaced by another that waits.
   *
   * @throws DomainError `signing_key_not_found`
   */
  revokeKey(manager: EntityManager, kid: string): Promise<KeyRevocation> {
    return this.rotation.revoke(manager, kid);
  }

  /** Forgets the private part of retired keys and returns their names. For the background. */
  eraseRetired(manager: EntityManager): Promise<string[]> {
    return this.rotation.eraseRetired(manager);
  }

  /** Reads the stored keys again. The answer counts everything committed before the call. Never call it inside a transaction. */
  reload(): Promise<void> {
    // A read that is under way may have missed what the caller knows of: one more follows it, for all who ask meanwhile.
    this.queued ??= this.running.catch(() => undefined).then(() => {
      this.queued = undefined;
      this.running = this.load();
      return this.running;
    });
    return this.queued;
  }

  onModuleDestroy(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async load(): Promise<void> {
    const stored = await readKeys(this.dataSource.manager);
    const known = new Map(this.keys.map(({ schedule, key }) => [schedule.kid, key]));
    this.keys = stored.map((row) => ({
      schedule: row,
      key: known.get(row.kid) ?? SigningKey.open(this.masterKey, row.algorithm, row.kid, Buffer.from(row.sealedPrivateKey)),
    }));
    this.view = new KeyView(this.keys, now());
    this.announce();
    if (this.timer) this.followTime(); // the next change may have come nearer
  }

  /** Hot: one comparison while no key changes its state. */
  private current(): KeyView {
    const at = now();
    if (!this.view.holdsAt(at)) {
      this.view = new KeyView(this.keys, at);
      // Listeners may be slow or ask for keys themselves: whoever asked first gets the answer first.
      setImmediate(() => this.announce());
    }
    return this.view;
  }

  private announce(): void {
    const { fingerprint } = this.current();
    if (fingerprint === this.announced) return;
    this.announced = fingerprint;
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        this.logger.error('a listener to signing keys failed', error as Error);
      }
    }
  }

  private reloadSoon(): void {
    if (this.isClosed) return;
    this.reload().catch((error: unknown) => {
      if (!this.isClosed) this.logger.warn(`signing keys could not be read again, those at hand stay in use: ${(error as Error).message}`);
    });
  }

  /** Wakes at the next change of state, and at least once a poll interval to look for changes that no notice told of. */
  private followTime(): void {
    clearTimeout(this.timer);
    if (this.isClosed) return;
    const untilChange = this.current().until - now() + 1;
    const wait = Math.max(1, Math.min(untilChange, this.timing.pollInterval * 1000));
    this.timer = setTimeout(() => {
      this.announce();
      this.reloadSoon();
      this.followTime();
    }, wait);
    this.timer.unref();
  }
}
