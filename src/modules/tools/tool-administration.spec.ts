import { eventsAbout, newOrganization, newPerson, openRegistry, type Registry } from '../../../test/support/registry.js';
import { useClock } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { ToolAdministration } from './tool-administration.service.js';
import { AgentTool, Tool } from './tool.entity.js';
import { ToolsService } from './tools.service.js';

const API = 'https://tools.example/api';

let registry: Registry;
let tools: ToolsService;
let administration: ToolAdministration;
let ours: OrganizationId;
let admin: Caller;
let stranger: Caller;
let serial = 0;

beforeAll(async () => {
  registry = await openRegistry([Tool, AgentTool]);
  const { database: { dataSource }, changes, scopes, resources, audit, masterKey } = registry;
  tools = new ToolsService(dataSource, changes);
  administration = new ToolAdministration(dataSource.getRepository(Tool), tools, scopes, resources, dataSource, audit, masterKey);
  ours = await newOrganization(registry, 'ours');
  admin = await newPerson(registry, ours, 'admin');
  stranger = await newPerson(registry, await newOrganization(registry, 'theirs'), 'owner');
  await dataSource.transaction((manager) => scopes.ensure(manager, ours, ['cal:read', 'cal:write']));
  await dataSource.query(`INSERT INTO resources (id, organization_id, identifier, canonical_identifier, name) VALUES ($1, $2, $3, $3, 'Calendar')`, [newId(), ours, API]);
});

afterAll(() => registry.database.drop());

function nextName(): string {
  serial += 1;
  return `tool_${serial}`;
}

