import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { DomainError } from '../../kernel/domain-error.js';
import { checkClientMetadata, type ClientMetadata } from './client-metadata.js';
import type { ClientJwks } from './client.entity.js';

const rules = { allowsLoopbackHttp: false };
const check = (given: Partial<ClientMetadata>) => checkClientMetadata(given, rules);

const ecKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ecPublic = { ...ecKeys.publicKey.export({ format: 'jwk' }), kid: 'one' };
const rsaPublic = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }), kid: 'two' };
const edPublic = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

describe('a client that says little', () => {
  it('speaks for itself with a secret', () => {
    expect(check({})).toMatchObject({ tokenEndpointAuthMethod: 'client_secret_basic', grantTypes: ['client_credentials'], redirectUris: [], requirePkce: true, rotateRefreshTokens: true, applicationType: 'web' });
  });

  it('signs people in when it names redirect URIs', () => {
    expect(check({ redirectUris: ['https://a.example.com/cb'] })).toMatchObject({ grantTypes: ['authorization_code', 'refresh_token'] });
  });
});

describe('grant types', () => {
  it.each([
    ['implicit', { grantTypes: ['implicit'] }, 'not part of OAuth 2.1'],
    ['password', { grantTypes: ['password'] }, 'not part of OAuth 2.1'],
    ['an unknown one', { grantTypes: ['urn:example:mine'] }, 'authorization_code, refresh_token, client_credentials'],
    ['none', { grantTypes: [] }, 'at least one'],
    ['one twice', { grantTypes: ['client_credentials', 'client_credentials'] }, 'twice'],
    ['authorization_code without a redirect URI', { grantTypes: ['authorization_code'] }, 'needs redirect_uris'],
    ['a redirect URI without authorization_code', { grantTypes: ['client_credentials'], redirectUris: ['https://a.example.com/cb'] }, 'need the grant type'],
    ['refresh_token alone', { grantTypes: ['refresh_token'] }, 'needs authorization_code'],
    ['client_credentials for a public client', { tokenEndpointAuthMethod: 'none' as const }, 'anybody could be it'],
  ])('are refused with %s', (_what, given, sentence) => {
    expect(() => check(given)).toThrow(expect.objectContaining({ code: 'invalid_client_metadata', message: expect.stringContaining(sentence) }));
  });
});

describe('redirect URIs', () => {
  it('are refused with the error of RFC 7591', () => {
    expect(() => check({ redirectUris: ['https://a.example.com/cb', 'http://a.example.com/cb'] }))
      .toThrow(expect.objectContaining({ kind: 'invalid', code: 'invalid_redirect_uri', message: 'The redirect URI "http://a.example.com/cb" uses http, which only a loopback address may.' }));
  });

  it('after signing out follow the same rules', () => {
    expect(() => check({ postLogoutRedirectUris: ['https://a.example.com/*'] })).toThrow(expect.objectContaining({ code: 'invalid_redirect_uri' }));
  });

  it.each([
    ['named twice', ['https://a.example.com/cb', 'https://a.example.com/cb']],
    ['more than twenty', Array.from({ length: 21 }, (_, index) => `https://a.example.com/${index}`)],
  ])('are refused when %s', (_what, redirectUris) => {
    expect(() => check({ redirectUris })).toThrow(expect.objectContaining({ code: 'invalid_client_metadata' }));
  });
});

describe('keys', () => {
  it('are kept as what verifying a signature needs', () => {
    const jwks = { keys: [{ ...ecPublic, use: 'sig', x5u: 'https://evil.example/cert', comment: 'mine' }, rsaPublic] };
    expect(check({ tokenEndpointAuthMethod: 'private_key_jwt', jwks }).jwks).toEqual({ keys: [{ ...ecPublic, use: 'sig' }, rsaPublic] });
    expect(check({ jwks: { keys: [edPublic] } as ClientJwks }).jwks).toEqual({ keys: [edPublic] });
  });

  it.each([
    ['a private key', { keys: [ecKeys.privateKey.export({ format: 'jwk' })] }, 'private or symmetric'],
    ['a shared key', { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }, 'private or symmetric'],
    ['a shared key without its value', { keys: [{ kty: 'oct' }] }, 'kty'],
    ['no keys', { keys: [] }, '1 to 20'],
    ['21 keys', { keys: Array.from({ length: 21 }, (_, index) => ({ ...ecPublic, kid: String(index) })) }, '1 to 20'],
    ['no array', { keys: 'ec' }, 'array'],
    ['a string for a key', { keys: ['ec'] }, 'not an object'],
    ['a point off the curve', { keys: [{ ...ecPublic, x: ecPublic.y }] }, 'not a valid key'],
    ['a curve that is not accepted', { keys: [{ ...ecPublic, crv: 'secp256k1' }] }, 'curves'],
    ['an RSA key of 1024 bits', { keys: [generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })] }, 'fewer than 2048 bits'],
    ['a key for encryption', { keys: [{ ...ecPublic, use: 'enc' }] }, 'not meant for signatures'],
    ['a key that may not verify', { keys: [{ ...ecPublic, key_ops: ['sign'] }] }, 'may not verify'],
    ['an algorithm of shared keys', { keys: [{ ...ecPublic, alg: 'HS256' }] }, 'alg'],
    ['one kid twice', { keys: [ecPublic, { ...rsaPublic, kid: 'one' }] }, 'same kid'],
    ['several keys without a kid', { keys: [ecPublic, edPublic] }, 'each needs a kid'],
    ['a kid with a space', { keys: [{ ...ecPublic, kid: 'a b' }] }, 'kid'],
  ])('are refused with %s', (_what, jwks, sentence) => {
    expect(() => check({ tokenEndpointAuthMethod: 'private_key_jwt', jwks: jwks as ClientJwks }))
      .toThrow(expect.objectContaining({ code: 'invalid_client_metadata', message: expect.stringContaining(sentence) }));
  });

  it('are named in one way, and named at all for private_key_jwt', () => {
    expect(() => check({ tokenEndpointAuthMethod: 'private_key_jwt' })).toThrow('needs jwks or jwks_uri');
    expect(() => check({ tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys: [ecPublic] } as ClientJwks, jwksUri: 'https://a.example.com/jwks' })).toThrow('not both');
    expect(check({ tokenEndpointAuthMethod: 'private_key_jwt', jwksUri: 'https://a.example.com/jwks' }).jwksUri).toBe('https://a.example.com/jwks');
  });
});

