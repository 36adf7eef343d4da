import { eventsAbout, machineCaller, newOrganization, newPerson, openRegistry, outcomes, type Registry } from '../../../test/support/registry.js';
import { useClock } from '../../kernel/clock.js';
import type { OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { API_SCOPES } from '../organizations/roles.js';
import { ClientsService } from './clients.service.js';

let registry: Registry;
let organizationId: OrganizationId;
let admin: Caller;

beforeAll(async () => {
  registry = await openRegistry();
  organizationId = await newOrganization(registry, 'ours');
  admin = await newPerson(registry, organizationId, 'admin');
});

afterAll(() => registry.database.drop());

describe('the record of a client', () => {
  it('is read once for all who ask at the same time, and is fresh at once on the node that changes it', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Busy', scopes: ['weather:read'] });
    let queries = 0;
    const query = registry.database.dataSource.query.bind(registry.database.dataSource);
    const counting = new Proxy(registry.database.dataSource, {
      get: (target, name) => (name === 'query' ? (...parameters: Parameters<typeof query>) => { queries += 1; return query(...parameters); } : Reflect.get(target, name) as unknown),
    });
    const clients = new ClientsService(counting, registry.machineSecrets, registry.scopes, registry.config, registry.usage, registry.changes);
    const records = await Promise.all(Array.from({ length: 20 }, () => clients.findCached(client.id)));
    expect(queries).toBe(1);
    expect(new Set(records).size).toBe(1);
    expect(records[0]).toMatchObject({ id: client.id, kind: 'application', status: 'active', scopes: new Set(['weather:read']), version: 1 });

    const first = await registry.clients.findCached(client.id);
    await registry.administration.update(admin, client.id, { client_name: 'Busier' });
    expect(await registry.clients.findCached(client.id)).toMatchObject({ name: 'Busier', version: first!.version + 1 });
  });

  it('that was changed behind our back is seen within a second', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Before' });
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      registry.clients.invalidate(client.id);
      await registry.clients.findCached(client.id);
      await registry.database.dataSource.query(`UPDATE clients SET name = 'After' WHERE id = $1`, [client.id]);
      at += 999;
      expect(await registry.clients.findCached(client.id)).toMatchObject({ name: 'Before' });
      at += 1;
      expect(await registry.clients.findCached(client.id)).toMatchObject({ name: 'After' });
    } finally {
      putBack();
    }
  });

  it('is suspended with its organization', async () => {
    const closing = await newOrganization(registry, 'closing');
    const owner = await newPerson(registry, closing, 'owner');
    const { client } = await registry.administration.register(owner, { client_name: 'Closing' });
    await registry.database.dataSource.query(`UPDATE organizations SET status = 'suspended' WHERE id = $1`, [closing]);
    registry.clients.invalidate(client.id);
    expect((await registry.clients.findCached(client.id))!.status).toBe('suspended');
  });

  it.each(['', 'x'.repeat(201), 'a b', 'a\0b', 'ä'])('of what no client can be called is not asked for: %j', async (id) => {
    expect(await registry.clients.findCached(id)).toBeUndefined();
  });
});

