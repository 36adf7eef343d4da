import fc from 'fast-check';
import {
  activeAt, isDueForRotation, keyTiming, nextChange, pendingAt, planSuccession, publicationLead, retirementLag, statesAt,
  type KeySchedule, type KeyTiming,
} from './key-lifecycle.js';

const SECOND = 1000;
const T0 = Date.UTC(2030, 0, 1);

/** What the database held from an instant on. */
interface Version {
  readonly committedAt: number;
  readonly keys: readonly KeySchedule[];
}

interface Rotation {
  /** Seconds since the rotation before. */
  readonly after: number;
  readonly immediately: boolean;
  /** How far the clock of the node that rotates is from the true time, as a share of the allowed skew. */
  readonly skew: number;
}

/** Where somebody stands who looks: how far behind the database and the true time, as shares of what is allowed. */
interface Standpoint {
  readonly lag: number;
  readonly skew: number;
}

/** An instant near one at which something happens, where mistakes live. */
interface Moment {
  /** Which of the instants in the history. */
  readonly which: number;
  /** The instant itself; as the observer's clock reads it; or when the observer learns of it. */
  readonly as: 'true' | 'read' | 'learnt';
  /** Milliseconds before or after. */
  readonly off: number;
}

// Limits are where allowances run out, so half of all draws are limits.
const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
const signedShare = fc.oneof(fc.constantFrom(-1, 1), fc.double({ min: -1, max: 1, noNaN: true }));
const moment: fc.Arbitrary<Moment> = fc.record({
  which: fc.nat(), as: fc.constantFrom('true', 'read', 'learnt'), off: fc.oneof(fc.constantFrom(-1, 0, 1), fc.integer({ min: -4_000_000, max: 4_000_000 })),
});
const standpoint: fc.Arbitrary<Standpoint> = fc.record({ lag: share, skew: signedShare });
const timing: fc.Arbitrary<KeyTiming> = fc
  .record({ jwksMaxAge: fc.integer({ min: 1, max: 3600 }), accessTokenTtl: fc.integer({ min: 1, max: 200_000 }), keyRotationDays: fc.integer({ min: 1, max: 400 }) })
  .map(keyTiming);
const rotations = (immediately: fc.Arbitrary<boolean>) => fc.array(
  fc.record({ after: fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 300_000 })), immediately, skew: signedShare }),
  { maxLength: 8 },
);

/** The history of one algorithm's keys: a first key at T0, then one rotation after the other. */
function history(of: KeyTiming, steps: readonly Rotation[], setUpSkew: number): Version[] {
  const setUp = planSuccession(undefined, of, stamp(T0, of, setUpSkew), true);
  const versions: Version[] = [{ committedAt: T0, keys: [key('0', setUp.successor)] }];
  let realTime = T0;
  for (const [index, step] of steps.entries()) {
    realTime += step.after * SECOND;
    const { keys } = versions.at(-1)!;
    const at = stamp(realTime, of, step.skew);
    const active = activeAt(keys, 'ES256', at)!;
    const pending = pendingAt(keys, 'ES256', at);
    if (pending && !step.immediately) continue;
    const plan = planSuccession(active, of, at, step.immediately);
    const successor = key(pending?.kid ?? String(index + 1), plan.successor);
    const others = keys.filter(({ kid }) => kid !== successor.kid).map((one) => (one === active ? { ...one, ...plan.predecessor } : one));
    versions.push({ committedAt: realTime, keys: [...others, successor] });
  }
  return versions;
}

function key(kid: string, dates: Pick<KeySchedule, 'publishedAt' | 'activatesAt'>): KeySchedule {
  return { kid, algorithm: 'ES256', supersededAt: null, retiresAt: null, ...dates };
}

function stamp(realTime: number, of: KeyTiming, skew: number): number {
  return Math.round(realTime + skew * of.clockSkew * SECOND);
}

/** What a node believes at a true instant. */
function seen(versions: readonly Version[], of: KeyTiming, realTime: number, from: Standpoint) {
  const known = versions.filter(({ committedAt }) => committedAt <= realTime - from.lag * of.pollInterval * SECOND).at(-1) ?? versions[0]!;
  return { keys: known.keys, at: stamp(realTime, of, from.skew) };
}

function kidsInJwks(keys: readonly KeySchedule[], at: number): string[] {
  return [...statesAt(keys, at)].filter(([, state]) => state !== 'retired').map(([kid]) => kid);
}

