import fc from 'fast-check';
import { routeClass } from './route-class.js';
import { RouteTable } from './route-table.js';

describe('the class of a route', () => {
  it.each([
    ['/api/oauth/token', 'token'], ['/API/OAuth/Token/', 'token'], ['/api/oauth/register/019ac', 'register'], ['/api/oauth/interaction/xyz/login', 'interaction'],
    ['/.well-known/openid-configuration', 'discovery'], ['/api/.well-known/jwks.json', 'jwks'], ['/api/discovery', 'discovery'], ['/api/agents', 'api/agents'],
    ['/api/agents/019ac/secrets', 'api/agents'], ['/api/oauth/verify', 'api/oauth'], ['/api/docs/swagger-ui.css', 'docs'], ['/health/ready', 'probe'], ['/', 'pages'],
    ['/api/unknown', 'other'], ['/wp-login.php', 'other'], ['', 'pages'],
  ])('of %s is %s', (path, expected) => {
    expect(routeClass(path)).toBe(expected);
  });

  it('comes from a closed list, whatever clients ask for', () => {
    const seen = new Set<string>();
    fc.assert(fc.property(fc.webPath(), fc.constantFrom('', '/api', '/api/oauth', '/.well-known'), (path, prefix) => { seen.add(routeClass(prefix + path)); }), { numRuns: 5000 });
    expect(seen.size).toBeLessThan(50);
  });
});

describe('the table of routes', () => {
  const table = new RouteTable();
  table.add(['GET', 'HEAD'], '/api/agents');
  table.add('POST', '/api/agents');
  table.add('GET', '/api/agents/me');
  table.add('DELETE', '/api/agents/:id');
  table.add('GET', '/api/docs/*');

  it.each([
    ['/api/agents', ['GET', 'HEAD', 'POST']], ['/api/agents/me', ['DELETE', 'GET']], ['/api/agents/1', ['DELETE']], ['/api/agents/', []], ['/api/agents/1/2', []],
    ['/api/docs/a/b', ['GET']], ['/api', []],
  ])('knows what %s takes', (path, methods) => {
    expect(table.methodsAt(path)).toEqual(methods);
  });
});
