import { call, bootstrapToken } from './api.js';
import type { ServerAddress } from './server.js';

/** Registers a client as an administrator and answers its id and secret. */
export async function registerClient(server: ServerAddress, metadata: Record<string, unknown>): Promise<{ clientId: string; clientSecret?: string }> {
  const { status, body } = await call(server, 'POST', '/api/admin/clients/register', {
    token: await bootstrapToken(server), body: { client_name: `client ${Math.random()}`, ...metadata },
  });
  if (status !== 201) throw new Error(`no client: ${status} ${JSON.stringify(body)}`);
  return { clientId: String(body['client_id']), clientSecret: body['client_secret'] as string | undefined };
}

export const CALLBACK = 'http://127.0.0.1:49152/callback';

/** A confidential client of the code flow with a refresh token. */
export const WEB_CLIENT = {
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  scopes: ['openid', 'profile', 'email', 'offline_access', 'agents:read', 'weather:read'],
};

/** A client that acts for itself. */
export const MACHINE_CLIENT = { grant_types: ['client_credentials'], scopes: ['agents:read', 'weather:read'] };

/** An agent, registered and activated. */
export async function registerAgent(server: ServerAddress, fields: Record<string, unknown> = {}): Promise<{ clientId: string; clientSecret: string }> {
  const token = await bootstrapToken(server);
  const registered = await call<{ credentials: { client_id: string; client_secret: string; registration_token: string } }>(server, 'POST', '/api/agents/register', {
    token, body: { agent_name: `agent ${Math.random()}`, scopes: ['weather:read'], ...fields },
  });
  if (registered.status !== 201) throw new Error(`no agent: ${registered.status} ${JSON.stringify(registered.body)}`);
  const { client_id: clientId, client_secret: clientSecret, registration_token } = registered.body.credentials;
  const activated = await call(server, 'POST', '/api/agents/activate', { body: { registration_token } });
  if (activated.status >= 300) throw new Error(`not activated: ${activated.status} ${JSON.stringify(activated.body)}`);
  return { clientId, clientSecret };
}
