import fc from 'fast-check';
import { canonicalIdentifier, isAtHostOf, resourceIdentifierProblem } from './resource-identifier.js';

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
    ['dot segments between encoded slashes', 'https://api.example.com/a%2F..%2fb'],
    ['a single dot at the end', 'https://api.example.com/a/.'],
    ['white space', 'https://api.example.com/a b'],
    ['a tab that a parser would drop', 'https://api.exa\tmple.com'],
    ['a backslash', 'https://api.example.com\\@evil.example'],
    ['a wildcard host', 'https://*.example.com/{id}'],
    ['other letters', 'https://bücher.example'],
    ['nothing in it', ''],
    ['a host that ends in a dot', 'https://api.example.com./a'],
    ['a host that no parser accepts', 'https://[::zz]/'],
    ['513 characters', `https://api.example.com/${'a'.repeat(489)}`],
  ])('is refused with %s', (_what, identifier) => {
    expect(resourceIdentifierProblem(identifier)).toMatch(/^must /);
  });

  it('may have 512 characters', () => {
    expect(resourceIdentifierProblem(`https://api.example.com/${'a'.repeat(488)}`)).toBeUndefined();
  });
});

describe('the canonical form', () => {
  it.each<[string, string[]]>([
    ['https://api.example.com', [
      'https://api.example.com/', 'https://API.Example.COM', 'HTTPS://api.example.com', 'https://api.example.com:443/', 'https://api.example.com:0443', 'https://api.example.com:',
      'https://%61pi.example.com', 'https://api.example.com?', 'https://api.example.com//', 'https://api.example.com/?',
    ]],
    ['https://api.example.com/v1/calendar', [
      'https://api.example.com/v1/calendar/', 'https://api.example.com/v1//calendar', 'https://api.example.com/V1/Calendar', 'https://api.example.com/%76%31/calendar',
      'https://api.example.com/v1%2Fcalendar', 'https://api.example.com/v1%2fcalendar%2f',
    ]],
    ['https://api.example.com/caf%c3%a9?tenant=a%20b', ['https://api.example.com/caf%C3%A9/?tenant=a%20b', 'https://api.example.com/caf%C3%a9?%74enant=A%20B']],
    ['http://127.0.0.1:4000/api', ['http://127.1:4000/api', 'http://0x7f.0.0.1:4000/api', 'http://2130706433:4000/api/']],
    ['http://[::1]:4000', ['http://[0:0:0:0:0:0:0:1]:4000/']],
  ])('is %s for all that look like it', (canonical, spellings) => {
    for (const spelling of [canonical, ...spellings]) {
      expect(resourceIdentifierProblem(spelling)).toBeUndefined();
      expect({ spelling, canonical: canonicalIdentifier(spelling) }).toEqual({ spelling, canonical });
    }
  });

  it('keeps apart what is somewhere else', () => {
    const different = [
      'https://api.example.com', 'https://api.example.com:8443', 'https://api.example.org', 'https://api.example.com/v1', 'https://api.example.com/v1/x', 'https://api.example.com/v1?x=1',
      'https://api.example.com/v1?x=2', 'http://localhost:4000', 'http://localhost:4001', 'https://localhost:4000',
    ];
    expect(new Set(different.map(canonicalIdentifier)).size).toBe(different.length);
  });

  it('is text that a database takes, whatever is encoded in it', () => {
    const encoded = fc.uint8Array({ maxLength: 30 }).map((bytes) => `https://api.example.com/${[...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`);
    fc.assert(fc.property(encoded, (identifier) => {
      expect(canonicalIdentifier(identifier)).toMatch(/^[\x21-\x7E]+$/);
    }));
  });
});

describe('the address of this server', () => {
  it.each(['https://id.example.com', 'https://ID.example.com:443/', 'https://id.example.com/api', 'https://id.example.com/mcp?x', 'https://%69d.example.com/a'])('is that of %s', (identifier) => {
    expect(isAtHostOf('https://id.example.com', identifier)).toBe(true);
  });

  it.each(['https://id.example.com:8443', 'https://api.id.example.com', 'https://example.com', 'https://id.example.com.evil.example', 'http://localhost'])('is not that of %s', (identifier) => {
    expect(isAtHostOf('https://id.example.com', identifier)).toBe(false);
  });
});