function instantOf(moment: Moment, versions: readonly Version[], of: KeyTiming, observer: Standpoint = { lag: 0, skew: 0 }): number {
  const instants = versions.flatMap(({ committedAt, keys }) =>
    [committedAt, ...keys.flatMap((one) => [one.activatesAt, one.retiresAt ?? one.activatesAt].map((date) => date.getTime()))]);
  const shift = { true: 0, read: -observer.skew * of.clockSkew, learnt: observer.lag * of.pollInterval }[moment.as];
  return Math.max(T0, Math.round(instants[moment.which % instants.length]! + shift * SECOND) + moment.off);
}

interface Use {
  readonly signedAt: number;
  readonly signer: Standpoint;
  /** Share of the longest token lifetime. */
  readonly lifetime: number;
  /** When the verifier fetched the JWKS: 0 as early as it may have, 1 when the token expires. */
  readonly fetched: number;
  /** How long before the signature it may have done so; negative for how long after at the earliest. Seconds. */
  readonly cachedFor: number;
  readonly server: Standpoint;
}

/** Does the JWKS that the verifier holds contain the key that the signer used? */
function isVerified(of: KeyTiming, versions: readonly Version[], { signedAt, signer, lifetime, fetched, cachedFor, server }: Use): boolean {
  const view = seen(versions, of, signedAt, signer);
  const { kid } = activeAt(view.keys, 'ES256', view.at)!;
  // The token is dated by the signer's clock; the verifier goes by the true time.
  const expiresAt = view.at + lifetime * of.longestTokenLifetime * SECOND;
  const earliest = Math.max(T0, signedAt - cachedFor * SECOND);
  if (earliest > expiresAt) return true;
  const jwks = seen(versions, of, earliest + fetched * (expiresAt - earliest), server);
  return kidsInJwks(jwks.keys, jwks.at).includes(kid);
}