describe('secrets', () => {
  it('overlap: the old one works until it is retired, the new one from the start', async () => {
    const { client, secret: old } = await registry.administration.register(admin, { client_name: 'Rotating' });
    const { secret, text } = await registry.administration.addSecret(admin, client.id, { label: 'second' });
    const both = await registry.clients.findCached(client.id);
    const oldId = registry.clients.verifySecret(both, old!);
    expect(oldId).toBeDefined();
    expect(registry.clients.verifySecret(both, text)).toBe(secret.id);

    await registry.administration.retireSecret(admin, client.id, oldId!);
    const one = await registry.clients.findCached(client.id);
    expect(registry.clients.verifySecret(one, old!)).toBeUndefined();
    expect(registry.clients.verifySecret(one, text)).toBe(secret.id);

    await registry.administration.retireSecret(admin, client.id, oldId!);
    expect(await eventsAbout(registry, client.id)).toEqual(['client.registered', 'client.secret_added', 'client.secret_retired']);
  });

  it('end by themselves when they expire, also in a record that was read before', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Expiring' });
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      const { text, secret } = await registry.administration.addSecret(admin, client.id, { expiresAt: new Date(at + 5000) });
      const record = await registry.clients.findCached(client.id);
      at += 4999;
      expect(registry.clients.verifySecret(record, text)).toBe(secret.id);
      at += 1;
      expect(registry.clients.verifySecret(record, text)).toBeUndefined();
      expect(registry.clients.verifySecret(await registry.clients.findCached(client.id), text)).toBeUndefined();
      for (const expiresAt of [new Date(at), new Date('2030-13-45T99:00:00Z')]) {
        await expect(registry.administration.addSecret(admin, client.id, { expiresAt })).rejects.toMatchObject({ code: 'secret_expiry_past' });
      }
    } finally {
      putBack();
    }
  });

  it('are ten at most, also when they are asked for all at once', async () => {
    const { client } = await registry.administration.register(admin, { client_name: 'Many' });
    expect(await outcomes(Array.from({ length: 12 }, () => registry.administration.addSecret(admin, client.id, {})))).toEqual({ succeeded: 9, refusedWith: ['too_many_secrets'] });
    const [first] = await registry.administration.listSecrets(admin, client.id);
    await registry.administration.retireSecret(admin, client.id, first!.id);
    await registry.administration.addSecret(admin, client.id, {});
  });

  it('are nothing to a client that does not authenticate with one', async () => {
    const { client, secret } = await registry.administration.register(admin, { client_name: 'Public', token_endpoint_auth_method: 'none', redirect_uris: ['https://app.example.com/cb'] });
    expect(secret).toBeUndefined();
    await expect(registry.administration.addSecret(admin, client.id, {})).rejects.toMatchObject({ code: 'secrets_not_used' });
  });

  it('are all retired when the client leaves them for another way to authenticate', async () => {
    const { client, secret } = await registry.administration.register(admin, { client_name: 'Leaving', redirect_uris: ['https://app.example.com/cb'] });
    await registry.administration.update(admin, client.id, { token_endpoint_auth_method: 'none' });
    await registry.administration.update(admin, client.id, { token_endpoint_auth_method: 'client_secret_post' });
    expect(registry.clients.verifySecret(await registry.clients.findCached(client.id), secret!)).toBeUndefined();
  });

  it('are no use when they are wrong, cut, too long, of another client, or of none', async () => {
    const one = await registry.administration.register(admin, { client_name: 'One' });
    const other = await registry.administration.register(admin, { client_name: 'Other' });
    const record = await registry.clients.findCached(one.client.id);
    for (const presented of ['', 'x', one.secret!.slice(0, -1), `${one.secret} `, other.secret!, 'x'.repeat(100_000)]) {
      expect(registry.clients.verifySecret(record, presented)).toBeUndefined();
    }
    expect(registry.clients.verifySecret(undefined, one.secret!)).toBeUndefined();
    expect(registry.clients.verifySecret(record, one.secret!)).toBeDefined();
  });

  it('are stored only as a hash', async () => {
    const { client, secret } = await registry.administration.register(admin, { client_name: 'Hashed' });
    const [{ row }] = await registry.database.dataSource.query('SELECT row_to_json(s)::text AS row FROM client_secrets s WHERE client_id = $1', [client.id]);
    expect(row).not.toContain(secret!.slice(-20));
    const [{ bodies }] = await registry.database.dataSource.query('SELECT string_agg(body, \' \') AS bodies FROM audit_events');
    expect(bodies).not.toContain(secret!.slice(-20));
  });

  it('find their client when they come alone, as an API key', async () => {
    const { client, secret } = await registry.administration.register(admin, { client_name: 'Key' });
    expect(await registry.clients.findByApiKey(secret!)).toMatchObject({ client: { id: client.id }, secretId: expect.any(String) });
    const { text: stranger } = registry.machineSecrets.mint('client');
    const forged = secret!.slice(0, 30) + stranger.slice(30);
    for (const key of [stranger, forged, 'lgt_client_x', '', registry.machineSecrets.mint('registration').text]) expect(await registry.clients.findByApiKey(key)).toBeUndefined();
    const [{ id }] = await registry.database.dataSource.query('SELECT id FROM client_secrets WHERE client_id = $1', [client.id]);
    await registry.administration.retireSecret(admin, client.id, id);
    expect(await registry.clients.findByApiKey(secret!)).toBeUndefined();
  });

  it('remember when they were last used, a little later and never backwards', async () => {
    const { client, secret } = await registry.administration.register(admin, { client_name: 'Used' });
    const secretId = registry.clients.verifySecret(await registry.clients.findCached(client.id), secret!);
    const { client: keyed } = await registry.administration.register(admin, { client_name: 'Keyed' });
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      registry.clients.touch(secretId, client.id);
      registry.clients.touch(undefined, keyed.id);
      const latest = at;
      await registry.usage.flush();
      expect((await registry.administration.get(admin, client.id)).lastUsedAt?.getTime()).toBe(latest);
      expect((await registry.administration.get(admin, keyed.id)).lastUsedAt?.getTime()).toBe(latest);
      expect((await registry.administration.listSecrets(admin, client.id))[0]!.lastUsedAt?.getTime()).toBe(latest);
      at -= 60_000;
      registry.clients.touch(secretId, client.id);
      await registry.usage.beforeApplicationShutdown();
      expect((await registry.administration.get(admin, client.id)).lastUsedAt?.getTime()).toBe(latest);
      expect((await registry.administration.get(admin, client.id)).version).toBe(1);
    } finally {
      putBack();
    }
  });
});

