import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { outboundFetch } from './outbound.js';

describe('what the server fetches for others', () => {
  let site: Server;
  let address: string;
  let asked = 0;

  beforeAll(async () => {
    site = createServer((_request, response) => {
      asked += 1;
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
  });
  beforeEach(() => { asked = 0; });
  afterAll(() => { site.close(); });

  it.each([
    ['over http', false, () => address],
    ['over http from elsewhere, even in development', true, () => 'http://client.example/jwks'],
    ['without the guard against addresses of special use', false, () => 'https://client.example/jwks'],
  ])('is nothing %s', async (_name, allowsLoopbackHttp, target) => {
    await expect(outboundFetch({ allowsLoopbackHttp })(target(), {})).rejects.toThrow();
    expect(asked).toBe(0);
  });

  it('is nothing of this machine or a private network: the library hands over a dispatcher that ends such connections', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', FETCHES_AS_THE_LIBRARY_DOES, address]);
    expect(stdout).toContain('hostname resolves to a special-use IP address');
    expect(asked).toBe(0);
  });
});

/** In a process of its own, because the library finds what it builds the dispatcher from nowhere but on the real global object. */
const FETCHES_AS_THE_LIBRARY_DOES = `
  import { generateKeyPairSync } from 'node:crypto';
  import { Provider } from 'oidc-provider';
  const provider = new Provider('https://issuer.example', {
    clientAuthMethods: ['private_key_jwt'], features: { clientCredentials: { enabled: true } },
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    fetch: (_url, options) => fetch(process.argv[1], options),
  });
  const client = new provider.Client({
    client_id: 'one', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://client.example/jwks',
    grant_types: ['client_credentials'], response_types: [], redirect_uris: [],
  });
  const refused = await client.asymmetricKeyStore.refresh().then(() => undefined, ({ cause }) => cause);
  console.log(refused?.cause?.message ?? refused ?? 'fetched');
`;
