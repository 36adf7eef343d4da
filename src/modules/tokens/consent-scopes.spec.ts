import { consentedScopes } from './consent-scopes.js';

describe('the scopes of a consent', () => {
  it('are told by resource, those of OpenID Connect once and apart', () => {
    expect(consentedScopes({ openid: { scope: 'openid email' }, resources: { 'https://a.example/api': 'openid a:read a:write', 'https://b.example/': 'b:read' } })).toEqual([
      { resource: null, scopes: ['openid', 'email'] },
      { resource: 'https://a.example/api', scopes: ['a:read', 'a:write'] },
      { resource: 'https://b.example/', scopes: ['b:read'] },
    ]);
  });

  it('leave out what was withheld, and survive forms that they do not know', () => {
    expect(consentedScopes({ rejected: { resources: { 'https://a.example/': 'a:write' } } })).toEqual([]);
    expect(consentedScopes({ openid: 'openid', resources: ['a:read'] })).toEqual([]);
    expect(consentedScopes({ resources: { 'https://a.example/': 7 } })).toEqual([{ resource: 'https://a.example/', scopes: [] }]);
  });
});
