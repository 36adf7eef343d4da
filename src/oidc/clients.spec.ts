import { generateKeyPairSync } from 'node:crypto';
import { Provider, type Adapter } from 'oidc-provider';
import { useClock } from '../kernel/clock.js';
import type { ClientRecord, ClientsService } from '../modules/clients/clients.service.js';
import { useClientRegistry } from './clients.js';

const AT = 1_900_000_000_000;

describe('the clients of the protocol engine', () => {
  let time = AT;
  let restoreClock: () => void;
  beforeEach(() => {
    time = AT;
    restoreClock = useClock({ now: () => time });
  });
  afterEach(() => restoreClock());

  function find(keys: Partial<ClientRecord>): () => Promise<unknown> {
    const record = {
      id: 'one', name: 'One', status: 'active', version: 1, applicationType: 'web', tokenEndpointAuthMethod: 'private_key_jwt', grantTypes: ['client_credentials'],
      redirectUris: [], postLogoutRedirectUris: [], scopes: new Set(), dpopBoundAccessTokens: false, requirePushedAuthorizationRequests: false, ...keys,
    } as unknown as ClientRecord;
    const provider = new Provider('https://issuer.example', {
      adapter: () => ({}) as Adapter, jwks: { keys: [newKey()] } as never, clientAuthMethods: ['private_key_jwt'],
      features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
    });
    useClientRegistry(provider, { findCached: async () => record } as unknown as ClientsService);
    return () => provider.Client.find('one');
  }

  it('are made anew every five minutes when they serve their keys, so that a key that they withdraw is not believed for ever', async () => {
    const client = find({ jwksUri: 'https://client.example/jwks' });
    const first = await client();
    time += 299_000;
    expect(await client()).toBe(first);
    time += 1_000;
    expect(await client()).not.toBe(first);
  });

  it('are kept when their keys are in the registry', async () => {
    const client = find({ jwks: { keys: [] } });
    const first = await client();
    time += 3_600_000;
    expect(await client()).toBe(first);
  });
});

/** Metadata of clients is held against the algorithms of the keys that there are. */
function newKey(): object {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
}
