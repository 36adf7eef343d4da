import fc from 'fast-check';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { authorizedScopes } from './authorized-scopes.js';

const graph = new ScopeGraph(new Map([['calendar:admin', ['calendar:read', 'calendar:write']]]), new Set());
const set = (...names: string[]) => new Set(names);

describe('scopes that several authorities have to agree on', () => {
  it('are those asked for, when each of them covers each', () => {
    expect(authorizedScopes(graph, [set('calendar:read'), set('calendar:admin', 'mail:send')], ['calendar:read:busy'])).toEqual({ scopes: ['calendar:read:busy'] });
  });

  it('are refused by name when one of them lacks some', () => {
    expect(authorizedScopes(graph, [set('calendar:read', 'mail:send'), set('calendar:admin')], ['calendar:read', 'mail:send'])).toEqual({ refused: ['mail:send'] });
  });

  it('are, for whoever asks for nothing in particular, all that they have in common', () => {
    expect(authorizedScopes(graph, [set('trips:book', 'trips:read', 'mail:send'), set('trips:book:rail', 'trips:read')], [])).toEqual({ scopes: ['trips:read', 'trips:book:rail'] });
    expect(authorizedScopes(graph, [set('calendar:admin'), set('calendar:read', 'calendar:write', 'mail:send')], [])).toEqual({ scopes: ['calendar:read', 'calendar:write'] });
    expect(authorizedScopes(graph, [set('mail:send'), set('calendar:read')], [])).toEqual({ scopes: [] });
  });

  it('leave out what somebody else does not allow', () => {
    const allows = (scope: string) => scope !== 'mail:send';
    expect(authorizedScopes(graph, [set('mail:send', 'trips:read')], [], allows)).toEqual({ scopes: ['trips:read'] });
    expect(authorizedScopes(graph, [set('mail:send')], ['mail:send'], allows)).toEqual({ refused: ['mail:send'] });
  });

  it('are never more than any of them holds', () => {
    const names = fc.uniqueArray(fc.constantFrom('calendar:read', 'calendar:read:busy', 'calendar:admin', 'calendar:write', 'mail:send', 'trips:book', 'trips:book:rail'), { maxLength: 5 });
    fc.assert(fc.property(fc.array(names, { minLength: 1, maxLength: 4 }), names, (holders, requested) => {
      const held = holders.map((one) => new Set(one));
      const made = authorizedScopes(graph, held, requested);
      return 'refused' in made || made.scopes.every((scope) => held.every((one) => graph.covers(one, scope)));
    }));
  });
});
