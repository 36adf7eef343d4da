import fc from 'fast-check';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { defaultScopes, offeredScopes, unofferedScopes } from './offered-scopes.js';

const names = ScopeGraph.EMPTY;

function client(scopes: string[], defaults: string[] = []) {
  return { scopes: new Set(scopes), defaultScopes: new Set(defaults) };
}

function resource(...scopes: string[]) {
  return { scopes: new Set(scopes) };
}

describe('what a client may be given at a resource', () => {
  it('is what both the client has and the resource offers, by the hierarchy of names and by what they imply', () => {
    expect(offeredScopes(names, client(['calendar:read', 'mail:send']), resource('calendar:read:freebusy', 'files:read'))).toEqual(['calendar:read:freebusy']);
    expect(offeredScopes(names, client(['calendar:read:freebusy']), resource('calendar:read'))).toEqual([]);
    const graph = new ScopeGraph(new Map([['calendar:all', ['calendar:read']]]), new Set());
    expect(offeredScopes(graph, client(['calendar:all']), resource('calendar:read', 'calendar:read:freebusy', 'calendar:write'))).toEqual(['calendar:read', 'calendar:read:freebusy']);
    expect(unofferedScopes(graph, client(['calendar:all']), resource('calendar:all'), ['calendar:read', 'calendar:write'])).toEqual(['calendar:write']);
  });

  it('is nothing that is not active', () => {
    const graph = new ScopeGraph(new Map(), new Set(['calendar:read']));
    expect(offeredScopes(graph, client(['calendar:read', 'mail:send']), resource('calendar:read', 'mail:send'))).toEqual(['mail:send']);
    expect(unofferedScopes(graph, client(['calendar:read']), resource('calendar:read'), ['calendar:read', 'calendar:read:freebusy'])).toEqual(['calendar:read', 'calendar:read:freebusy']);
  });

  it('without asking is nothing that only a person may grant', () => {
    const graph = new ScopeGraph(new Map([['pay:all', ['pay:send']]]), new Set(), { requiringApproval: new Set(['pay:send']) });
    const there = resource('pay:all', 'pay:send', 'pay:read');
    expect(defaultScopes(graph, client(['pay:all', 'pay:read']), there)).toEqual(['pay:read']);
    expect(defaultScopes(graph, client(['pay:all', 'pay:read'], ['pay:send']), there)).toEqual([]);
    expect(offeredScopes(graph, client(['pay:all', 'pay:read']), there)).toEqual(['pay:all', 'pay:send', 'pay:read']);
  });

  it('without asking is its defaults there, or all of it when it has none', () => {
    const api = resource('a:read', 'a:write', 'b:read');
    expect(defaultScopes(names, client(['a:read', 'a:write'], ['a:read']), api)).toEqual(['a:read']);
    expect(defaultScopes(names, client(['a:read', 'a:write']), api)).toEqual(['a:read', 'a:write']);
    expect(defaultScopes(names, client(['c:read']), api)).toEqual([]);
  });

  it('is refused by name for each scope that either lacks', () => {
    expect(unofferedScopes(names, client(['a:read', 'c:read']), resource('a:read', 'b:read'), ['a:read', 'a:read:more', 'b:read', 'c:read'])).toEqual(['b:read', 'c:read']);
  });

  it('never exceeds the client or the resource, whatever they are', () => {
    const all = ['a:read', 'a:read:x', 'a:write', 'b:read', 'b:read:y:z', 'c'];
    const some = fc.subarray(all);
    fc.assert(fc.property(some, some, some, some, fc.dictionary(fc.constantFrom(...all), some), some, (own, defaults, offered, requested, edges, inactive) => {
      const graph = new ScopeGraph(new Map(Object.entries(edges)), new Set(inactive));
      const asker = client(own, defaults);
      const there = resource(...offered);
      const refused = unofferedScopes(graph, asker, there, requested);
      const given = [...offeredScopes(graph, asker, there), ...defaultScopes(graph, asker, there), ...requested.filter((scope) => !refused.includes(scope))];
      return given.every((scope) => graph.covers(asker.scopes, scope) && graph.covers(there.scopes, scope) && !inactive.includes(scope));
    }));
  });
});
