import fc from 'fast-check';
import { covers } from '../../kernel/scope-set.js';
import { defaultScopes, offeredScopes, unofferedScopes } from './offered-scopes.js';

function client(scopes: string[], defaults: string[] = []) {
  return { scopes: new Set(scopes), defaultScopes: new Set(defaults) };
}

function resource(...scopes: string[]) {
  return { scopes: new Set(scopes) };
}

describe('what a client may be given at a resource', () => {
  it('is what both the client has and the resource offers, by the hierarchy of names', () => {
    expect(offeredScopes(client(['calendar:read', 'mail:send']), resource('calendar:read:freebusy', 'files:read'))).toEqual(['calendar:read:freebusy']);
    expect(offeredScopes(client(['calendar:read:freebusy']), resource('calendar:read'))).toEqual([]);
  });

  it('without asking is its defaults there, or all of it when it has none', () => {
    const api = resource('a:read', 'a:write', 'b:read');
    expect(defaultScopes(client(['a:read', 'a:write'], ['a:read']), api)).toEqual(['a:read']);
    expect(defaultScopes(client(['a:read', 'a:write']), api)).toEqual(['a:read', 'a:write']);
    expect(defaultScopes(client(['c:read']), api)).toEqual([]);
  });

  it('is refused by name for each scope that either lacks', () => {
    expect(unofferedScopes(client(['a:read', 'c:read']), resource('a:read', 'b:read'), ['a:read', 'a:read:more', 'b:read', 'c:read'])).toEqual(['b:read', 'c:read']);
  });

  it('never exceeds the client or the resource, whatever they are', () => {
    const names = fc.subarray(['a:read', 'a:read:x', 'a:write', 'b:read', 'b:read:y:z', 'c']);
    fc.assert(fc.property(names, names, names, names, (own, defaults, offered, requested) => {
      const asker = client(own, defaults);
      const there = resource(...offered);
      const refused = unofferedScopes(asker, there, requested);
      const given = [...offeredScopes(asker, there), ...defaultScopes(asker, there), ...requested.filter((scope) => !refused.includes(scope))];
      return given.every((scope) => covers(asker.scopes, scope) && covers(there.scopes, scope));
    }));
  });
});