describe('clients that come with the server', () => {
  it('are the API documentation, public, for every organization and the same after another start', async () => {
    const row = () => registry.database.dataSource.query(`SELECT * FROM clients WHERE id = 'swagger-ui'`);
    const before = await row();
    await registry.database.dataSource.transaction((manager) => registry.clients.ensureFirstParty(manager));
    expect(await row()).toEqual(before);
    expect(await registry.clients.findCached('swagger-ui')).toMatchObject({
      organizationId: null, kind: 'first_party', status: 'active', tokenEndpointAuthMethod: 'none', requirePkce: true, grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['http://localhost:3000/api/docs/oauth2-redirect.html'],
      scopes: new Set(['openid', 'profile', 'email', 'offline_access', ...Object.keys(API_SCOPES), 'weather:read', 'stocks:read']),
    });
    await expect(registry.administration.update(admin, 'swagger-ui', { client_name: 'Mine' })).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('include the bootstrap client when the operator chose its secret', async () => {
    const secret = 'chosen by the operator, 40 characters ok';
    await registry.database.dataSource.transaction((manager) => registry.clients.createBootstrap(manager, organizationId, secret));
    const record = await registry.clients.findCached('bootstrap');
    expect(record).toMatchObject({ organizationId, kind: 'application', grantTypes: ['client_credentials'], scopes: new Set(Object.keys(API_SCOPES)) });
    expect(registry.clients.verifySecret(record, secret)).toBeDefined();
    expect(registry.clients.verifySecret(record, `${secret}x`)).toBeUndefined();

    const narrow = machineCaller('client', 'bootstrap', organizationId, ['clients:write']);
    await registry.administration.register(narrow, { client_name: 'Demo', scopes: ['weather:read'] });
    await expect(registry.administration.register(narrow, { client_name: 'Too much', scopes: ['keys:write'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
  });
});
