import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { registerClient } from './clients.js';
import type { ServerAddress } from './server.js';

/** A client that proves itself with `private_key_jwt` (RFC 7523 section 2.2). */
export interface KeyClient {
  readonly clientId: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function registerKeyClient(server: ServerAddress, metadata: Record<string, unknown> = {}, alg = 'ES256'): Promise<KeyClient> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...await exportJWK(publicKey), alg, use: 'sig', kid: 'one' };
  const { clientId } = await registerClient(server, {
    grant_types: ['client_credentials'], scopes: ['weather:read'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] }, ...metadata,
  });
  return { clientId, privateKey, publicJwk };
}

/** An assertion that the server accepts, with other claims, header members or another key laid over it. Undefined leaves a member out. */
export function clientAssertion(
  server: Pick<ServerAddress, 'issuer'>, { clientId, privateKey }: KeyClient,
  { claims = {}, header = {}, key = privateKey }: { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: CryptoKey | Uint8Array } = {},
): Promise<string> {
  const at = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: clientId, sub: clientId, aud: server.issuer, jti: randomUUID(), iat: at, exp: at + 60, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key);
}

/** The parameters with which a client presents an assertion. */
export function presenting(assertion: string): { client_assertion: string; client_assertion_type: string } {
  return { client_assertion: assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };
}
