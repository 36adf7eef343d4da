import fc from 'fast-check';
import { PROTOCOL_ROUTES, protocolTarget } from './protocol-routes.js';

const DISCOVERY = '/.well-known/openid-configuration';

describe('which requests are the protocol\'s', () => {
  it.each(Object.values(PROTOCOL_ROUTES))('%s is', (path) => {
    expect(protocolTarget(path)).toMatchObject({ path });
  });

  it.each([
    [DISCOVERY, DISCOVERY],
    ['/api/.well-known/openid-configuration', DISCOVERY],
    ['/api/discovery', DISCOVERY],
    ['/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server'],
    ['/.well-known/jwks.json', PROTOCOL_ROUTES.jwks],
    ['/api/oauth/logout/confirm', '/api/oauth/logout/confirm'],
    ['/api/oauth/logout/success', '/api/oauth/logout/success'],
  ])('%s is known to the library as %s', (path, target) => {
    expect(protocolTarget(path)).toMatchObject({ path: target, isBackChannel: false });
  });

  it.each([
    '/API/OAuth/Token', '/api/oauth/token/', '/api/oauth/TOKEN/', '/api/oauth/token?grant_type=x', '/api/oauth/token/?a=/b', '/api/oauth/token?a?b',
  ])('%s is the token endpoint, whose router ignores case and one trailing slash', (url) => {
    expect(protocolTarget(url)).toEqual({ path: '/api/oauth/token', isBackChannel: true, methods: ['POST', 'OPTIONS'] });
  });

  it('keeps the case of the id under which an authorization request goes on', () => {
    expect(protocolTarget('/API/OAUTH/Authorize/aB-_9/?x=1')).toEqual({ path: '/api/oauth/authorize/aB-_9', isBackChannel: false, methods: ['GET', 'HEAD'] });
  });

  it.each([
    '', '/', '?', '/api', '/api/agents', '/api/oauth', '/api/oauth/', '/api/oauth/tokens', '/api/oauth/token//', '//api/oauth/token', '/api//oauth/token', '/api/oauth/token/x',
    '/api/oauth/token;x=1', '/api/oauth/%74oken', '/api/oauth/token%2f', '/api/oauth/../oauth/token', '/x/api/oauth/token', 'http://localhost/api/oauth/token',
    '/api/oauth/interaction/abc', '/api/oauth/authorize/a/b', '/api/oauth/authorize/a.b', `/api/oauth/authorize/${'a'.repeat(65)}`, '/health/ready',
    '/.well-known', '/.well-known/openid-configuration/x', '/api/.well-known/oauth-authorization-server',
  ])('%j is not', (url) => {
    expect(protocolTarget(url)).toBeUndefined();
  });

  it('calls back channel exactly what machines call', () => {
    const backChannel = Object.values(PROTOCOL_ROUTES).filter((path) => protocolTarget(path)!.isBackChannel);
    expect(backChannel.sort()).toEqual(['/api/oauth/introspect', '/api/oauth/par', '/api/oauth/revoke', '/api/oauth/token', '/api/oauth/userinfo']);
  });

  it('never hands the library a path that it did not name itself, whatever is asked', () => {
    const known = new Set([...Object.values(PROTOCOL_ROUTES), DISCOVERY, '/.well-known/oauth-authorization-server', '/api/oauth/logout/confirm', '/api/oauth/logout/success']);
    const piece = fc.constantFrom('/', 'api', 'oauth', 'token', 'authorize', '.well-known', 'jwks.json', 'AbC', '..', '%2f', '?', 'logout', '/confirm');
    fc.assert(fc.property(fc.array(piece, { maxLength: 9 }).map((pieces) => `/${pieces.join('')}`), (url) => {
      const target = protocolTarget(url);
      return target === undefined || known.has(target.path) || /^\/api\/oauth\/authorize\/[\w-]{1,64}$/.test(target.path);
    }), { numRuns: 2000 });
  });
});