describe('a tool', () => {
  it('is made, shown, changed, put out of use and deleted, each once on record', async () => {
    const name = nextName();
    const made = await administration.create(admin, {
      name, description: 'Books.', category: 'calendar', input_schema: { type: 'object' }, permissions_required: ['cal:read', 'weather:read'], resource: API, cost_usd: '0.0125',
    });
    expect(await administration.get(admin, made.id)).toEqual(made);
    expect(made).toMatchObject({
      organizationId: ours, name, description: 'Books.', category: 'calendar', inputSchema: { type: 'object' }, permissionsRequired: ['cal:read', 'weather:read'], resourceIdentifier: API,
      costMicros: 12_500, isActive: true,
    });
    const changed = await administration.update(admin, made.id, { description: null, cost_usd: 1.5, permissions_required: ['cal:write'], input_schema: null, resource: null });
    expect(changed).toMatchObject({ name, description: null, category: 'calendar', inputSchema: null, permissionsRequired: ['cal:write'], resourceIdentifier: null, costMicros: 1_500_000 });
    expect(await administration.get(admin, made.id)).toEqual(changed);
    await administration.deactivate(admin, made.id);
    expect((await administration.deactivate(admin, made.id)).isActive).toBe(false);
    await administration.activate(admin, made.id);
    expect((await administration.activate(admin, made.id)).isActive).toBe(true);
    await administration.delete(admin, made.id);
    await expect(administration.get(admin, made.id)).rejects.toMatchObject({ code: 'tool_not_found' });
    expect(await eventsAbout(registry, made.id)).toEqual(['tool.created', 'tool.updated', 'tool.deactivated', 'tool.activated', 'tool.deleted']);
  });

  it('needs no more than a name', async () => {
    expect(await administration.create(admin, { name: nextName() })).toMatchObject({ description: null, category: null, inputSchema: null, permissionsRequired: [], resourceIdentifier: null, costMicros: 0, isActive: true });
  });

  it('has a name that no other of the organization has, and another organization may use', async () => {
    const { name } = await administration.create(admin, { name: nextName() });
    await expect(administration.create(admin, { name })).rejects.toMatchObject({ kind: 'conflict', code: 'tool_name_taken' });
    await expect(administration.create(stranger, { name })).resolves.toMatchObject({ name });
    const once = nextName();
    const settled = await Promise.allSettled([1, 2, 3].map(() => administration.create(admin, { name: once })));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('does not exist for another organization', async () => {
    const { id, name } = await administration.create(admin, { name: nextName() });
    for (const attempt of [
      () => administration.get(stranger, id), () => administration.update(stranger, id, { description: 'x' }), () => administration.activate(stranger, id), () => administration.deactivate(stranger, id),
      () => administration.delete(stranger, id), () => administration.get(admin, newId()), () => administration.get(admin, 'nothing'), () => administration.delete(admin, 'nothing'),
    ]) await expect(attempt()).rejects.toMatchObject({ kind: 'not_found', code: 'tool_not_found' });
    expect((await administration.list(stranger, { q: name })).data).toEqual([]);
    expect(await tools.find(stranger.organizationId, name)).toBeUndefined();
  });

  it('requires scopes that exist, of a resource that exists, except where it was so before', async () => {
    await expect(administration.create(admin, { name: nextName(), permissions_required: ['cal:unheard-of'] })).rejects.toMatchObject({ code: 'unknown_scope', details: { scopes: ['cal:unheard-of'] } });
    await expect(administration.create(admin, { name: nextName(), resource: 'https://elsewhere.example' })).rejects.toMatchObject({ code: 'unknown_resource' });
    await expect(administration.create(stranger, { name: nextName(), resource: API })).rejects.toMatchObject({ code: 'unknown_resource' });
    await expect(administration.create(stranger, { name: nextName(), permissions_required: ['cal:read'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    const { id } = await administration.create(admin, { name: nextName(), permissions_required: ['cal:write'], resource: API });
    await registry.database.dataSource.query(`UPDATE scopes SET is_active = false WHERE name = 'cal:write'`);
    await registry.database.dataSource.query('UPDATE resources SET is_active = false WHERE identifier = $1', [API]);
    await administration.update(admin, id, { permissions_required: ['cal:write', 'cal:read'], resource: API });
    await registry.database.dataSource.query(`UPDATE scopes SET is_active = true WHERE name = 'cal:write'`);
    await registry.database.dataSource.query('UPDATE resources SET is_active = true WHERE identifier = $1', [API]);
    await expect(administration.update(admin, id, { permissions_required: ['cal:gone'] })).rejects.toMatchObject({ code: 'unknown_scope' });
    await expect(administration.update(admin, id, { resource: 'https://elsewhere.example' })).rejects.toMatchObject({ code: 'unknown_resource' });
  });

  it('has a schema that can be used, or none', async () => {
    const looking = { properties: { a: { pattern: '(?=x)' } } };
    await expect(administration.create(admin, { name: nextName(), input_schema: looking })).rejects.toMatchObject({
      kind: 'invalid', code: 'invalid_input_schema', message: 'The schema has the pattern "(?=x)", which cannot be matched in linear time (RE2): invalid or unsupported Perl syntax: `(?=`.',
    });
    const { id } = await administration.create(admin, { name: nextName(), input_schema: { type: 'object' } });
    await expect(administration.update(admin, id, { input_schema: { $ref: 'https://example.com/' } })).rejects.toMatchObject({ code: 'invalid_input_schema' });
    expect((await administration.get(admin, id)).inputSchema).toEqual({ type: 'object' });
  });

  it('is found by category, by resource and by text that contains wildcards only where it stands literally', async () => {
    const made = await administration.create(admin, { name: nextName(), category: 'odd one', description: 'takes 100%_', resource: API });
    const found = async (query: object) => (await administration.list(admin, query)).data.map(({ id }) => id);
    expect(await found({ category: 'odd one' })).toEqual([made.id]);
    expect(await found({ q: '0%_' })).toEqual([made.id]);
    expect(await found({ q: 't%k' })).toEqual([]);
    expect(await found({ resource: API })).toContain(made.id);
    expect(await found({ resource: API, category: 'another' })).toEqual([]);
  });
});

describe('what others learn of a tool', () => {
  it('is what it is now, while it is active', async () => {
    const { id, name } = await administration.create(admin, { name: nextName(), permissions_required: ['cal:read'], resource: API, cost_usd: '2', input_schema: { required: ['a'] } });
    const record = (await tools.find(ours, name))!;
    expect(record).toEqual({ id, organizationId: ours, name, permissionsRequired: ['cal:read'], resourceIdentifier: API, costMicros: 2_000_000, inputSchema: { required: ['a'] } });
    expect(tools.checkArguments(record, {})).toEqual([`the arguments must have required property 'a'`]);
    expect(tools.checkArguments(record, { a: 1 })).toEqual([]);
    await administration.update(admin, id, { input_schema: null });
    expect(tools.checkArguments((await tools.find(ours, name))!, {})).toEqual([]);
    await administration.deactivate(admin, id);
    expect(await tools.find(ours, name)).toBeUndefined();
    await administration.activate(admin, id);
    expect(await tools.find(ours, name)).toMatchObject({ id });
    await administration.delete(admin, id);
    expect(await tools.find(ours, name)).toBeUndefined();
  });

  it('is nothing for what can be no name', async () => {
    for (const name of ['', 'a b', 'é', '\0', 'x'.repeat(129)]) expect(await tools.find(ours, name)).toBeUndefined();
    expect(await tools.ofAgent('nothing')).toEqual([]);
  });

  it('changed behind our back is seen within a second', async () => {
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      const { id, name } = await administration.create(admin, { name: nextName() });
      expect(await tools.find(ours, name)).toBeDefined();
      await registry.database.dataSource.query('UPDATE tools SET is_active = false WHERE id = $1', [id]);
      at += 999;
      expect(await tools.find(ours, name)).toBeDefined();
      at += 1;
      expect(await tools.find(ours, name)).toBeUndefined();
    } finally {
      putBack();
    }
  });

  it('is told to every node that it changed', async () => {
    const heard: string[] = [];
    const stopListening = await registry.database.listen('legate_changed', (payload) => heard.push(payload));
    const { id } = await administration.create(admin, { name: nextName() });
    await administration.update(admin, id, { description: 'x' });
    await administration.deactivate(admin, id);
    await administration.delete(admin, id);
    await stopListening();
    expect(heard).toEqual([1, 2, 3, 4].map(() => `tool:${id}`));
  });
});
