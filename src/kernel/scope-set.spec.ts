import fc from 'fast-check';
import { covers, formatScope, isScopeToken, narrow, parseScope, uncovered } from './scope-set.js';

const part = fc.constantFrom('calendar', 'mail', 'read', 'write', 'freebusy', 'a', 'b');
/** Names of up to four parts: `calendar`, `calendar:read`, `calendar:read:freebusy`… */
const scope = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(':'));
const scopes = fc.array(scope, { maxLength: 6 });

const coversAll = (held: readonly string[], wanted: readonly string[]) => uncovered(new Set(held), wanted).length === 0;

describe('what a scope covers', () => {
  it.each([
    ['calendar:read', 'calendar:read', true],
    ['calendar:read', 'calendar:read:freebusy', true],
    ['calendar:read', 'calendar:read:freebusy:busy', true],
    ['calendar:read:freebusy', 'calendar:read', false],
    ['calendar:read', 'calendar:write', false],
    ['calendar:read', 'calendar:readonly', false],
    ['calendar', 'calendar', true],
    ['calendar', 'calendar:read', false],
    ['calendar', 'calendar:read:freebusy', false],
    ['openid', 'openid:read', false],
    [':read', ':read:x', true],
    ['', ':read', false],
    ['calendar:', 'calendar::x', true],
  ])('%s covers %s: %s', (held, wanted, expected) => {
    expect(covers(new Set([held]), wanted)).toBe(expected);
  });

  it('is everything that is held', () => {
    fc.assert(fc.property(scopes, (held) => coversAll(held, held)));
  });

  it('passes on: what covers a cover covers all below it', () => {
    fc.assert(fc.property(scopes, scopes, scopes, (a, b, c) => !(coversAll(a, b) && coversAll(b, c)) || coversAll(a, c)));
    // And not only where chance makes such a chain: each of these names stands for all that follow.
    fc.assert(fc.property(scope.filter((name) => name.includes(':')), part, part, (name, one, two) =>
      coversAll([name], [`${name}:${one}`]) && coversAll([`${name}:${one}`], [`${name}:${one}:${two}`]) && coversAll([name], [`${name}:${one}:${two}`])));
  });

  it('never runs upwards: a longer name covers no shorter one', () => {
    fc.assert(fc.property(scope, part, (name, more) => !covers(new Set([`${name}:${more}`]), name)));
  });

  it('is nothing for a bare resource but the name itself', () => {
    fc.assert(fc.property(part, scope, (bare, other) => covers(new Set([bare]), other) === (bare === other)));
  });

  it('never shrinks when more is held', () => {
    fc.assert(fc.property(scopes, scopes, scope, (held, more, wanted) => !covers(new Set(held), wanted) || covers(new Set([...held, ...more]), wanted)));
  });

  it('splits what is wanted into what is covered and what is not, in its order', () => {
    fc.assert(fc.property(scopes, scopes, (held, wanted) => {
      const inside = narrow(new Set(held), wanted);
      const outside = uncovered(new Set(held), wanted);
      expect([...inside, ...outside].sort()).toEqual([...wanted].sort());
      expect(wanted.filter((name) => inside.includes(name))).toEqual(inside);
      expect(coversAll(held, inside)).toBe(true);
    }));
  });
});

describe('a scope parameter (RFC 6749 section 3.3)', () => {
  it('is a list of names, each counted once, in order', () => {
    expect(parseScope('b a  b c ')).toEqual(['b', 'a', 'c']);
    for (const nothing of [undefined, null, '', '   ']) expect(parseScope(nothing)).toEqual([]);
  });

  it('is read as it is written', () => {
    fc.assert(fc.property(fc.uniqueArray(scope), (names) => { expect(parseScope(formatScope(names))).toEqual(names); }));
  });

  it('is split at spaces alone, so that a tab cannot hide a name', () => {
    expect(parseScope('a\tb')).toEqual(['a\tb']);
    expect(isScopeToken('a\tb')).toBe(false);
  });

  it.each(['a', '!', '~', 'calendar:read', 'https://example.com/scope', 'x'.repeat(128)])('may name %s', (name) => {
    expect(isScopeToken(name)).toBe(true);
  });

  it.each(['', ' ', 'a b', 'a"b', 'a\\b', 'é', '\0', 'a\n', '\u202Ea', 'x'.repeat(129)])('may not name %j', (name) => {
    expect(isScopeToken(name)).toBe(false);
  });
});
