import { createHash, randomBytes } from 'node:crypto';
import { call, post } from './api.js';
import { FormBrowser } from './browser.js';
import type { ServerAddress } from './server.js';

type Address = Pick<ServerAddress, 'issuer'>;

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface PublicClient {
  readonly clientId: string;
  readonly redirectUri: string;
}

/** The client that comes with the server and acts in whichever organization the person works in. */
export function firstPartyClient({ issuer }: Address): PublicClient {
  return { clientId: 'swagger-ui', redirectUri: `${issuer}/api/docs/oauth2-redirect.html` };
}

export interface PersonTokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
}

/**
 * Signs a person in through the real pages, with code and PKCE, and answers the tokens. Without `scope` they get all that the
 * client and their role allow.
 */
export async function signIn(server: Address, person: Credentials, { client = firstPartyClient(server), scope }: { client?: PublicClient; scope?: string } = {}): Promise<PersonTokens> {
  const { callback, verifier } = await authorize(server, person, client, scope);
  const code = callback.searchParams.get('code');
  if (!code) throw new Error(`no code for ${person.email}: ${callback.search}`);
  const { status, body } = await post(server, '/api/oauth/token', {
    grant_type: 'authorization_code', code, redirect_uri: client.redirectUri, client_id: client.clientId, code_verifier: verifier,
  });
  if (status !== 200) throw new Error(`no token for ${person.email}: ${JSON.stringify(body)}`);
  return { accessToken: String(body['access_token']), refreshToken: body['refresh_token'] as string | undefined };
}

/** The first half of it: what the client's redirect URI is told, and the verifier that belongs to the code. */
export async function authorize(server: Address, person: Credentials, client: PublicClient, scope?: string): Promise<{ callback: URL; verifier: string }> {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL('/api/oauth/authorize', server.issuer);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client.clientId, redirect_uri: client.redirectUri, state: 'state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...(scope && { scope }),
  }).toString();
  return { callback: await new FormBrowser().authorize(url.href, person), verifier };
}

export type Role = 'owner' | 'admin' | 'member';

export interface TestPerson extends Credentials {
  readonly id: string;
}

/** Somebody with an account and a password, in the organization of the token. */
export async function addPerson(server: Address, token: string, role: Role, name: string = role): Promise<TestPerson> {
  const person = { email: `${name}-${randomBytes(4).toString('hex')}@example.com`.toLowerCase(), password: `seldom heard piano ${randomBytes(6).toString('hex')}` };
  const { status, body } = await call(server, 'POST', '/api/users', { token, body: { ...person, name, role } });
  if (status !== 201) throw new Error(`nobody was added: ${status} ${JSON.stringify(body)}`);
  return { ...person, id: String(body['id']) };
}
