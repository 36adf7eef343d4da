import { endpointClass } from './endpoint-class.js';

describe('the class of an endpoint', () => {
  it.each([
    ['POST', '/api/oauth/token', 'token'], ['POST', '/api/oauth/par', 'token'], ['POST', '/api/auth/login', 'token'],
    ['POST', '/api/oauth/introspect', 'verification'], ['POST', '/access/v1/evaluation', 'verification'], ['GET', '/api/oauth/userinfo', 'verification'],
    ['GET', '/', 'pages'], ['GET', '/api/oauth/authorize', 'pages'], ['GET', '/api/oauth/authorize/some-id', 'pages'], ['POST', '/api/oauth/interaction/some-id/sign-in', 'pages'],
    ['POST', '/api/oauth/logout/confirm', 'pages'], ['POST', '/api/agents/register', 'registration'], ['POST', '/api/setup', 'registration'],
    ['GET', '/api/agents', 'read'], ['HEAD', '/api/agents/some-id', 'read'], ['GET', '/.well-known/openid-configuration', 'read'], ['GET', '/nothing', 'read'],
    ['POST', '/api/agents', 'write'], ['DELETE', '/api/agents/some-id', 'write'], ['BREW', '/api/agents', 'write'], ['POST', '/healthy', 'write'],
  ])('of %s %s is %s', (method, path, kind) => {
    expect(endpointClass(method, path)).toBe(kind);
  });

  it.each(['/health', '/health/ready', '/metrics'])('of the probe %s is none', (path) => {
    expect(endpointClass('GET', path)).toBeUndefined();
  });
});
