import { decodeJwt } from 'jose';
import { call, post } from '../support/api.js';
import { CALLBACK } from '../support/clients.js';
import { addPerson, signIn, type PersonTokens, type PublicClient, type Role, type TestPerson } from '../support/people.js';
import type { ServerAddress } from '../support/server.js';

/** Who acts for an organization in the tests. */
export const CALLERS = ['owner', 'admin', 'member', 'agent', 'client'] as const;
export type CallerName = typeof CALLERS[number];

export interface Machine {
  readonly id: string;
  readonly secret: string;
  readonly secretId: string;
}

/** An organization with something of every kind in it. Everything in it that has a name is called after it. */
export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly people: Readonly<Record<Role, TestPerson>>;
  /** Access tokens for the REST API. */
  readonly tokens: Readonly<Record<CallerName, string>>;
  readonly agent: Machine;
  readonly client: Machine;
  /** A public client of the code flow. */
  readonly application: PublicClient;
  /** What the owner got through it. */
  readonly ownerThroughApplication: PersonTokens;
  readonly scope: { readonly id: string; readonly name: string };
  /** An API with JWTs, and one with opaque tokens. Both offer the scope. */
  readonly resource: { readonly id: string; readonly identifier: string };
  readonly opaqueResource: { readonly id: string; readonly identifier: string };
  /** The agent has it. */
  readonly tool: { readonly id: string; readonly name: string };
  readonly consentId: string;
  readonly tokenId: string;
  readonly enrolmentToken: string;
  /** From the owner to the agent. */
  readonly delegationId: string;
  readonly policyId: string;
  /** Made by the agent for itself. */
  readonly reservationId: string;
  /** The newest in its audit log. */
  readonly eventId: string;
}

/**
 * @param administrator access token of a platform administrator
 * @param scopes what the organization's agent and client may do at the REST API
 */
export async function makeTenant(server: ServerAddress, administrator: string, name: string, scopes: readonly string[]): Promise<Tenant> {
  const slug = name.toLowerCase();
  const owner = await addPerson(server, administrator, 'member', `${slug}-owner`);
  const id = (await created(server, administrator, '/api/organizations', { name: `${name} Organization`, slug, owner_user_id: owner.id }))['id'] as string;
  await done(server, administrator, 'DELETE', `/api/users/${owner.id}`);
  const token = (await signIn(server, owner)).accessToken;
  const make = (path: string, body: object) => created(server, token, path, body);

  const admin = await addPerson(server, token, 'admin', `${slug}-admin`);
  const member = await addPerson(server, token, 'member', `${slug}-member`);
  const scope = await make('/api/scopes', { name: `${slug}:read`, description: `${name} scope` });
  const resource = await make('/api/resources', { identifier: `https://api.${slug}.example`, name: `${name} API`, scopes: [`${slug}:read`] });
  const opaqueResource = await make('/api/resources', { identifier: `https://opaque.${slug}.example`, name: `${name} opaque API`, scopes: [`${slug}:read`], token_format: 'opaque' });
  const tool = await make('/api/tools', { name: `${slug}-tool`, description: `${name} tool`, permissions_required: [`${slug}:read`], resource: `https://api.${slug}.example` });
  const all = [...scopes, `${slug}:read`];
  const agent = await make('/api/agents/register', { agent_name: `${name} agent`, scopes: all, tool_ids: [tool['id']] });
  const credentials = agent['credentials'] as Record<string, string>;
  await done(server, undefined, 'POST', '/api/agents/activate', { registration_token: credentials['registration_token'] });
  const client = await make('/api/admin/clients/register', { client_name: `${name} client`, grant_types: ['client_credentials'], scopes: all });
  const application = await make('/api/admin/clients/register', {
    client_name: `${name} application`, grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none',
    scopes: ['openid', 'offline_access', 'agents:read'],
  });
  const web = { clientId: String(application['client_id']), redirectUri: CALLBACK };
  const ownerThroughApplication = await signIn(server, owner, { client: web });
  const machine = async (machineId: string, secret: string, kind: string): Promise<Machine> => {
    const secrets = await call<{ data: { id: string }[] }>(server, 'GET', `/api/${kind}/${machineId}/secrets`, { token });
    return { id: machineId, secret, secretId: secrets.body.data[0]!.id };
  };
  const agentMachine = await machine(credentials['client_id']!, credentials['client_secret']!, 'agents');
  const clientMachine = await machine(String(client['client_id']), String(client['client_secret']), 'clients');
  const consents = await call<{ data: { id: string; client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token });
  const delegation = await make('/api/delegations', { agent_id: agentMachine.id, scopes: [`${slug}:read`], purpose: `${name} delegation`, max_depth: 1 });
  const policy = await make('/api/policies', { name: `${name} policy`, rule: { effect: 'deny', who: { users: ['nobody'] } } });
  const events = await call<{ data: { id: string }[] }>(server, 'GET', '/api/admin/audit/logs?limit=1', { token });
  const enrolment = await make(`/api/organizations/${id}/enrolment-token`, {});
  const agentToken = await machineToken(server, agentMachine);
  const reservation = await created(server, agentToken, '/api/usage/reservations', { expires_in: 3600 });
  return {
    id, slug, name,
    people: { owner, admin, member },
    tokens: {
      owner: token, admin: (await signIn(server, admin)).accessToken, member: (await signIn(server, member)).accessToken,
      agent: agentToken, client: await machineToken(server, clientMachine),
    },
    agent: agentMachine, client: clientMachine, application: web, ownerThroughApplication,
    scope: { id: String(scope['id']), name: `${slug}:read` },
    resource: { id: String(resource['id']), identifier: `https://api.${slug}.example` },
    opaqueResource: { id: String(opaqueResource['id']), identifier: `https://opaque.${slug}.example` },
    tool: { id: String(tool['id']), name: `${slug}-tool` },
    consentId: consents.body.data.find(({ client: { client_id } }) => client_id === web.clientId)!.id,
    tokenId: decodeJwt(token).jti!,
    enrolmentToken: String(enrolment['enrolment_token']),
    delegationId: String(delegation['id']),
    policyId: String(policy['id']),
    reservationId: String(reservation['id']),
    eventId: events.body.data[0]!.id,
  };
}

/** An access token of an agent or client that speaks for itself. */
export async function machineToken(server: ServerAddress, { id, secret }: Machine, parameters: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...parameters }, { basic: [id, secret] });
  if (status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`);
  return String(body['access_token']);
}

/** Everything by which the organization and what is in it could be recognised in an answer. */
export function marksOf(tenant: Tenant): string[] {
  const people = Object.values(tenant.people).flatMap(({ id, email }) => [id, email]);
  const machines = [tenant.agent, tenant.client].flatMap(({ id, secretId }) => [id, secretId]);
  return [
    tenant.id, tenant.slug, tenant.name, ...people, ...machines, tenant.application.clientId, tenant.scope.id, tenant.resource.id, tenant.opaqueResource.id, tenant.tool.id,
    tenant.consentId, tenant.tokenId, tenant.delegationId, tenant.policyId, ...Object.values(tenant.tokens).map((token) => decodeJwt(token).jti!),
  ];
}

async function created(server: ServerAddress, token: string, path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await call(server, 'POST', path, { token, body });
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function done(server: ServerAddress, token: string | undefined, method: string, path: string, body?: object): Promise<void> {
  const answer = await call(server, method, path, { token, body });
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}
