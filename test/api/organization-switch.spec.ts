import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { CALLBACK, registerClient } from '../support/clients.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Switched { access_token: string; expires_in: number; scope: string; organization_id: string; organization_slug: string; role: string }

let server: TestApplication;
let operator: string;
/** A member of the default organization, an owner of the other one. */
let person: TestPerson;
let other: string;
let foreign: string;

beforeAll(async () => {
  server = await startApplication();
  operator = await bootstrapToken(server);
  person = await addPerson(server, operator, 'member');
  other = await organization('Other', person.id);
  const stranger = await addPerson(server, operator, 'member');
  foreign = await organization('Foreign', stranger.id);
});
afterAll(() => server.stop());

async function organization(name: string, ownerUserId: string): Promise<string> {
  const { status, body } = await call(server, 'POST', '/api/organizations', { token: operator, body: { name, owner_user_id: ownerUserId } });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return String(body['id']);
}

function change(token: string, id: string) {
  return call<Switched>(server, 'POST', `/api/organizations/${id}/switch`, { token });
}

async function work(token: string): Promise<Record<string, unknown>> {
  return (await call(server, 'GET', '/api/auth/me', { token })).body;
}

describe('going on in another organization', () => {
  it('gives a token for it, with the role there, and makes it the one that the next sign-in is for', async () => {
    const { accessToken } = await signIn(server, person);
    expect(await work(accessToken)).toMatchObject({ organization: { slug: 'default' }, role: 'member' });
    const { status, headers, body } = await change(accessToken, other);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toContain('no-store');
    expect(body).toMatchObject({ organization_id: other, organization_slug: 'other', organization_name: 'Other', role: 'owner' });
    expect(await work(body.access_token)).toMatchObject({ organization: { id: other }, role: 'owner', kind: 'user', subject: person.id });
    expect((await auditTrail(server.inside(DataSource))).findLast(({ type }) => type === 'organization.switched')).toMatchObject({ organization_id: other, actor: { kind: 'user', id: person.id } });

    const back = await change(body.access_token, decodeJwt(operator)['tenant_id'] as string);
    expect(back.body.role).toBe('member');
    await change(back.body.access_token, other);
    expect(await work((await signIn(server, person)).accessToken)).toMatchObject({ organization: { id: other }, role: 'owner' });
    await change((await signIn(server, person)).accessToken, back.body.organization_id);
  });

  it('starts a lineage and a task of its own, and lasts no longer than the token it came from', async () => {
    const { accessToken } = await signIn(server, person);
    const before = decodeJwt(accessToken);
    const { body } = await change(accessToken, other);
    const after = decodeJwt(body.access_token);
    expect(after['parent_token_id']).toBeUndefined();
    expect(after['task_id']).not.toBe(before['task_id']);
    expect(after.exp!).toBeLessThanOrEqual(before.exp!);
    expect(after['tenant_id']).toBe(other);
    const [row] = await server.inside(DataSource).query<{ root_token_id: string; token_id: string }[]>('SELECT root_token_id, token_id FROM tokens WHERE token_id = $1', [after.jti]);
    expect(row!.root_token_id).toBe(row!.token_id);
    await change(body.access_token, String(before['tenant_id']));
  });

  it('gives no more than the role there allows', async () => {
    const { accessToken } = await signIn(server, ADMIN);
    const member = await addPerson(server, operator, 'admin');
    const home = decodeJwt(accessToken)['tenant_id'] as string;
    await change((await signIn(server, person)).accessToken, other);
    const asOwner = (await signIn(server, person)).accessToken;
    await call(server, 'POST', `/api/organizations/${other}/members`, { token: asOwner, body: { email: member.email, role: 'member' } });
    await change(asOwner, home);
    const asAdmin = await signIn(server, member);
    const { body } = await change(asAdmin.accessToken, other);
    expect(decodeJwt(asAdmin.accessToken)['scope']).toContain('clients:write');
    expect(body.role).toBe('member');
    expect(body.scope.split(' ')).toContain('agents:write');
    expect(body.scope.split(' ')).not.toContain('clients:write');
    expect((await call(server, 'GET', '/api/clients', { token: body.access_token })).status).toBe(403);
    // A platform administrator is at home everywhere.
    expect((await change(accessToken, foreign)).body).toMatchObject({ organization_id: foreign, role: 'owner' });
    await change((await signIn(server, ADMIN)).accessToken, home);
  });

  it('ends with the consent that the token it came from stands on', async () => {
    const { accessToken } = await signIn(server, person);
    const { body } = await change(accessToken, other);
    const { body: consents } = await call<{ data: { id: string; client: { client_id: string } }[] }>(server, 'GET', '/api/users/me/consents', { token: accessToken });
    for (const consent of consents.data) await call(server, 'DELETE', `/api/users/me/consents/${consent.id}`, { token: accessToken });
    expect((await call(server, 'GET', '/api/auth/me', { token: body.access_token })).status).toBe(401);
  });

  it('does not exist for those who have no place there, nor for what does not exist', async () => {
    const { accessToken } = await signIn(server, person);
    for (const id of [foreign, '01890000-0000-7000-8000-000000000000', 'nonsense']) {
      expect(await change(accessToken, id)).toMatchObject({ status: 404, body: { code: 'organization_not_found' } });
    }
  });

  it('is for people', async () => {
    expect(await change(operator, other)).toMatchObject({ status: 403, body: { code: 'person_required' } });
  });

  it('is not for clients that belong to one organization', async () => {
    const { clientId } = await registerClient(server, {
      grant_types: ['authorization_code'], redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', scopes: ['agents:read', 'organizations:read'],
    });
    const { accessToken } = await signIn(server, person, { client: { clientId, redirectUri: CALLBACK } });
    expect(await change(accessToken, other)).toMatchObject({ status: 409, body: { code: 'client_of_one_organization' } });
  });
});
