import { resourceIdentifierProblem } from './resource-identifier.js';

describe('a resource identifier', () => {
  it.each([
    'https://api.example.com',
    'https://api.example.com/',
    'https://api.example.com:8443/v1/calendar?tenant=7',
    'https://mcp.example.com/mcp',
    'http://localhost:4000/api',
    'http://127.0.0.1:4000',
    'http://[::1]:4000/x',
    'https://api.example.com/a.b/..c/%7Euser',
  ])('may be %s', (identifier) => {
    expect(resourceIdentifierProblem(identifier)).toBeUndefined();
  });

  it.each([
    ['no scheme', 'api.example.com'],
    ['another scheme', 'urn:example:api'],
    ['no host', 'https:///path'],
    ['a relative form', 'https:api.example.com'],
    ['http on another host', 'http://api.example.com'],
    ['http on a host that only looks like loopback', 'http://localhost.example.com'],
    ['a fragment', 'https://api.example.com/#top'],
    ['an empty fragment', 'https://api.example.com/#'],
    ['user information', 'https://user:secret@api.example.com'],
    ['empty user information', 'https://@api.example.com'],
    ['dot segments', 'https://api.example.com/a/../b'],
    ['encoded dot segments', 'https://api.example.com/a/%2E%2e/b'],
    ['a single dot at the end', 'https://api.example.com/a/.'],
    ['white space', 'https://api.example.com/a b'],
    ['a tab that a parser would drop', 'https://api.exa\tmple.com'],
    ['a backslash', 'https://api.example.com\\@evil.example'],
    ['a wildcard host', 'https://*.example.com/{id}'],
    ['other letters', 'https://bücher.example'],
    ['nothing in it', ''],
    ['a host that no parser accepts', 'https://[::zz]/'],
    ['513 characters', `https://api.example.com/${'a'.repeat(489)}`],
  ])('is refused with %s', (_what, identifier) => {
    expect(resourceIdentifierProblem(identifier)).toMatch(/^must /);
  });

  it('may have 512 characters', () => {
    expect(resourceIdentifierProblem(`https://api.example.com/${'a'.repeat(488)}`)).toBeUndefined();
  });
});
