import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { DataSource } from 'typeorm';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { auditTrail } from '../support/directory.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

interface Key { kid: string; algorithm: string; state: string; activates_at: string; retires_at: string | null }
interface Rotation { change: string; algorithm: string; kid: string; supersedes: string | null }

let server: TestApplication;

beforeAll(async () => { server = await startApplication(); });
afterAll(() => server.stop());

async function keys(): Promise<Key[]> {
  return (await call<{ data: Key[] }>(server, 'GET', '/api/admin/keys', { token: await bootstrapToken(server) })).body.data;
}

async function rotate(body?: Record<string, unknown>) {
  return call<{ data: Rotation[] }>(server, 'POST', '/api/admin/keys/rotate', { token: await bootstrapToken(server), body });
}

async function eventsOf(kid: string): Promise<Record<string, unknown>[]> {
  return (await auditTrail(server.inside(DataSource))).filter(({ target }) => (target as { id?: string } | undefined)?.id === kid);
}

async function jwks(): Promise<JSONWebKeySet> {
  return (await call<JSONWebKeySet>(server, 'GET', '/api/.well-known/jwks.json')).body;
}

describe('signing keys', () => {
  it('are listed with their states and without their private parts', async () => {
    const list = await keys();
    expect(list.map(({ algorithm, state }) => `${algorithm} ${state}`).sort()).toEqual(['ES256 active', 'RS256 active']);
    expect(Object.keys(list[0]!).sort()).toEqual(['activates_at', 'algorithm', 'kid', 'published_at', 'retires_at', 'state', 'superseded_at']);
  });

  it('get successors that are published at once and sign later', async () => {
    const { status, body } = await rotate({ algorithms: ['ES256'] });
    expect(status).toBe(200);
    const [rotation] = body.data;
    expect(body.data).toHaveLength(1);
    expect(rotation).toMatchObject({ change: 'published', algorithm: 'ES256', supersedes: expect.any(String) });
    expect((await keys()).find(({ kid }) => kid === rotation!.kid)!.state).toBe('pending');
    expect((await jwks()).keys.map(({ kid }) => kid)).toContain(rotation!.kid);
    expect(decodeProtectedHeader(await bootstrapToken(server)).kid).toBe(rotation!.supersedes);
    expect(await eventsOf(rotation!.kid)).toMatchObject([{ type: 'key.rotated', outcome: 'success', actor: { kind: 'client', id: 'bootstrap' }, details: { change: 'published', algorithm: 'ES256' } }]);
    expect((await rotate({ algorithms: ['ES256'] })).body.data).toMatchObject([{ change: 'already_pending', kid: rotation!.kid }]);
    expect(await eventsOf(rotation!.kid)).toHaveLength(1);
  });

  it('change at once when asked to, while tokens of the former key go on', async () => {
    const before = await bootstrapToken(server);
    const { body } = await rotate({ immediately: true });
    const es256 = body.data.find(({ algorithm }) => algorithm === 'ES256')!;
    const after = await bootstrapToken(server);
    expect(decodeProtectedHeader(after).kid).toBe(es256.kid);
    const published = createLocalJWKSet(await jwks());
    for (const token of [before, after]) {
      await jwtVerify(token, published);
      expect((await call(server, 'GET', '/api/auth/me', { token })).status).toBe(200);
    }
  });

  it('are withdrawn at once in an emergency, with everything they signed', async () => {
    const token = await bootstrapToken(server);
    const { kid } = decodeProtectedHeader(token);
    const withdraw = async () => call(server, 'POST', `/api/admin/keys/${kid}/revoke`, { token: await bootstrapToken(server), body: { reason: 'Somebody copied it.' } });
    expect(await call(server, 'POST', `/api/admin/keys/${kid}/revoke`, { token })).toMatchObject({ status: 400, body: { code: 'reason_required' } });
    const { status, body } = await withdraw();
    expect({ status, body }).toMatchObject({ status: 200, body: { kid, replaced_by: expect.any(String) as string, since_preview: null } });
    expect((body['ended'] as { counts: { tokens: number } }).counts.tokens).toBeGreaterThan(0);
    expect((await jwks()).keys.map((key) => key.kid)).not.toContain(kid);
    expect((await call(server, 'GET', '/api/auth/me', { token })).status).toBe(401);
    expect((await eventsOf(kid!)).at(-1)).toMatchObject({ type: 'key.revoked', actor: { id: 'bootstrap' }, details: { because: 'Somebody copied it.', replaced_by: body['replaced_by'] } });
    expect(decodeProtectedHeader(await bootstrapToken(server)).kid).not.toBe(kid);
    expect(await withdraw()).toMatchObject({ status: 404, body: { code: 'signing_key_not_found' } });
  });

  it('refuse algorithms that there are not', async () => {
    expect(await rotate({ algorithms: ['HS256'] })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

describe('signing keys belong to the installation', () => {
  const read = async (token: string) => (await call<{ code?: string }>(server, 'GET', '/api/admin/keys', { token }));

  it('so a platform administrator governs them', async () => {
    expect((await read((await signIn(server, ADMIN)).accessToken)).status).toBe(200);
  });

  it('so an owner of an organization does not, not even of the first', async () => {
    const administrator = (await signIn(server, ADMIN)).accessToken;
    const { accessToken } = await signIn(server, await addPerson(server, administrator, 'owner'));
    const refusals = [
      await read(accessToken),
      await call(server, 'POST', '/api/admin/keys/rotate', { token: accessToken }),
      await call(server, 'POST', '/api/admin/keys/any/revoke', { token: accessToken, body: { reason: 'x' } }),
      await call(server, 'POST', '/api/admin/keys/any/revoke/preview', { token: accessToken }),
    ];
    for (const refusal of refusals) expect(refusal).toMatchObject({ status: 403, body: { code: 'keys_of_installation' } });
  });

  it('so a client of another organization does not, whatever that calls itself', async () => {
    const operator = await bootstrapToken(server);
    const owner = await addPerson(server, operator, 'member');
    const taken = await call(server, 'POST', '/api/organizations', { token: operator, body: { name: 'Mine', slug: 'default', owner_user_id: owner.id } });
    expect(taken).toMatchObject({ status: 409, body: { code: 'slug_taken' } });
    const { body: organization } = await call(server, 'POST', '/api/organizations', { token: operator, body: { name: 'Default', owner_user_id: owner.id } });
    expect(organization['slug']).toMatch(/^default-[0-9a-f]{8}$/);
    const switched = await call(server, 'POST', `/api/organizations/${String(organization['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
    expect(switched.status).toBe(200);
    const asOwner = (await signIn(server, owner)).accessToken;
    const { body: client } = await call(server, 'POST', '/api/admin/clients/register', { token: asOwner, body: { client_name: 'keys', grant_types: ['client_credentials'], scopes: ['keys:write'] } });
    const { body: token } = await call<{ access_token: string }>(server, 'POST', '/api/auth/login', { body: { api_key: client['client_secret'] } });
    expect(await read(token.access_token)).toMatchObject({ status: 403, body: { code: 'keys_of_installation' } });
  });
});
