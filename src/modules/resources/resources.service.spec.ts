import { ValidationPipe } from '@nestjs/common';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { API_SCOPES } from '../organizations/roles.js';
import { Scope } from '../scopes/scope.entity.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { ResourceAdministration } from './resource-administration.service.js';
import { Resource } from './resource.entity.js';
import { CreateResourceDto, UpdateResourceDto } from './resources.dto.js';
import { ResourcesService } from './resources.service.js';

const config = new Config(environmentSchema.parse({ LEGATE_ISSUER: 'https://id.example.com' }));

let database: ThrowawayDatabase;
let scopes: ScopesService;
let resources: ResourcesService;
let administration: ResourceAdministration;
let ours: Caller;
let theirs: Caller;

beforeAll(async () => {
  database = await throwawayDatabase([Scope, Resource]);
  scopes = new ScopesService(database.dataSource.getRepository(Scope), config);
  resources = new ResourcesService(database.dataSource, scopes, config, new ChangeFeed(config, null));
  administration = new ResourceAdministration(
    database.dataSource.getRepository(Resource), resources, scopes, database.dataSource, new AuditLog(database.dataSource, database.pool), config, new MasterKey(Buffer.from('0123456789abcdef0123456789ABCDEF')),
  );
  ours = await callerOfNewOrganization('ours');
  theirs = await callerOfNewOrganization('theirs');
  await database.dataSource.transaction(async (manager) => {
    await scopes.ensureBuiltIns(manager);
    await scopes.ensure(manager, ours.organizationId, ['calendar:read', 'calendar:write']);
    await resources.ensureBuiltIns(manager);
  });
});

afterAll(() => database.drop());

