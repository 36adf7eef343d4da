/**
 * The yardstick: oidc-provider with its own in-memory adapter and the least configuration that does the job,
 * issuing ES256 JWT access tokens and introspecting opaque ones. Nothing it answers is durable.
 *
 * Environment: PORT, CLIENT_SECRET. Prints `ready` when it listens and ends when its standard input closes.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider, { errors, type JWK } from 'oidc-provider';

const port = Number(process.env['PORT']);
const issuer = `http://127.0.0.1:${port}`;
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'bench',
    client_secret: process.env['CLIENT_SECRET'],
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }],
  jwks: { keys: [{ ...jwk, alg: 'ES256', use: 'sig', kid: 'bench' } as JWK] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: ['openid', 'offline_access'],
  ttl: { ClientCredentials: 3600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (resource === 'https://jwt.example') return { scope: 'agents:read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
        if (resource === 'https://opaque.example') return { scope: 'agents:read', accessTokenFormat: 'opaque' };
        throw new errors.InvalidTarget();
      },
    },
  },
});

const handle = provider.callback();
createServer((request, response) => { void handle(request, response); }).listen(port, '127.0.0.1', () => { process.stdout.write('ready\n'); });
process.stdin.on('end', () => process.exit(0)).resume();
