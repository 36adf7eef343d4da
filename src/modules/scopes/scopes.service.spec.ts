import { ValidationPipe } from '@nestjs/common';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Organization } from '../organizations/organization.entity.js';
import { API_SCOPES } from '../organizations/roles.js';
import { ScopeAdministration } from './scope-administration.service.js';
import { Scope } from './scope.entity.js';
import { CreateScopeDto, RegisteredScopeDto, UpdateScopeDto } from './scopes.dto.js';
import { ScopesService } from './scopes.service.js';

let database: ThrowawayDatabase;
let scopes: ScopesService;
let administration: ScopeAdministration;
let ours: Caller;
let theirs: Caller;

beforeAll(async () => {
  database = await throwawayDatabase([Scope, Organization]);
  const repository = database.dataSource.getRepository(Scope);
  const config = new Config(environmentSchema.parse({}));
  scopes = new ScopesService(repository, config, new ChangeFeed(config, null));
  administration = new ScopeAdministration(repository, scopes, database.dataSource, new AuditLog(database.dataSource, database.pool), new MasterKey(Buffer.alloc(32, 7)));
  ours = await callerOfNewOrganization('ours');
  theirs = await callerOfNewOrganization('theirs');
  await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
});

afterAll(() => database.drop());

async function callerOfNewOrganization(slug: string): Promise<Caller> {
  const organizationId = newId<OrganizationId>();
  await database.dataSource.query('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [organizationId, slug]);
  return {
    kind: 'user', subject: newId(), clientId: 'swagger-ui', organizationId, role: 'admin',
    scopes: new Set(['scopes:read', 'scopes:write']), isPlatformAdministrator: false, tokenId: newId(),
  };
}

describe('scopes that come with the server', () => {
  it('are the scopes of the API and of the demo, and starting again writes nothing', async () => {
    const before = await database.dataSource.query('SELECT * FROM scopes WHERE organization_id IS NULL ORDER BY name');
    expect(before.map((row: { name: string }) => row.name)).toEqual([...Object.keys(API_SCOPES), 'stocks:read', 'weather:read'].sort());
    await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
    expect(await database.dataSource.query('SELECT * FROM scopes WHERE organization_id IS NULL ORDER BY name')).toEqual(before);
  });

  it('are seen by every organization and changed by none', async () => {
    const [weather] = (await administration.list(ours, { q: 'weather:read' })).data;
    expect(weather).toMatchObject({ name: 'weather:read', organizationId: null });
    await expect(administration.update(ours, weather!.id, { is_active: false })).rejects.toMatchObject({ code: 'scope_built_in' });
    await expect(administration.delete(ours, weather!.id)).rejects.toMatchObject({ code: 'scope_built_in' });
  });

  it.each(['weather:read', 'agents:write', 'openid'])('lend no organization their name %s', async (name) => {
    await expect(administration.create(ours, { name })).rejects.toMatchObject({ kind: 'conflict', code: 'scope_name_reserved' });
  });

  it('lose those of the demo API, and their names, where it is off', async () => {
    const config = new Config(environmentSchema.parse({ LEGATE_DEMO_API: '0' }));
    const production = new ScopesService(database.dataSource.getRepository(Scope), config, new ChangeFeed(config, null));
    await database.dataSource.transaction((manager) => production.ensureBuiltIns(manager));
    try {
      expect((await administration.list(ours, { q: 'weather:read' })).data).toEqual([]);
      expect(production.isReserved('weather:read')).toBe(false);
    } finally {
      await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
    }
  });
});

describe('scopes of an organization', () => {
  it('are made, shown, changed and deleted, each with its event', async () => {
    const created = await administration.create(ours, { name: 'calendar:read:freebusy', description: 'See when people are busy.', is_default: true });
    expect(await administration.get(ours, created.id)).toMatchObject({ name: 'calendar:read:freebusy', isDefault: true, isActive: true });
    expect(await scopes.defaults(ours.organizationId)).toEqual(['calendar:read:freebusy']);

    const updated = await administration.update(ours, created.id, { description: null, is_sensitive: true });
    expect(updated).toMatchObject({ name: 'calendar:read:freebusy', description: null, isDefault: true, isSensitive: true });

    await administration.delete(ours, created.id);
    await expect(administration.get(ours, created.id)).rejects.toMatchObject({ kind: 'not_found' });
    const events = await database.dataSource.query('SELECT type FROM audit_events WHERE organization_id = $1 ORDER BY sequence', [ours.organizationId]);
    expect(events.map((row: { type: string }) => row.type)).toEqual(['scope.created', 'scope.updated', 'scope.deleted']);
  });

  it('have unique names in one organization, and another may use the same', async () => {
    await administration.create(ours, { name: 'invoices:read' });
    await expect(administration.create(ours, { name: 'invoices:read' })).rejects.toMatchObject({ kind: 'conflict', code: 'scope_name_taken' });
    await expect(administration.create(theirs, { name: 'invoices:read' })).resolves.toMatchObject({ name: 'invoices:read' });
  });

  it('do not exist for another organization', async () => {
    const secret = await administration.create(theirs, { name: 'secret:read' });
    expect((await administration.list(ours, { q: 'secret:read' })).data).toEqual([]);
    await expect(administration.get(ours, secret.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.update(ours, secret.id, { is_active: false })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(administration.delete(ours, secret.id)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(scopes.assertKnown(database.dataSource.manager, ours.organizationId, ['secret:read'])).rejects.toMatchObject({ code: 'unknown_scope', details: { scopes: ['secret:read'] } });
  });

  it('are unknown while they are not active', async () => {
    const scope = await administration.create(ours, { name: 'paused:read' });
    await scopes.assertKnown(database.dataSource.manager, ours.organizationId, ['paused:read', 'openid', 'weather:read']);
    await administration.update(ours, scope.id, { is_active: false });
    await expect(scopes.assertKnown(database.dataSource.manager, ours.organizationId, ['paused:read'])).rejects.toMatchObject({ code: 'unknown_scope' });
    expect((await administration.registry(ours, { q: 'paused' })).data).toEqual([]);
  });

  it('are found by text that contains wildcards only where it stands literally', async () => {
    await administration.create(ours, { name: 'odd_name%:read' });
    expect((await administration.list(ours, { q: 'd_n' })).data.map(({ name }) => name)).toEqual(['odd_name%:read']);
    expect((await administration.list(ours, { q: 'o%e' })).data).toEqual([]);
  });

  it('are made only where they are missing', async () => {
    await database.dataSource.transaction((manager) => scopes.ensure(manager, ours.organizationId, ['ensured:read', 'invoices:read', 'weather:read']));
    expect((await administration.list(ours, { q: 'ensured:read' })).data).toHaveLength(1);
    expect((await administration.list(ours, { q: 'weather:read' })).data).toHaveLength(1);
  });

  it('are listed page by page without a repeat or a gap', async () => {
    const whole = (await administration.list(ours, { limit: 200 })).data.map(({ name }) => name);
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await administration.list(ours, { limit: 7, cursor });
      paged.push(...page.data.map(({ name }) => name));
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    expect(paged).toEqual(whole);
  });
});

describe('the registry', () => {
  it.each([
    ['calendar:read:freebusy:team', { resource: 'calendar', action: 'read', qualifiers: ['freebusy', 'team'] }],
    ['calendar:read', { resource: 'calendar', action: 'read', qualifiers: [] }],
    ['payments', { resource: 'payments', action: null, qualifiers: [] }],
  ])('takes %s apart', (name, parts) => {
    expect(RegisteredScopeDto.of(Object.assign(new Scope(), { name, description: null, isSensitive: false }))).toMatchObject(parts);
  });
});

describe('bodies of scope requests', () => {
  const pipe = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });

  it.each([
    ['an organization', { name: 'a:b', organization_id: newId() }],
    ['a name with a space', { name: 'a b' }],
    ['a name with a quote', { name: 'a"b' }],
    ['no name', {}],
    ['a description with a NUL', { name: 'a:b', description: 'x\0y' }],
  ])('are refused with %s', async (_what, body) => {
    await expect(pipe.transform(body, { type: 'body', metatype: CreateScopeDto })).rejects.toMatchObject({ status: 400 });
  });

  it('cannot rename a scope', async () => {
    await expect(pipe.transform({ name: 'other:read' }, { type: 'body', metatype: UpdateScopeDto })).rejects.toMatchObject({ status: 400 });
  });
});
