import { keyRingEmpty } from './crypto.errors.js';
import { nextChange, SIGNING_ALGORITHMS, statesAt, type KeySchedule, type KeyState, type SigningAlgorithm } from './key-lifecycle.js';
import type { VerificationKey } from './jws.js';
import type { PrivateSigningJwk, PublicSigningJwk, SigningKey } from './signing-key.js';

export interface RingKey {
  readonly schedule: KeySchedule;
  readonly key: SigningKey;
}

const ORDER: Record<Exclude<KeyState, 'retired'>, number> = { active: 0, pending: 1, retiring: 2 };

/** What a set of keys amounts to between two changes of state. Immutable. */
export class KeyView {
  /** The first instant at which it no longer holds. */
  readonly until: number;
  readonly verification: ReadonlyMap<string, VerificationKey>;
  readonly publicJwks: { readonly keys: readonly PublicSigningJwk[] };
  /** Differs from another view's exactly when a key's state does. */
  readonly fingerprint: string;
  private readonly published: readonly (RingKey & { readonly state: Exclude<KeyState, 'retired'> })[];
  private readonly activeKeys: ReadonlyMap<SigningAlgorithm, SigningKey>;
  private readonly signingKeys?: Readonly<Record<SigningAlgorithm, SigningKey>>;

  constructor(keys: readonly RingKey[], private readonly from: number) {
    const schedules = keys.map(({ schedule }) => schedule);
    const states = statesAt(schedules, from);
    this.until = nextChange(schedules, from);
    this.published = keys
      .flatMap((entry) => {
        const state = states.get(entry.schedule.kid);
        return state === undefined || state === 'retired' ? [] : [{ ...entry, state }];
      })
      .sort((one, other) => ORDER[one.state] - ORDER[other.state]);
    this.verification = new Map(this.published.map(({ key }) => [key.kid, { key: key.publicKey, alg: key.alg }]));
    this.publicJwks = Object.freeze({ keys: Object.freeze(this.published.map(({ key }) => key.publicJwk)) });
    this.fingerprint = this.published.map(({ key, state }) => `${key.kid}:${state}`).join();
    this.activeKeys = new Map(this.published.filter(({ state }) => state === 'active').map(({ key }) => [key.alg, key]));
    const ES256 = this.activeKeys.get('ES256');
    const RS256 = this.activeKeys.get('RS256');
    if (ES256 && RS256) this.signingKeys = Object.freeze({ ES256, RS256 });
  }

  /** False as well when the clock was set back to before it was made. */
  holdsAt(at: number): boolean {
    return at < this.until && at >= this.from;
  }

  active(algorithm: SigningAlgorithm): SigningKey | undefined {
    return this.activeKeys.get(algorithm);
  }

  signing(): Readonly<Record<SigningAlgorithm, SigningKey>> {
    if (!this.signingKeys) throw keyRingEmpty(SIGNING_ALGORITHMS.find((algorithm) => !this.activeKeys.has(algorithm))!);
    return this.signingKeys;
  }

  privateJwks(): { readonly keys: readonly PrivateSigningJwk[] } {
    return { keys: this.published.map(({ key }) => key.privateJwk()) };
  }

  describe() {
    return this.published.map(({ schedule: { kid, algorithm, publishedAt, activatesAt, supersededAt, retiresAt }, state }) =>
      ({ kid, algorithm, publishedAt, activatesAt, supersededAt, retiresAt, state }));
  }
}
