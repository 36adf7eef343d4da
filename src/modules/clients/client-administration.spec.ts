import { ValidationPipe } from '@nestjs/common';
import { eventsAbout, machineCaller, newOrganization, newPerson, openRegistry, type Registry } from '../../../test/support/registry.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { CreateSecretDto, RegisterClientDto, UpdateClientDto } from './clients.dto.js';

let registry: Registry;
let ours: OrganizationId;
let admin: Caller;
let stranger: Caller;

beforeAll(async () => {
  registry = await openRegistry();
  ours = await newOrganization(registry, 'ours');
  admin = await newPerson(registry, ours, 'admin');
  stranger = await newPerson(registry, await newOrganization(registry, 'theirs'), 'owner');
  await registry.database.dataSource.transaction((manager) => registry.scopes.ensure(manager, ours, ['calendar:read', 'calendar:write', 'calendar:read:freebusy']));
});

afterAll(() => registry.database.drop());

const redirect_uris = ['https://app.example.com/callback'];

describe('a client', () => {
  it('is registered, shown, changed and deactivated, with one event and one version for each', async () => {
    const { client, secret } = await registry.administration.register(admin, {
      client_name: 'Calendar app', redirect_uris, scopes: ['openid', 'calendar:read'], default_scopes: ['calendar:read'], metadata: { team: 'blue' },
    });
    expect(secret).toMatch(/^lgt_client_/);
    expect(await registry.administration.get(admin, client.id)).toMatchObject({
      name: 'Calendar app', organizationId: ours, kind: 'application', status: 'active', version: 1, grantTypes: ['authorization_code', 'refresh_token'], metadata: { team: 'blue' },
    });

    const changed = await registry.administration.update(admin, client.id, { client_name: 'Calendar', logo_uri: 'https://app.example.com/logo.png', scopes: ['openid'] });
    expect(changed).toMatchObject({ name: 'Calendar', version: 2, scopes: ['openid'], defaultScopes: [], redirectUris: redirect_uris, metadata: { team: 'blue' } });
    expect((await registry.administration.update(admin, client.id, { logo_uri: null })).logoUri).toBeNull();

    await registry.administration.deactivate(admin, client.id);
    await registry.administration.deactivate(admin, client.id);
    expect(await registry.administration.get(admin, client.id)).toMatchObject({ status: 'deactivated', version: 4 });
    expect((await registry.clients.findCached(client.id))!.status).toBe('deactivated');
    expect((await registry.administration.list(admin, { q: client.id })).data).toEqual([]);
    expect((await registry.administration.list(admin, { q: client.id, status: 'deactivated' })).data).toHaveLength(1);
    await expect(registry.administration.update(admin, client.id, { client_name: 'Back' })).rejects.toMatchObject({ code: 'client_deactivated' });
    await expect(registry.administration.addSecret(admin, client.id, {})).rejects.toMatchObject({ code: 'client_deactivated' });
    expect(await eventsAbout(registry, client.id)).toEqual(['client.registered', 'client.updated', 'client.updated', 'client.deleted']);
  });

  it('gets the default scopes of the organization when it names none, as far as they may be handed out', async () => {
    await registry.database.dataSource.query(`UPDATE scopes SET is_default = true WHERE name = 'calendar:read' AND organization_id = $1`, [ours]);
    try {
      expect((await registry.administration.register(admin, { client_name: 'Default' })).client.scopes).toEqual(['calendar:read']);
      const agent = machineCaller('agent', newId(), ours, ['clients:write']);
      expect((await registry.administration.register(agent, { client_name: 'Less' })).client.scopes).toEqual([]);
    } finally {
      await registry.database.dataSource.query(`UPDATE scopes SET is_default = false WHERE organization_id = $1`, [ours]);
    }
  });

  it('of another organization does not exist', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Private' });
    const [secret] = await registry.administration.listSecrets(admin, client.id);
    await expect(registry.administration.get(stranger, client.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.administration.update(stranger, client.id, { client_name: 'Mine' })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.administration.deactivate(stranger, client.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.administration.listSecrets(stranger, client.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.administration.addSecret(stranger, client.id, {})).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.administration.retireSecret(stranger, client.id, secret!.id)).rejects.toMatchObject({ kind: 'not_found' });
    expect((await registry.administration.list(stranger, {})).data).toEqual([]);
    await expect(registry.administration.get(admin, 'no\0such')).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('keeps its secrets to itself: one is not retired through another client', async () => {
    const one = await registry.administration.register(admin, { client_name: 'One' });
    const other = await registry.administration.register(admin, { client_name: 'Other' });
    const [secret] = await registry.administration.listSecrets(admin, other.client.id);
    await expect(registry.administration.retireSecret(admin, one.client.id, secret!.id)).rejects.toMatchObject({ code: 'secret_not_found' });
    await expect(registry.administration.retireSecret(admin, one.client.id, 'x')).rejects.toMatchObject({ code: 'secret_not_found' });
  });

  it('of an agent is managed with the agent', async () => {
    const id = newId();
    await registry.database.dataSource.query(`INSERT INTO clients (id, organization_id, kind, name) VALUES ($1, $2, 'agent', 'Agent')`, [id, ours]);
    const { administration } = registry;
    for (const attempt of [() => administration.get(admin, id), () => administration.update(admin, id, {}), () => administration.deactivate(admin, id), () => administration.addSecret(admin, id, {})]) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'conflict', code: 'client_is_agent' });
    }
    expect((await registry.administration.list(admin, { q: id })).data).toEqual([]);
  });

  it('is checked as a whole when a part of it changes', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Whole', redirect_uris });
    await expect(registry.administration.update(admin, client.id, { redirect_uris: [] })).rejects.toMatchObject({ code: 'invalid_client_metadata' });
    await expect(registry.administration.update(admin, client.id, { redirect_uris: ['com.example.app:/cb'] })).rejects.toMatchObject({ code: 'invalid_redirect_uri' });
    await registry.administration.update(admin, client.id, { redirect_uris: ['com.example.app:/cb'], application_type: 'native', token_endpoint_auth_method: 'none' });
    await expect(registry.administration.update(admin, client.id, { require_pkce: false })).rejects.toMatchObject({ code: 'invalid_client_metadata' });
    expect(await registry.administration.get(admin, client.id)).toMatchObject({ version: 2, redirectUris: ['com.example.app:/cb'] });
  });

  it('serves resources that exist, this server itself only when the caller may see its tokens', async () => {
    await expect(registry.administration.register(admin, { client_name: 'RS', served_resources: ['https://nowhere.example.com'] })).rejects.toMatchObject({ code: 'unknown_resource' });
    const { client } = await registry.administration.register(admin, { client_name: 'RS', served_resources: ['http://localhost:3000/api'] });
    expect((await registry.clients.findCached(client.id))!.servedResources).toEqual(new Set(['http://localhost:3000/api']));
    const narrow = await newPerson(registry, ours, 'admin', ['clients:write']);
    await expect(registry.administration.register(narrow, { client_name: 'RS', served_resources: ['http://localhost:3000/api'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
  });
});

describe('nobody hands out scopes that they do not hold', () => {
  const handOut = async (caller: Caller, scopes: readonly string[]) => (await registry.administration.register(caller, { client_name: 'Reach', scopes: [...scopes] })).client.scopes;

  it.each([
    ['an admin whose token is narrow: of the API', () => newPerson(registry, ours, 'admin', ['clients:write']), ['agents:read']],
    ['a member who does not hold it', () => newPerson(registry, ours, 'member', ['clients:write']), ['calendar:read']],
    ['an agent that does not hold it', async () => machineCaller('agent', newId(), ours, ['clients:write']), ['calendar:read']],
    ['an agent that holds only a part of it', async () => machineCaller('agent', newId(), ours, ['clients:write', 'calendar:read:freebusy']), ['calendar:read']],
    ['an agent that defines scopes: of the API', async () => machineCaller('agent', newId(), ours, ['clients:write', 'scopes:write']), ['audit:read']],
  ])('%s', async (_who, caller, scopes) => {
    await expect(handOut(await caller(), scopes)).rejects.toMatchObject({ kind: 'forbidden', code: 'scopes_not_held', details: { missing_scopes: scopes } });
  });

  it.each([
    ['an admin whose token is narrow: of the organization', () => newPerson(registry, ours, 'admin', ['clients:write']), ['calendar:read']],
    ['an admin whose token has it', () => newPerson(registry, ours, 'admin', ['clients:write', 'agents:read']), ['agents:read']],
    ['a member who holds it', () => newPerson(registry, ours, 'member', ['clients:write', 'calendar:read']), ['calendar:read']],
    ['an agent that holds it', async () => machineCaller('agent', newId(), ours, ['clients:write', 'calendar:read']), ['calendar:read']],
    ['an agent that holds what covers it', async () => machineCaller('agent', newId(), ours, ['clients:write', 'calendar:read']), ['calendar:read:freebusy']],
    ['an agent that defines scopes', async () => machineCaller('agent', newId(), ours, ['clients:write', 'scopes:write']), ['calendar:read']],
    ['anybody: of OpenID Connect', async () => machineCaller('agent', newId(), ours, ['clients:write']), ['openid', 'profile', 'email', 'offline_access']],
  ])('but they do those that they hold: %s', async (_who, caller, scopes) => {
    expect(await handOut(await caller(), scopes)).toEqual(scopes);
  });

  it('nor by changing a client, nor by making themselves a credential of one that holds more', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Powerful', scopes: ['audit:read', 'calendar:read'], redirect_uris });
    const narrow = await newPerson(registry, ours, 'admin', ['clients:write']);
    await expect(registry.administration.addSecret(narrow, client.id, {})).rejects.toMatchObject({ code: 'scopes_not_held' });
    await expect(registry.administration.update(narrow, client.id, { redirect_uris: ['https://evil.example/cb'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
    await expect(registry.administration.update(narrow, client.id, { token_endpoint_auth_method: 'none' })).rejects.toMatchObject({ code: 'scopes_not_held' });
    await expect(registry.administration.update(narrow, client.id, { scopes: ['audit:read', 'keys:write'] })).rejects.toMatchObject({ code: 'scopes_not_held', details: { missing_scopes: ['keys:write'] } });
    expect((await registry.administration.update(narrow, client.id, { client_name: 'Still', scopes: ['audit:read'] })).scopes).toEqual(['audit:read']);
  });

  it('nor scopes that do not exist in the organization', async () => {
    await expect(registry.administration.register(admin, { client_name: 'X', scopes: ['nobody:knows'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    await expect(registry.administration.register(stranger, { client_name: 'X', scopes: ['calendar:read'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    await expect(registry.administration.register(admin, { client_name: 'X', scopes: ['calendar:read'], default_scopes: ['calendar:write'] })).rejects.toMatchObject({ code: 'invalid_client_metadata' });
  });

  it('nor switches off PKCE without running the organization', async () => {
    const member = await newPerson(registry, ours, 'member', ['clients:write']);
    await expect(registry.administration.register(member, { client_name: 'X', redirect_uris, require_pkce: false })).rejects.toMatchObject({ code: 'administrator_required' });
    const { client } = await registry.administration.register(member, { client_name: 'X', redirect_uris });
    await expect(registry.administration.update(member, client.id, { require_pkce: false })).rejects.toMatchObject({ code: 'administrator_required' });
    expect((await registry.administration.update(admin, client.id, { require_pkce: false })).requirePkce).toBe(false);
  });
});

it('every change tells the other nodes when it is there to be read, and a refused one tells nothing', async () => {
  const heard: string[] = [];
  const stopListening = await registry.database.listen('legate_changed', (payload) => heard.push(payload));
  const { client } = await registry.administration.register(admin, { client_name: 'Heard', redirect_uris });
  await registry.administration.update(admin, client.id, { client_name: 'Louder' });
  await expect(registry.administration.update(admin, client.id, { redirect_uris: [] })).rejects.toMatchObject({ kind: 'invalid' });
  await registry.administration.addSecret(admin, client.id, {});
  await registry.administration.deactivate(admin, client.id);
  await stopListening();
  expect(heard).toEqual(Array.from({ length: 4 }, () => `client:${client.id}`));
});

describe('bodies of client requests', () => {
  const pipe = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  const register = (body: unknown) => pipe.transform(body, { type: 'body', metatype: RegisterClientDto }) as Promise<RegisterClientDto>;

  it('are taken as they are when they are right', async () => {
    const body = { client_name: 'A', redirect_uris, jwks: { keys: [{ kty: 'EC' }] }, metadata: { deep: { list: [1, 'two', null] } } };
    expect(await register(body)).toEqual(body);
  });

  it.each([
    ['an organization', { organization_id: newId() }],
    ['a status', { status: 'active' }],
    ['a kind', { kind: 'first_party' }],
    ['an id of their own', { client_id: 'bootstrap' }],
    ['a secret of their own', { client_secret: 'x' }],
    ['a version', { version: 9 }],
    ['an unknown way to authenticate', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['a string for a list', { redirect_uris: 'https://a.example.com' }],
    ['a list of objects', { redirect_uris: [{}] }],
    ['21 redirect URIs', { redirect_uris: Array.from({ length: 21 }, (_, index) => `https://a.example.com/${index}`) }],
    ['201 scopes', { scopes: Array.from({ length: 201 }, (_, index) => `a:${index}`) }],
    ['too much metadata', { metadata: { text: 'x'.repeat(16_384) } }],
    ['metadata with a NUL', { metadata: { text: 'a\0b' } }],
    ['metadata that is a list', { metadata: [] }],
    ['metadata that is too deep', { metadata: JSON.parse(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`) as object }],
    ['a name with an invisible character', { client_name: 'A\u202Eevil' }],
    ['a name that is too long', { client_name: 'x'.repeat(201) }],
  ])('are refused with %s', async (_what, members) => {
    await expect(register({ client_name: 'A', ...members })).rejects.toMatchObject({ status: 400 });
    await expect(pipe.transform(members, { type: 'body', metatype: UpdateClientDto })).rejects.toMatchObject({ status: 400 });
  });

  it('need a name to register', async () => {
    await expect(register({})).rejects.toMatchObject({ status: 400 });
  });

  it.each(['tomorrow', '2030-01-31', '2030-01-31T12:00:00', '2030-13-45T99:00:00Z x'])('cannot name %j as the end of a secret', async (expires_at) => {
    await expect(pipe.transform({ expires_at }, { type: 'body', metatype: CreateSecretDto })).rejects.toMatchObject({ status: 400 });
  });
});
