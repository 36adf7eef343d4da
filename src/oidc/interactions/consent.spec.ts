import fc from 'fast-check';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { roleAllows, ROLES } from '../../modules/organizations/roles.js';
import { agreedConsent, scopesOf, type ConsentPayload, type MissingConsent } from './consent.js';

const API = 'https://issuer.example/api';
const OTHER = 'https://calendar.example';

describe('what stands after a person agrees', () => {
  it('is what was missing', () => {
    expect(agreedConsent(undefined, { missingOIDCScope: ['openid', 'email'], missingResourceScopes: { [API]: ['agents:read'], [OTHER]: ['calendar:read'] } }, 'owner', ScopeGraph.EMPTY))
      .toEqual({ openid: { scope: 'openid email' }, resources: { [API]: 'agents:read', [OTHER]: 'calendar:read' } });
  });

  it('is that and what stood before, each scope once', () => {
    const before: ConsentPayload = { openid: { scope: 'openid' }, resources: { [API]: 'agents:read tasks:read' } };
    expect(agreedConsent(before, { missingOIDCScope: ['profile', 'openid'], missingResourceScopes: { [API]: ['tasks:read', 'users:read'], [OTHER]: ['calendar:read'] } }, 'admin', ScopeGraph.EMPTY))
      .toEqual({ openid: { scope: 'openid profile' }, resources: { [API]: 'agents:read tasks:read users:read', [OTHER]: 'calendar:read' } });
  });

  it('leaves what stood before as it was', () => {
    const before: ConsentPayload = { resources: { [API]: 'agents:read' } };
    agreedConsent(before, { missingResourceScopes: { [API]: ['tasks:read'] } }, 'owner', ScopeGraph.EMPTY);
    expect(before).toEqual({ resources: { [API]: 'agents:read' } });
  });

  it('is without what the role does not allow, which is noted as withheld', () => {
    expect(agreedConsent(undefined, { missingResourceScopes: { [API]: ['agents:read', 'clients:write', 'keys:write'] } }, 'member', ScopeGraph.EMPTY))
      .toEqual({ resources: { [API]: 'agents:read' }, rejected: { resources: { [API]: 'clients:write keys:write' } } });
  });

  it('is nothing when the role allows nothing of it', () => {
    const after = agreedConsent(undefined, { missingResourceScopes: { [API]: ['clients:write'] } }, 'member', ScopeGraph.EMPTY);
    expect(scopesOf(after)).toEqual([]);
    expect(after.resources).toBeUndefined();
  });

  it('is without what is not active, whether it stood before or is asked for now', () => {
    const graph = new ScopeGraph(new Map(), new Set(['calendar:read', 'mail:send']));
    const before: ConsentPayload = { openid: { scope: 'openid' }, resources: { [API]: 'agents:read', [OTHER]: 'calendar:read calendar:read:busy' } };
    expect(agreedConsent(before, { missingResourceScopes: { [API]: ['agents:write', 'mail:send', 'mail:send:x'] } }, 'owner', graph))
      .toEqual({ openid: { scope: 'openid' }, resources: { [API]: 'agents:read agents:write' } });
  });

  it('does not judge the scopes of other APIs by the role', () => {
    expect(agreedConsent(undefined, { missingResourceScopes: { [OTHER]: ['calendar:write'] } }, 'member', ScopeGraph.EMPTY)).toEqual({ resources: { [OTHER]: 'calendar:write' } });
  });

  it('never holds a scope that the role does not allow, nor one that nobody asked for', () => {
    const scope = fc.constantFrom('agents:read', 'agents:write', 'clients:write', 'keys:write', 'users:write', 'calendar:read', 'mail:send');
    const missing: fc.Arbitrary<MissingConsent> = fc.record({
      missingOIDCScope: fc.uniqueArray(fc.constantFrom('openid', 'email', 'profile')),
      missingResourceScopes: fc.dictionary(fc.constantFrom(API, OTHER), fc.uniqueArray(scope, { minLength: 1 })),
    });
    fc.assert(fc.property(fc.constantFrom(...ROLES), fc.array(missing, { maxLength: 3 }), (role, asked) => {
      const after = asked.reduce<ConsentPayload | undefined>((before, more) => agreedConsent(before, more, role, ScopeGraph.EMPTY), undefined);
      const wanted = new Set(asked.flatMap((more) => [...more.missingOIDCScope ?? [], ...Object.values(more.missingResourceScopes ?? {}).flat()]));
      const held = scopesOf(after);
      return held.every((name) => wanted.has(name) && roleAllows(role, name)) && [...wanted].every((name) => held.includes(name) || !roleAllows(role, name));
    }));
  });
});

describe('the scopes of a consent', () => {
  it('are those of all its parts, each once, and none of those withheld', () => {
    expect(scopesOf({ openid: { scope: 'openid email' }, resources: { [API]: 'openid agents:read', [OTHER]: 'agents:read' }, rejected: { resources: { [API]: 'keys:write' } } }))
      .toEqual(['openid', 'email', 'agents:read']);
  });

  it('are none before there is one', () => {
    expect(scopesOf(undefined)).toEqual([]);
    expect(scopesOf({})).toEqual([]);
  });
});