async function callerOfNewOrganization(slug: string): Promise<Caller> {
  const organizationId = newId<OrganizationId>();
  await database.dataSource.query('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [organizationId, slug]);
  return {
    kind: 'user', subject: newId(), clientId: 'swagger-ui', organizationId, role: 'admin',
    scopes: new Set(['resources:read', 'resources:write']), isPlatformAdministrator: false, tokenId: newId(),
  };
}

describe(`the server's own API`, () => {
  it('offers its scopes and the demo scopes to every organization', async () => {
    const resolved = await resources.resolve('https://id.example.com/api', theirs.organizationId);
    expect(resolved).toEqual({
      identifier: 'https://id.example.com/api', name: 'Legate API', tokenFormat: 'jwt', signingAlgorithm: 'ES256', accessTokenTtl: 600, isBuiltIn: true,
      scopes: new Set([...Object.keys(API_SCOPES), 'weather:read', 'stocks:read']),
    });
  });

  it('is changed by nobody, and nobody registers another under it', async () => {
    const [api] = (await administration.list(ours, { q: 'https://id.example.com/api' })).data;
    await expect(administration.update(ours, api!.id, { scopes: [] })).rejects.toMatchObject({ code: 'resource_built_in' });
    await expect(administration.delete(ours, api!.id)).rejects.toMatchObject({ code: 'resource_built_in' });
    for (const identifier of ['https://id.example.com/api', 'https://ID.example.com:443/api', 'https://id.example.com', 'https://id.example.com/api/agents']) {
      await expect(administration.create(ours, { identifier, name: 'Mine now' })).rejects.toMatchObject({ code: 'resource_identifier_reserved' });
    }
  });

  it('is written once, however often the server starts, and follows the issuer', async () => {
    const rows = () => database.dataSource.query('SELECT id, identifier, is_active, updated_at FROM resources WHERE organization_id IS NULL ORDER BY id');
    const before = await rows();
    await database.dataSource.transaction((manager) => resources.ensureBuiltIns(manager));
    expect(await rows()).toEqual(before);

    const moved = new Config(environmentSchema.parse({ LEGATE_ISSUER: 'https://login.example.com' }));
    const elsewhere = new ResourcesService(database.dataSource, scopes, moved, new ChangeFeed(moved, null));
    await database.dataSource.transaction((manager) => elsewhere.ensureBuiltIns(manager));
    expect(await elsewhere.resolve('https://login.example.com/api', ours.organizationId)).toBeDefined();
    expect(await elsewhere.resolve('https://id.example.com/api', ours.organizationId)).toBeUndefined();
    await database.dataSource.transaction((manager) => resources.ensureBuiltIns(manager));
  });
});

describe('resources of an organization', () => {
  it('are made, resolved, changed and deleted, each visible at once on the node that did it', async () => {
    const identifier = 'https://calendar.example.com/api';
    expect(await resources.resolve(identifier, ours.organizationId)).toBeUndefined();
    const created = await administration.create(ours, { identifier, name: 'Calendar', scopes: ['calendar:read'] });
    expect(await resources.resolve(identifier, ours.organizationId)).toMatchObject({ isBuiltIn: false, accessTokenTtl: 600, scopes: new Set(['calendar:read']) });

    await administration.update(ours, created.id, { token_format: 'opaque', signing_algorithm: 'RS256', access_token_ttl: 60, scopes: ['calendar:read', 'calendar:write'] });
    expect(await resources.resolve(identifier, ours.organizationId)).toMatchObject({ tokenFormat: 'opaque', signingAlgorithm: 'RS256', accessTokenTtl: 60, scopes: new Set(['calendar:read', 'calendar:write']) });

    await administration.update(ours, created.id, { access_token_ttl: null, is_active: false });
    expect(await resources.resolve(identifier, ours.organizationId)).toBeUndefined();
    expect(await administration.get(ours, created.id)).toMatchObject({ accessTokenTtl: null, isActive: false });

    await administration.delete(ours, created.id);
    await expect(administration.get(ours, created.id)).rejects.toMatchObject({ kind: 'not_found' });
    const events = await database.dataSource.query(`SELECT type FROM audit_events WHERE organization_id = $1 AND body::json -> 'target' ->> 'id' = $2 ORDER BY sequence`, [ours.organizationId, created.id]);
    expect(events.map((row: { type: string }) => row.type)).toEqual(['resource.created', 'resource.updated', 'resource.updated', 'resource.deleted']);
  });

  it('offer only scopes that exist and are active', async () => {
    await expect(administration.create(ours, { identifier: 'https://a.example.com', name: 'A', scopes: ['nobody:knows'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    const { identifier } = await administration.create(ours, { identifier: 'https://b.example.com', name: 'B', scopes: ['calendar:read', 'calendar:write'] });
    await database.dataSource.query(`UPDATE scopes SET is_active = false WHERE name = 'calendar:write' AND organization_id = $1`, [ours.organizationId]);
    resources.invalidate();
    expect((await resources.resolve(identifier, ours.organizationId))!.scopes).toEqual(new Set(['calendar:read']));
    await database.dataSource.query(`UPDATE scopes SET is_active = true WHERE name = 'calendar:write' AND organization_id = $1`, [ours.organizationId]);
  });

  it('do not exist for another organization, which may use the same identifier', async () => {
    const mine = await administration.create(ours, { identifier: 'https://shared.example.com', name: 'Ours' });
    expect(await resources.resolve('https://shared.example.com', theirs.organizationId)).toBeUndefined();
    await expect(administration.get(theirs, mine.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.update(theirs, mine.id, { name: 'Theirs' })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.delete(theirs, mine.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.create(ours, { identifier: 'https://shared.example.com', name: 'Again' })).rejects.toMatchObject({ code: 'resource_identifier_taken' });
    await administration.create(theirs, { identifier: 'https://shared.example.com', name: 'Theirs' });
    expect(await resources.resolve('https://shared.example.com', ours.organizationId)).toMatchObject({ name: 'Ours' });
    expect(await resources.resolve('https://shared.example.com', theirs.organizationId)).toMatchObject({ name: 'Theirs' });
  });

  it('that were never heard of are told apart', async () => {
    await database.dataSource.transaction(async (manager) => {
      expect(await resources.unknown(manager, ours.organizationId, ['https://shared.example.com', 'https://never.example.com', 'https://id.example.com/api'])).toEqual(['https://never.example.com']);
    });
  });

  it('changed behind our back are seen within a second', async () => {
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      const { identifier } = await administration.create(ours, { identifier: 'https://slow.example.com', name: 'Before' });
      expect(await resources.resolve(identifier, ours.organizationId)).toMatchObject({ name: 'Before' });
      await database.dataSource.query(`UPDATE resources SET name = 'After' WHERE identifier = $1`, [identifier]);
      at += 999;
      expect(await resources.resolve(identifier, ours.organizationId)).toMatchObject({ name: 'Before' });
      at += 1;
      expect(await resources.resolve(identifier, ours.organizationId)).toMatchObject({ name: 'After' });
    } finally {
      putBack();
    }
  });
});

describe('bodies of resource requests', () => {
  const pipe = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });

  it.each([
    ['an organization', { organization_id: newId() }],
    ['an unknown kind', { kind: 'database' }],
    ['a lifetime of a week', { access_token_ttl: 604_800 }],
    ['half a second', { access_token_ttl: 30.5 }],
    ['201 scopes', { scopes: Array.from({ length: 201 }, (_, index) => `a:${index}`) }],
    ['a scope twice', { scopes: ['a:b', 'a:b'] }],
    ['HS256', { signing_algorithm: 'HS256' }],
  ])('are refused with %s', async (_what, members) => {
    await expect(pipe.transform({ identifier: 'https://a.example.com', name: 'A', ...members }, { type: 'body', metatype: CreateResourceDto })).rejects.toMatchObject({ status: 400 });
    await expect(pipe.transform(members, { type: 'body', metatype: UpdateResourceDto })).rejects.toMatchObject({ status: 400 });
  });

  it('cannot give a resource another identifier', async () => {
    await expect(pipe.transform({ identifier: 'https://b.example.com' }, { type: 'body', metatype: UpdateResourceDto })).rejects.toMatchObject({ status: 400 });
  });
});