describe('the life of a signing key', () => {
  it('has exactly one active key of an algorithm at every instant after set-up, on every node', () => {
    fc.assert(fc.property(timing, rotations(fc.boolean()), signedShare, moment, standpoint, (of, steps, setUpSkew, when, from) => {
      const versions = history(of, steps, setUpSkew);
      const realTime = instantOf(when, versions, of, from);
      const { keys, at } = seen(versions, of, realTime, from);
      expect([...statesAt(keys, at).values()].filter((state) => state === 'active')).toHaveLength(1);
    }), { numRuns: 1000 });
  });

  it('lets every JWKS that a verifier may hold verify what any node signs, until it expires', () => {
    fc.assert(fc.property(
      timing, rotations(fc.constant(false)), signedShare, moment, standpoint, share, share, standpoint,
      (of, steps, setUpSkew, when, signer, lifetime, fetched, server) => {
        const versions = history(of, steps, setUpSkew);
        expect(isVerified(of, versions, { signedAt: instantOf(when, versions, of, signer), signer, lifetime, fetched, cachedFor: of.jwksMaxAge, server })).toBe(true);
      }), { numRuns: 2000 });
  });

  it('lets a verifier without a cache verify everything as soon as all nodes know of an immediate rotation', () => {
    fc.assert(fc.property(
      timing, rotations(fc.boolean()), signedShare, moment, standpoint, share, share, standpoint,
      (of, steps, setUpSkew, when, signer, lifetime, fetched, server) => {
        const versions = history(of, steps, setUpSkew);
        expect(isVerified(of, versions, { signedAt: instantOf(when, versions, of, signer), signer, lifetime, fetched, cachedFor: -of.pollInterval, server })).toBe(true);
      }), { numRuns: 2000 });
  });

  it.each([
    { what: 'after a scheduled rotation, with the oldest JWKS', immediately: false, cachedFor: (of: KeyTiming) => of.jwksMaxAge },
    { what: 'after an immediate one, without a cache', immediately: true, cachedFor: (of: KeyTiming) => -of.pollInterval },
  ])('verifies where every allowance is used up to the last second: $what', ({ immediately, cachedFor }) => {
    const of = keyTiming({ jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 });
    const extremes = [-1, 1].flatMap((skew) => [0, 1].map((lag) => ({ lag, skew })));
    const failures: unknown[] = [];
    for (const rotator of [-1, 1]) {
      const versions = history(of, [{ after: 200_000, immediately, skew: rotator }], 0);
      for (const signer of extremes) for (const server of extremes) for (const fetched of [0, 1]) {
        for (const as of ['true', 'read', 'learnt'] as const) for (const off of [-1, 0, 1]) for (let which = 0; which < 10; which += 1) {
          const signedAt = instantOf({ which, as, off }, versions, of, signer);
          if (!isVerified(of, versions, { signedAt, signer, lifetime: 1, fetched, cachedFor: cachedFor(of), server })) failures.push({ rotator, signer, server, fetched, as, off, which });
        }
      }
    }
    expect(failures).toEqual([]);
  });

  it('makes an immediate successor the active key, whichever clocks stamped the two', () => {
    fc.assert(fc.property(timing, rotations(fc.boolean()), signedShare, standpoint, (of, steps, setUpSkew, from) => {
      const versions = history(of, [...steps, { after: 0, immediately: true, skew: from.skew }], setUpSkew);
      const { committedAt, keys } = versions.at(-1)!;
      const successor = keys.at(-1)!;
      expect(activeAt(keys, 'ES256', stamp(committedAt, of, -from.skew))).toBe(successor);
    }), { numRuns: 1000 });
  });

  it('changes no state between now and the next change it announces', () => {
    fc.assert(fc.property(timing, rotations(fc.boolean()), moment, share, (of, steps, when, within) => {
      const versions = history(of, steps, 0);
      const { keys } = versions.at(-1)!;
      const at = instantOf(when, versions, of);
      const next = Math.min(nextChange(keys, at), at + 1_000_000_000);
      expect(statesAt(keys, at + Math.floor(within * (next - at - 1)))).toEqual(statesAt(keys, at));
    }), { numRuns: 1000 });
  });

  it('only ever moves on: pending, active, retiring, retired', () => {
    const order = ['pending', 'active', 'retiring', 'retired'];
    fc.assert(fc.property(timing, rotations(fc.constant(false)), moment, moment, (of, steps, one, other) => {
      const versions = history(of, steps, 0);
      const [early, late] = [one, other].map((when) => instantOf(when, versions, of)).sort((a, b) => a - b);
      const before = statesAt(seen(versions, of, early!, { lag: 0, skew: 0 }).keys, early!);
      const after = statesAt(seen(versions, of, late!, { lag: 0, skew: 0 }).keys, late!);
      for (const [kid, state] of before) expect(order.indexOf(after.get(kid)!)).toBeGreaterThanOrEqual(order.indexOf(state));
    }), { numRuns: 1000 });
  });

  it('retires a key withdrawn as of its publication, whatever the clock says', () => {
    const withdrawn: KeySchedule = { ...key('a', { publishedAt: new Date(T0), activatesAt: new Date(T0) }), retiresAt: new Date(T0) };
    for (const at of [T0 - 60_000, T0, T0 + 60_000]) expect(statesAt([withdrawn], at).get('a')).toBe('retired');
  });

  it('keeps algorithms apart', () => {
    const es256 = key('e', { publishedAt: new Date(T0), activatesAt: new Date(T0) });
    const rs256: KeySchedule = { ...es256, kid: 'r', algorithm: 'RS256', activatesAt: new Date(T0 + 1) };
    expect(statesAt([es256, rs256], T0 + 2)).toEqual(new Map([['e', 'active'], ['r', 'active']]));
  });

  it('asks for a successor so early that it takes over at the rotation age', () => {
    const of = keyTiming({ jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 });
    const active = key('a', { publishedAt: new Date(T0), activatesAt: new Date(T0) });
    const dueAt = T0 + 90 * 86_400 * SECOND - publicationLead(of) * SECOND;
    expect(isDueForRotation(active, of, dueAt - 1)).toBe(false);
    expect(isDueForRotation(active, of, dueAt)).toBe(true);
    expect(planSuccession(active, of, dueAt, false).successor.activatesAt).toEqual(new Date(T0 + 90 * 86_400 * SECOND));
  });

  it('allows for caches, unnoticed changes and clocks in proportion to the JWKS age', () => {
    expect(publicationLead(keyTiming({ jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 }))).toBe(300 + 30 + 60);
    expect(publicationLead(keyTiming({ jwksMaxAge: 1, accessTokenTtl: 600, keyRotationDays: 90 }))).toBe(1 + 1 + 2);
    expect(retirementLag(keyTiming({ jwksMaxAge: 300, accessTokenTtl: 600, keyRotationDays: 90 }))).toBe(86_400 + 30 + 90);
    expect(retirementLag(keyTiming({ jwksMaxAge: 300, accessTokenTtl: 200_000, keyRotationDays: 90 }))).toBe(200_000 + 30 + 90);
  });
});
