/**
 * The life of a signing key, told by its timestamps alone:
 *
 *   1. pending  – published in the JWKS, not yet used, so that verifiers' caches learn of it;
 *   2. active   – the newest key of its algorithm that has reached `activatesAt`: it signs;
 *   3. retiring – a newer one has activated; what it signed is still verified;
 *   4. retired  – at `retiresAt`: everything it signed has expired; it leaves the JWKS.
 *
 * Nothing is ever switched: each node asks what holds now, and so all flip at the same instant without talking.
 * Pure functions; instants are milliseconds since the Unix epoch.
 */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export type KeyState = 'pending' | 'active' | 'retiring' | 'retired';

export interface KeySchedule {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publishedAt: Date;
  readonly activatesAt: Date;
  /** When its successor activates, once there is one. */
  readonly supersededAt: Date | null;
  /** When it leaves the JWKS, once there is a successor. */
  readonly retiresAt: Date | null;
}

/** How long each step takes. Seconds. */
export interface KeyTiming {
  /** How long a verifier may keep a JWKS. */
  readonly jwksMaxAge: number;
  /** How long a node may go without noticing a change in the database. */
  readonly pollInterval: number;
  /** How far a node's clock may be from the true time, either way. */
  readonly clockSkew: number;
  /** The longest life of anything signed. */
  readonly longestTokenLifetime: number;
  /** Age at which a key is replaced. */
  readonly rotationAge: number;
}

/** No resource may ask for longer-lived access tokens (`resources.access_token_ttl`). Seconds. */
const LONGEST_RESOURCE_TOKEN_LIFETIME = 86_400;
const DAY = 86_400;

/**
 * The timing a configuration implies. The allowances for unnoticed changes and for clocks are a tenth of the JWKS age, from
 * 1 to 30 seconds: whoever promises verifiers a short cache runs nodes that keep time accordingly.
 */
export function keyTiming(config: { readonly jwksMaxAge: number; readonly accessTokenTtl: number; readonly keyRotationDays: number }): KeyTiming {
  const allowance = Math.min(30, Math.max(1, Math.ceil(config.jwksMaxAge / 10)));
  return {
    jwksMaxAge: config.jwksMaxAge,
    pollInterval: allowance,
    clockSkew: allowance,
    longestTokenLifetime: Math.max(LONGEST_RESOURCE_TOKEN_LIFETIME, config.accessTokenTtl),
    rotationAge: config.keyRotationDays * DAY,
  };
}

/**
 * From publication to first use: a JWKS fetched from the node that learns of the key last must have left every cache when the
 * node whose clock runs fastest begins to sign. The skew counts twice, once for the clock that stamped the publication. Seconds.
 */
export function publicationLead(timing: KeyTiming): number {
  return timing.jwksMaxAge + timing.pollInterval + 2 * timing.clockSkew;
}

/**
 * From the successor's activation to retirement: what the last node to learn of the successor signed last must have expired.
 * The skew counts for the clocks that stamped the succession, that dated the token, and that serves the JWKS. Seconds.
 */
export function retirementLag(timing: KeyTiming): number {
  return timing.longestTokenLifetime + timing.pollInterval + 3 * timing.clockSkew;
}

/** The state of every key of one or more algorithms. */
export function statesAt(keys: Iterable<KeySchedule>, at: number): Map<string, KeyState> {
  const all = [...keys];
  const active = new Set(SIGNING_ALGORITHMS.map((algorithm) => activeAt(all, algorithm, at)?.kid));
  return new Map(all.map((key) => [key.kid, stateOf(key, at, active.has(key.kid))]));
}

/** The key that signs: the newest of the algorithm that has activated and was not withdrawn. */
export function activeAt<T extends KeySchedule>(keys: Iterable<T>, algorithm: SigningAlgorithm, at: number): T | undefined {
  let newest: T | undefined;
  for (const key of keys) {
    if (key.algorithm !== algorithm || !hasActivated(key, at) || hasRetired(key, at)) continue;
    if (!newest || isNewer(key, newest)) newest = key;
  }
  return newest;
}

/** The key that waits for its turn: at most one of each algorithm. */
export function pendingAt<T extends KeySchedule>(keys: Iterable<T>, algorithm: SigningAlgorithm, at: number): T | undefined {
  for (const key of keys) if (key.algorithm === algorithm && !hasActivated(key, at) && !hasRetired(key, at)) return key;
  return undefined;
}

export interface Succession {
  readonly successor: Pick<KeySchedule, 'publishedAt' | 'activatesAt'>;
  readonly predecessor: { readonly supersededAt: Date; readonly retiresAt: Date };
}

/**
 * When a successor made now takes over from the active key.
 *
 * @param immediately sign with it at once; verifiers that cached the JWKS must then fetch it again to know the new `kid`
 */
export function planSuccession(active: KeySchedule | undefined, timing: KeyTiming, at: number, immediately: boolean): Succession {
  // Another node's faster clock may have stamped the active key: its successor has to be the newer one all the same.
  const published = Math.max(at, (active?.activatesAt.getTime() ?? 0) + 1);
  const activates = immediately ? published : published + publicationLead(timing) * 1000;
  return {
    successor: { publishedAt: new Date(published), activatesAt: new Date(activates) },
    predecessor: { supersededAt: new Date(activates), retiresAt: new Date(activates + retirementLag(timing) * 1000) },
  };
}

/** The next instant after `at` at which any state changes, or infinity. */
export function nextChange(keys: Iterable<KeySchedule>, at: number): number {
  let next = Infinity;
  for (const key of keys) {
    for (const instant of [key.activatesAt.getTime(), key.retiresAt?.getTime() ?? Infinity]) {
      if (instant > at && instant < next) next = instant;
    }
  }
  return next;
}

/** Is it time to publish a successor, so that this key signs for no longer than its rotation age? */
export function isDueForRotation(active: KeySchedule, timing: KeyTiming, at: number): boolean {
  return at >= active.activatesAt.getTime() + (timing.rotationAge - publicationLead(timing)) * 1000;
}

export function hasRetired(key: KeySchedule, at: number): boolean {
  return key.retiresAt !== null && key.retiresAt.getTime() <= asSeen(key, at);
}

function hasActivated(key: KeySchedule, at: number): boolean {
  return key.activatesAt.getTime() <= asSeen(key, at);
}

/**
 * Whoever reads a row reads it after its publication, even if the own clock is slow and says otherwise. So a key that activates
 * at its publication signs at once wherever it is seen, and one that is withdrawn as of its publication is gone at once.
 */
function asSeen(key: KeySchedule, at: number): number {
  return Math.max(at, key.publishedAt.getTime());
}

function stateOf(key: KeySchedule, at: number, isActive: boolean): KeyState {
  if (hasRetired(key, at)) return 'retired';
  if (!hasActivated(key, at)) return 'pending';
  return isActive ? 'active' : 'retiring';
}

function isNewer(key: KeySchedule, other: KeySchedule): boolean {
  const difference = key.activatesAt.getTime() - other.activatesAt.getTime();
  return difference > 0 || (difference === 0 && key.kid > other.kid);
}
