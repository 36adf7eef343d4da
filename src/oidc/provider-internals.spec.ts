import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Provider, type Adapter } from 'oidc-provider';
import { grantHelpers, libraryGrants, replaceResponseMode, responseModesOf, runLibraryGrant } from './provider-internals.js';

const require = createRequire(import.meta.url);

describe('what we open of the library beyond its front door', () => {
  it('is that of exactly the version that we were written for', () => {
    const { version } = JSON.parse(readFileSync(require.resolve('oidc-provider/package.json'), 'utf8')) as { version: string };
    expect(version).toBe('9.13.3');
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
    expect(dependencies['oidc-provider']).toBe(version);
  });

  it.each([
    ['authorizationCode', 'authorization_code', ['code', 'code_verifier', 'redirect_uri']],
    ['refreshToken', 'refresh_token', ['refresh_token', 'scope']],
  ] as const)('has the grant %s: its type, its parameters and a handler of provider, helpers and context', (name, grantType, parameters) => {
    const grant = libraryGrants[name];
    expect(grant.grantType).toBe(grantType);
    expect([...grant.parameters].sort()).toEqual([...parameters]);
    expect(grant.handler).toBeInstanceOf(Function);
    expect(grant.handler).toHaveLength(3);
  });

  it.each(['validateDpop', 'checkDpopRequired', 'checkDpopReplay', 'checkMtlsCert', 'findGrantSource', 'consumeGrantSource', 'validateGrant', 'applyAuthorizationDetails', 'buildTokenResponse'])(
    'has the helper %s', (name) => {
      expect((grantHelpers as Record<string, unknown>)[name]).toBeInstanceOf(Function);
    });

  it('has helpers that take the provider first, since they are handed to grants bound to it', async () => {
    const provider = {} as Provider;
    let given: Record<string, unknown> = {};
    const grant = { grantType: 'x', parameters: new Set<string>(), handler: (_provider: Provider, helpers: object) => { given = helpers as typeof given; return Promise.resolve(); } };
    await runLibraryGrant(grant, provider, {} as never);
    expect(Object.keys(given).sort()).toEqual(Object.keys(grantHelpers).sort());
    for (const [name, helper] of Object.entries(given)) {
      expect({ name, takes: (helper as () => void).length }).toEqual({ name, takes: Math.max(0, ((grantHelpers as Record<string, { length: number }>)[name]!).length - 1) });
    }
  });

  it('binds the helpers of a provider once', async () => {
    const provider = {} as Provider;
    const seen: object[] = [];
    const grant = { grantType: 'x', parameters: new Set<string>(), handler: (_provider: Provider, helpers: object) => { seen.push(helpers); return Promise.resolve(); } };
    await runLibraryGrant(grant, provider, {} as never);
    await runLibraryGrant(grant, provider, {} as never);
    expect(seen[0]).toBe(seen[1]);
  });
});

describe('what we replace of the library', () => {
  const newProvider = () => new Provider('https://issuer.example', { adapter: () => ({}) as Adapter, jwks: { keys: [] } as never, features: { devInteractions: { enabled: false } } });
  const provider = newProvider();

  it('is there to be replaced, on each provider for itself', () => {
    const other = newProvider();
    expect(provider.Client.find).toBeInstanceOf(Function);
    expect(provider.Client.prototype.compareClientSecret).toBeInstanceOf(Function);
    expect(provider.ReplayDetection.unique).toBeInstanceOf(Function);
    expect(other.Client).not.toBe(provider.Client);
    expect(other.ReplayDetection).not.toBe(provider.ReplayDetection);
  });

  it('has the response mode form_post, which ours takes the place of on this provider alone', () => {
    const before = responseModesOf(provider).get('form_post');
    expect(before).toBeInstanceOf(Function);
    provider.registerResponseMode('form_post', () => undefined);
    expect(responseModesOf(provider).get('form_post')).toBe(before);
    const called: unknown[] = [];
    replaceResponseMode(provider, 'form_post', (...args) => { called.push(args); });
    (responseModesOf(provider).get('form_post') as (...args: unknown[]) => void)('ctx', 'uri', { code: 'c' });
    expect(called).toEqual([['ctx', 'uri', { code: 'c' }]]);
    expect([...responseModesOf(newProvider()).keys()].sort()).toEqual(['form_post', 'fragment', 'query']);
  });

  it('tells outside of a request that there is none', () => {
    expect(Provider.ctx).toBeUndefined();
  });

  it('lets a grant be registered again under the same name', () => {
    expect(() => provider.registerGrantType('authorization_code', async () => undefined, ['code'], [])).not.toThrow();
  });
});