describe('documents of a client', () => {
  it.each(['jwksUri', 'clientUri', 'logoUri', 'policyUri', 'tosUri'] as const)('are fetched over https only: %s', (member) => {
    expect(check({ [member]: 'https://a.example.com/x' })[member]).toBe('https://a.example.com/x');
    for (const uri of ['http://a.example.com/x', 'http://localhost/x', 'https://u@a.example.com/x', 'https://a.example.com/x#y', 'javascript:alert(1)', 'data:,x', 'https:a', 'x', `https://a.example.com/${'x'.repeat(2048)}`]) {
      expect(() => check({ [member]: uri })).toThrow(expect.objectContaining({ code: 'invalid_client_metadata' }));
    }
  });

  it('may be on this machine in development', () => {
    expect(checkClientMetadata({ jwksUri: 'http://127.0.0.1:9000/jwks' }, { allowsLoopbackHttp: true }).jwksUri).toBe('http://127.0.0.1:9000/jwks');
    expect(() => checkClientMetadata({ jwksUri: 'http://10.0.0.1/jwks' }, { allowsLoopbackHttp: true })).toThrow('must use https');
  });
});

describe('what protects a public client', () => {
  const publicClient = { tokenEndpointAuthMethod: 'none' as const, redirectUris: ['https://a.example.com/cb'] };

  it('cannot be switched off', () => {
    expect(check(publicClient)).toMatchObject({ requirePkce: true, rotateRefreshTokens: true });
    expect(() => check({ ...publicClient, requirePkce: false })).toThrow('PKCE');
    expect(() => check({ ...publicClient, rotateRefreshTokens: false, dpopBoundAccessTokens: true })).toThrow('rotation');
  });

  it('can be given up by a confidential one, rotation only in exchange for bound tokens', () => {
    expect(check({ requirePkce: false }).requirePkce).toBe(false);
    expect(() => check({ rotateRefreshTokens: false })).toThrow('rotation');
    expect(check({ rotateRefreshTokens: false, dpopBoundAccessTokens: true }).rotateRefreshTokens).toBe(false);
  });
});

it('any metadata is either accepted, and then accepted again unchanged, or refused with one sentence', () => {
  const uri = fc.oneof(fc.webUrl(), fc.string(), fc.constantFrom('https://a.example.com/cb', 'http://localhost/cb', 'com.example.app:/cb'));
  fc.assert(fc.property(fc.record({
    tokenEndpointAuthMethod: fc.constantFrom('client_secret_basic', 'private_key_jwt', 'none'),
    grantTypes: fc.array(fc.constantFrom('authorization_code', 'refresh_token', 'client_credentials', 'implicit'), { maxLength: 3 }),
    redirectUris: fc.array(uri, { maxLength: 2 }),
    applicationType: fc.constantFrom('web', 'native'),
    jwks: fc.option(fc.constant({ keys: [ecPublic] })),
    jwksUri: fc.option(uri),
    requirePkce: fc.boolean(),
  }, { requiredKeys: [] }), (given) => {
    const once = accepted(given as Partial<ClientMetadata>);
    expect(once && accepted(once)).toEqual(once);
  }));
});

/** Undefined when it is refused as it should be: by an error of ours, with a sentence. Anything else is thrown on. */
function accepted(given: Partial<ClientMetadata>): ClientMetadata | undefined {
  try {
    return check(given);
  } catch (error) {
    if (error instanceof DomainError && error.message.endsWith('.')) return undefined;
    throw error;
  }
}
