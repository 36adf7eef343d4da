import fc from 'fast-check';
import type { SubjectIdentifier } from './signal-events.js';
import { choosing, covers, isLeftOut, readSubject, type SubjectChoice } from './stream-subjects.js';

const ISSUER = 'https://auth.example.com';
const person = (sub: string): SubjectIdentifier => ({ format: 'iss_sub', iss: ISSUER, sub });
const opaque = (id: string): SubjectIdentifier => ({ format: 'opaque', id });
const complex = (members: Record<string, SubjectIdentifier>): SubjectIdentifier => ({ format: 'complex', ...members });

/** One choice after another, as they are kept. */
function chosen(...given: readonly (readonly [subject: SubjectIdentifier, isSent: boolean])[]): SubjectChoice[] {
  return given.reduce<SubjectChoice[]>((choices, [subject, isSent]) => {
    const change = choosing(choices, subject, isSent);
    if (!change) return choices;
    return [...choices.filter((choice) => !change.dropped.includes(choice)), ...(change.isAdded ? [{ subject, isSent, firstSequence: 0 }] : [])];
  }, []);
}
const leavesOut = (choices: readonly SubjectChoice[], subject: SubjectIdentifier) => isLeftOut(choices, subject, 1);

describe('a subject', () => {
  it.each<[string, unknown]>([
    ['an agent or a person', person('a')], ['a token', { format: 'jwt_id', iss: ISSUER, jti: 'j' }], ['a client', complex({ application: opaque('c') })],
    ['a delegation', complex({ user: person('a'), application: opaque('c'), session: opaque('d') })], ['an organization', complex({ tenant: opaque('o') })],
  ])('is %s, as events name it', (_what, subject) => {
    expect(readSubject(subject, ISSUER)).toEqual(subject);
  });

  it.each<[string, unknown]>([
    ['nothing', null], ['a text', 'alice'], ['a list', []], ['an object without a format', { iss: ISSUER, sub: 'a' }], ['one without its members', { format: 'iss_sub', iss: ISSUER }], ['one with a number', { ...person('a'), sub: 5 }],
    ['one with more members', { ...person('a'), email: 'a@example.com' }], ['one that is too long', person('a'.repeat(513))], ['a complex one of nothing', { format: 'complex' }], ['a complex one of a text', { format: 'complex', user: 'alice' }],
  ])('is not %s', (_what, subject) => {
    expect(() => readSubject(subject, ISSUER)).toThrow(expect.objectContaining({ code: 'invalid_subject' }));
  });

  it.each<[string, unknown]>([
    ['an address', { format: 'email', email: 'a@example.com' }], ['one of another issuer', { ...person('a'), iss: 'https://elsewhere.example' }], ['an id of nobody says what', opaque('a')], ['a device', complex({ device: opaque('a') })],
    ['a user by address', complex({ user: { format: 'email', email: 'a@example.com' } })], ['a complex one in a complex one', complex({ user: complex({ user: person('a') }) })],
  ])('that no event is about is not recognized: %s', (_what, subject) => {
    expect(() => readSubject(subject, ISSUER)).toThrow(expect.objectContaining({ code: 'subject_not_recognized' }));
  });
});

describe('what was chosen for a stream', () => {
  const [alice, bob] = [person('alice'), person('bob')];
  const ofAlice = complex({ user: alice });
  const withTrips = complex({ user: alice, application: opaque('trips') });

  it('leaves out a simple subject and nothing else', () => {
    const choices = chosen([alice, false]);
    expect([alice, bob, ofAlice, withTrips].map((subject) => leavesOut(choices, subject))).toEqual([true, false, false, false]);
  });

  it('leaves out whatever has all members of a complex subject, and not what says less', () => {
    const choices = chosen([withTrips, false]);
    const subjects = [withTrips, complex({ user: alice, application: opaque('trips'), session: opaque('d') }), ofAlice, complex({ tenant: opaque('o') }), complex({ user: bob, application: opaque('trips') }), alice];
    expect(subjects.map((subject) => leavesOut(choices, subject))).toEqual([true, true, false, false, false, false]);
  });

  it('puts a part back of what was taken off, and takes it off again', () => {
    const part = chosen([ofAlice, false], [withTrips, true]);
    expect([ofAlice, withTrips, complex({ user: alice, application: opaque('mail') })].map((subject) => leavesOut(part, subject))).toEqual([true, false, true]);
    expect(leavesOut(chosen([ofAlice, false], [withTrips, true], [withTrips, false]), withTrips)).toBe(true);
  });

  it('begins with what happens after it', () => {
    const choices = [{ subject: alice, isSent: false, firstSequence: 7 }];
    expect([6, 7].map((sequence) => isLeftOut(choices, alice, sequence))).toEqual([false, true]);
  });

  it('changes nothing when it is chosen again, and is forgotten when all of it is put back', () => {
    expect(choosing(chosen([alice, false]), alice, false)).toBeUndefined();
    expect(choosing([], alice, true)).toBeUndefined();
    expect(choosing(chosen([ofAlice, false]), withTrips, false)).toBeUndefined();
    expect(chosen([alice, false], [withTrips, false], [bob, false], [alice, true], [ofAlice, true], [bob, true])).toEqual([]);
    expect(chosen([withTrips, false], [ofAlice, false])).toMatchObject([{ subject: ofAlice }]);
  });

  it('decides as if every choice had been kept, whatever was chosen in whatever order', () => {
    const member = fc.option(fc.constantFrom('a', 'b'), { nil: undefined });
    const subject = fc.oneof(
      fc.constantFrom(alice, bob),
      fc.record({ user: member, application: member, session: member }).filter((members) => Object.values(members).some((one) => one !== undefined))
        .map((members) => complex(Object.fromEntries(Object.entries(members).flatMap(([name, id]) => (id === undefined ? [] : [[name, opaque(id)]]))))),
    );
    fc.assert(fc.property(fc.array(fc.tuple(subject, fc.boolean()), { maxLength: 12 }), subject, (given, asked) => {
      const last = given.findLast(([one]) => covers(one, asked));
      expect(leavesOut(chosen(...given), asked)).toBe(last !== undefined && !last[1]);
    }));
  });
});
