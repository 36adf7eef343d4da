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

const ISSUER = 'https://id.example.com';
const config = new Config(environmentSchema.parse({ LEGATE_ISSUER: ISSUER }));

let database: ThrowawayDatabase;
let scopes: ScopesService;
/** The service of a server with this issuer, on the same database. */
let serverAt: (issuer: string) => ResourcesService;
let resources: ResourcesService;
let administration: ResourceAdministration;
let ours: Caller;
let theirs: Caller;

beforeAll(async () => {
  database = await throwawayDatabase([Scope, Resource]);
  scopes = new ScopesService(database.dataSource.getRepository(Scope), config, new ChangeFeed(config, null));
  const audit = new AuditLog(database.dataSource, database.pool);
  serverAt = (issuer) => {
    const config = new Config(environmentSchema.parse({ LEGATE_ISSUER: issuer }));
    return new ResourcesService(database.dataSource, scopes, config, new ChangeFeed(config, null), audit);
  };
  resources = serverAt(ISSUER);
  administration = new ResourceAdministration(
    database.dataSource.getRepository(Resource), resources, scopes, database.dataSource, audit, config, new MasterKey(Buffer.from('0123456789abcdef0123456789ABCDEF')),
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
    for (const identifier of ['https://id.example.com/api', 'https://ID.example.com:443/api', 'https://id.example.com', 'https://id.example.com/api/agents', 'https://id.example.com/mcp']) {
      await expect(administration.create(ours, { identifier, name: 'Mine now' })).rejects.toMatchObject({ code: 'resource_identifier_reserved' });
    }
  });

  it('is written once, however often the server starts, and follows the issuer', async () => {
    const rows = () => database.dataSource.query('SELECT id, identifier, is_active, updated_at FROM resources WHERE organization_id IS NULL ORDER BY id');
    const before = await rows();
    await database.dataSource.transaction((manager) => resources.ensureBuiltIns(manager));
    expect(await rows()).toEqual(before);

    const elsewhere = serverAt('https://login.example.com');
    await database.dataSource.transaction((manager) => elsewhere.ensureBuiltIns(manager));
    expect(await elsewhere.resolve('https://login.example.com/api', ours.organizationId)).toBeDefined();
    expect(await elsewhere.resolve('https://id.example.com/api', ours.organizationId)).toBeUndefined();
    await database.dataSource.transaction((manager) => resources.ensureBuiltIns(manager));
    await expect(administration.create(ours, { identifier: 'https://login.example.com/api', name: 'Left behind' })).rejects.toMatchObject({ code: 'resource_identifier_taken' });
  });

  it('takes its name, and the whole address, from an organization that had registered it before the issuer moved there', async () => {
    const api = await administration.create(ours, { identifier: 'https://NEXT.example.com/api/', name: 'Ours', token_format: 'opaque' });
    await administration.create(ours, { identifier: 'https://next.example.com/mcp', name: 'Ours too' });
    const next = serverAt('https://next.example.com');
    await database.dataSource.transaction((manager) => next.ensureBuiltIns(manager));
    for (const { organizationId } of [ours, theirs]) expect(await next.resolve('https://next.example.com/api', organizationId)).toMatchObject({ isBuiltIn: true, tokenFormat: 'jwt' });
    expect(await next.resolve('https://NEXT.example.com/api/', ours.organizationId)).toBeUndefined();
    expect(await next.resolve('https://next.example.com/mcp', ours.organizationId)).toBeUndefined();
    expect(await resources.resolve('https://next.example.com/mcp', ours.organizationId)).toBeDefined();
    const events = await database.dataSource.query(`SELECT type, organization_id, body::json -> 'actor' ->> 'kind' AS actor FROM audit_events WHERE body::json -> 'target' ->> 'id' = $1 ORDER BY sequence`, [api.id]);
    expect(events).toEqual([
      { type: 'resource.created', organization_id: ours.organizationId, actor: 'user' }, { type: 'resource.deleted', organization_id: ours.organizationId, actor: 'system' },
    ]);
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

  it('are registered with scopes that exist, or not at all', async () => {
    await expect(administration.create(ours, { identifier: 'https://a.example.com', name: 'A', scopes: ['nobody:knows'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    expect(await resources.resolve('https://a.example.com', ours.organizationId)).toBeUndefined();
  });

  it('do not exist for another organization', async () => {
    const mine = await administration.create(ours, { identifier: 'https://shared.example.com', name: 'Ours' });
    expect(await resources.resolve('https://shared.example.com', theirs.organizationId)).toBeUndefined();
    await expect(administration.get(theirs, mine.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.update(theirs, mine.id, { name: 'Theirs' })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.delete(theirs, mine.id)).rejects.toMatchObject({ kind: 'not_found' });
    expect(await resources.resolve('https://shared.example.com', ours.organizationId)).toMatchObject({ name: 'Ours' });
  });

  it('have identifiers that nobody else registers, in no spelling, whether they are active or not', async () => {
    const { id } = await administration.create(ours, { identifier: 'https://unique.example.com/v1', name: 'Ours', scopes: ['calendar:read'] });
    const attempts = ['https://unique.example.com/v1', 'https://unique.example.com/v1/', 'https://UNIQUE.example.com:443/v1', 'https://unique.example.com//V1', 'https://unique.example.com/%761'];
    const before = await database.dataSource.query('SELECT id FROM resources ORDER BY id');
    for (const isActive of [true, false]) {
      await administration.update(ours, id, { is_active: isActive });
      for (const identifier of attempts) {
        for (const caller of [ours, theirs]) {
          await expect(administration.create(caller, { identifier, name: 'Mine now' })).rejects.toMatchObject({ kind: 'conflict', code: 'resource_identifier_taken' });
          if (!isActive || caller === theirs) expect(await resources.resolve(identifier, caller.organizationId)).toBeUndefined();
        }
      }
    }
    expect(await database.dataSource.query('SELECT id FROM resources ORDER BY id')).toEqual(before);

    await administration.delete(ours, id);
    await administration.create(theirs, { identifier: 'https://unique.example.com/v1/', name: 'Theirs' });
    await expect(administration.create(ours, { identifier: 'https://unique.example.com/v1', name: 'Ours' })).rejects.toMatchObject({ code: 'resource_identifier_taken' });
  });

  it('go to one of the organizations that register the same at once', async () => {
    const spellings = Array.from({ length: 12 }, (_, index) => `https://raced.example.com${'/'.repeat(index % 3)}`);
    const outcomes = await Promise.allSettled(spellings.map((identifier, index) => administration.create(index % 2 === 0 ? ours : theirs, { identifier, name: 'Raced' })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'resource_identifier_taken' });
  });

  it('are one to an identifier in the database too, whoever writes to it', async () => {
    const insert = (identifier: string, canonical: string) => database.dataSource.query(
      `INSERT INTO resources (id, organization_id, identifier, canonical_identifier, name) VALUES ($1, $2, $3, $4, 'A')`, [newId(), theirs.organizationId, identifier, canonical]);
    await administration.create(ours, { identifier: 'https://Held.example.com', name: 'Ours' });
    await expect(insert('https://held.example.com', 'https://held.example.com')).rejects.toMatchObject({ driverError: { constraint: 'resources_canonical_identifier_key' } });
    await expect(insert('https://Held.example.com', 'https://other.example.com')).rejects.toMatchObject({ driverError: { constraint: 'resources_identifier_key' } });
    await expect(insert('https://ID.example.com/api', 'https://id.example.com/api')).rejects.toMatchObject({ driverError: { constraint: 'resources_canonical_identifier_key' } });
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
