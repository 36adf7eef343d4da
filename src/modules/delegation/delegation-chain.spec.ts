import fc from 'fast-check';
import { actedBy, actorsOf, readActorChain, type ActorChain } from './delegation-chain.js';

const LONGEST = 5;
const nested = (depth: number): ActorChain => Array.from({ length: depth - 1 }).reduce<ActorChain>((chain, _, index) => actedBy(`agent-${index + 1}`, chain), { sub: 'agent-0' });

describe('a chain of actors', () => {
  it('is read as it was built, the current actor first', () => {
    const chain = actedBy('c', actedBy('b', actedBy('a')));
    expect(chain).toEqual({ sub: 'c', act: { sub: 'b', act: { sub: 'a' } } });
    expect(readActorChain(JSON.parse(JSON.stringify(chain)), LONGEST)).toEqual(chain);
    expect(actorsOf(chain)).toEqual(['c', 'b', 'a']);
    expect(actorsOf(undefined)).toEqual([]);
  });

  it('is as long as is allowed, and no longer', () => {
    expect(readActorChain(nested(LONGEST), LONGEST)).toBeDefined();
    expect(readActorChain(nested(LONGEST + 1), LONGEST)).toBeUndefined();
    expect(readActorChain(nested(50), LONGEST)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined], ['null', null], ['text', 'agent'], ['a list', [{ sub: 'agent' }]], ['a number', 1], ['an object without a subject', {}],
    ['an empty subject', { sub: '' }], ['a subject that is no text', { sub: { sub: 'agent' } }], ['a nested text', { sub: 'b', act: 'a' }], ['a nested null', { sub: 'b', act: null }],
    ['a nested list', { sub: 'b', act: [{ sub: 'a' }] }], ['a member that means nothing here', { sub: 'b', client_id: 'x' }], ['one such deep inside', { sub: 'b', act: { sub: 'a', iss: 'x' } }],
  ])('is not %s', (_what, act) => {
    expect(readActorChain(act, LONGEST)).toBeUndefined();
  });

  it('is read or refused, but never fails, whatever JSON stands there', () => {
    fc.assert(fc.property(fc.jsonValue(), (act) => {
      const chain = readActorChain(act, LONGEST);
      return chain === undefined || actorsOf(chain).every((actor) => typeof actor === 'string' && actor !== '');
    }));
  });
});
