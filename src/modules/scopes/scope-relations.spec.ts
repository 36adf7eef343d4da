import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { useClock } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import type { Caller } from '../../platform/http/caller.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { Organization } from '../organizations/organization.entity.js';
import { ScopeAdministration } from './scope-administration.service.js';
import { Scope } from './scope.entity.js';
import { ScopesService } from './scopes.service.js';

let database: ThrowawayDatabase;
let scopes: ScopesService;
let administration: ScopeAdministration;
let ours: Caller;
let count = 0;

beforeAll(async () => {
  database = await throwawayDatabase([Scope, Organization]);
  const repository = database.dataSource.getRepository(Scope);
  const config = new Config(environmentSchema.parse({}));
  scopes = new ScopesService(repository, config, new ChangeFeed(config, null));
  administration = new ScopeAdministration(repository, scopes, database.dataSource, new AuditLog(database.dataSource, database.pool), new MasterKey(Buffer.alloc(32, 7)));
  await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
});

beforeEach(async () => { ours = await callerOfNewOrganization(); });

afterAll(() => database.drop());

async function callerOfNewOrganization(): Promise<Caller> {
  const organizationId = newId<OrganizationId>();
  count += 1;
  await database.dataSource.query('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [organizationId, `organization-${count}`]);
  return { kind: 'user', subject: newId(), clientId: 'swagger-ui', organizationId, role: 'admin', scopes: new Set(['scopes:write']), isPlatformAdministrator: false, tokenId: newId() };
}

const make = (name: string, implies: string[] = [], more: object = {}) => administration.create(ours, { name, implies, ...more });
const covered = (graph: ScopeGraph, held: string[], ...wanted: string[]) => graph.narrow(new Set(held), wanted);

/** Defined by the operator for everybody, until the returned function is called. */
async function defineForAll(name: string, columns: { is_active?: boolean; implies?: string[] } = {}): Promise<() => Promise<void>> {
  await database.dataSource.query(`INSERT INTO scopes (id, source, name, is_active, implies) VALUES ($1, 'file', $2, $3, $4)`, [newId(), name, columns.is_active ?? true, columns.implies ?? []]);
  scopes.invalidate();
  return async () => {
    await database.dataSource.query(`DELETE FROM scopes WHERE source = 'file' AND name = $1`, [name]);
    scopes.invalidate();
  };
}

describe('the scopes of an organization', () => {
  it('cover what they imply, as soon as they are written', async () => {
    await make('mail:read');
    const all = await make('mail:all');
    expect(covered(await scopes.graphOf(ours.organizationId), ['mail:all'], 'mail:all', 'mail:read', 'mail:read:unread')).toEqual(['mail:all']);
    expect(await administration.update(ours, all.id, { implies: ['mail:read'] })).toMatchObject({ implies: ['mail:read'] });
    expect(covered(await scopes.graphOf(ours.organizationId), ['mail:all'], 'mail:all', 'mail:read', 'mail:read:unread')).toEqual(['mail:all', 'mail:read', 'mail:read:unread']);
    await administration.update(ours, all.id, { description: 'Everything.' });
    expect((await administration.get(ours, all.id)).implies).toEqual(['mail:read']);
    await administration.update(ours, all.id, { implies: [] });
    expect(covered(await scopes.graphOf(ours.organizationId), ['mail:all'], 'mail:read')).toEqual([]);
  });

  it('mean nothing to another organization', async () => {
    await make('mail:read');
    await make('mail:all', ['mail:read']);
    const theirs = await callerOfNewOrganization();
    expect(covered(await scopes.graphOf(theirs.organizationId), ['mail:all'], 'mail:all', 'mail:read')).toEqual([]);
    expect(covered(await scopes.graphOf(null), ['mail:all'], 'mail:all')).toEqual([]);
  });

  it('are neither covered nor cover anything while they are not active, or once they are deleted', async () => {
    const read = await make('mail:read', [], { requires_approval: true });
    await make('mail:all', ['mail:read']);
    await administration.update(ours, read.id, { is_active: false });
    const held = ['mail:all', 'mail:read', 'mail:read:unread'];
    expect(covered(await scopes.graphOf(ours.organizationId), held, ...held)).toEqual(['mail:all']);
    await administration.update(ours, read.id, { is_active: true });
    expect(covered(await scopes.graphOf(ours.organizationId), held, ...held)).toEqual(held);
    await administration.delete(ours, read.id);
    expect(covered(await scopes.graphOf(ours.organizationId), held, ...held)).toEqual(['mail:all']);
  });

  it('are known beside those of the server, the demo and OpenID Connect', async () => {
    const graph = await scopes.graphOf(ours.organizationId);
    expect(['agents:read', 'weather:read', 'openid', 'offline_access', 'mail:read', 'openid:x'].filter((name) => graph.isActive(name))).toEqual(['agents:read', 'weather:read', 'openid', 'offline_access']);
    expect((await scopes.graphOf(null)).isActive('agents:read:x')).toBe(true);
  });

  it('say what only a person may grant', async () => {
    const send = await make('pay:send', [], { requires_approval: true });
    await make('pay:all', ['pay:send']);
    expect((await scopes.graphOf(ours.organizationId)).requiringApproval(['pay:all', 'pay:send', 'pay:read'])).toEqual(['pay:all', 'pay:send']);
    await administration.update(ours, send.id, { requires_approval: false });
    expect((await scopes.graphOf(ours.organizationId)).requiringApproval(['pay:all', 'pay:send'])).toEqual([]);
  });

  it('changed behind our back are seen within a second', async () => {
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      await make('mail:read');
      expect((await scopes.graphOf(ours.organizationId)).isActive('mail:read')).toBe(true);
      await database.dataSource.query('UPDATE scopes SET is_active = false WHERE organization_id = $1', [ours.organizationId]);
      at += 999;
      expect((await scopes.graphOf(ours.organizationId)).isActive('mail:read')).toBe(true);
      at += 1;
      expect((await scopes.graphOf(ours.organizationId)).isActive('mail:read')).toBe(false);
    } finally {
      putBack();
    }
  });
});

describe('what a scope implies', () => {
  it('exists and is active, except where it was so before', async () => {
    const read = await make('mail:read');
    const all = await make('mail:all', ['mail:read']);
    await expect(make('mail:more', ['mail:read', 'mail:unheard-of'])).rejects.toMatchObject({ code: 'unknown_scope', details: { scopes: ['mail:unheard-of'] } });
    await administration.update(ours, read.id, { is_active: false });
    await expect(make('mail:more', ['mail:read'])).rejects.toMatchObject({ code: 'unknown_scope' });
    await administration.update(ours, all.id, { implies: ['mail:read'] });
  });

  it.each(['agents:write', 'agents:write:mine', 'openid', 'offline_access'])('is never %s, which opens this server', async (implied) => {
    await expect(make('mail:all', [implied])).rejects.toMatchObject({ code: 'implied_scope_reserved', details: { scopes: [implied] } });
    const scope = await make('mail:some');
    await expect(administration.update(ours, scope.id, { implies: [implied] })).rejects.toMatchObject({ code: 'implied_scope_reserved' });
  });

  it('never leads back to it, and whoever tries is shown the way', async () => {
    const read = await make('mail:read');
    await make('mail:write', ['mail:read']);
    await make('mail:all', ['mail:write']);
    await expect(administration.update(ours, read.id, { implies: ['mail:all'] })).rejects.toMatchObject({
      code: 'scope_cycle', message: 'A scope cannot come to imply itself: mail:read → mail:all → mail:write → mail:read.', details: { cycle: ['mail:read', 'mail:all', 'mail:write', 'mail:read'] },
    });
    await expect(make('mail:read:unread', ['mail:read'])).rejects.toMatchObject({ code: 'scope_cycle', details: { cycle: ['mail:read:unread', 'mail:read', 'mail:read:unread'] } });
    await expect(make('mail:self', ['mail:self'])).rejects.toMatchObject({ code: 'scope_cycle' });
  });

  it('never leads back to it when two are changed at the same moment', async () => {
    const [one, two] = [await make('a:one'), await make('a:two')];
    const settled = await Promise.allSettled([administration.update(ours, one.id, { implies: ['a:two'] }), administration.update(ours, two.id, { implies: ['a:one'] })]);
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(settled.find((outcome) => outcome.status === 'rejected')!.reason).toMatchObject({ code: 'scope_cycle' });
  });
});

describe('scopes that the operator defined for all', () => {
  it('are seen and used by every organization and changed by none', async () => {
    const undefine = await defineForAll('files:read');
    const [row] = (await administration.list(ours, { q: 'files:read' })).data;
    expect(row).toMatchObject({ source: 'file', organizationId: null });
    await expect(administration.update(ours, row!.id, { is_active: false })).rejects.toMatchObject({ code: 'scope_from_file' });
    await expect(administration.delete(ours, row!.id)).rejects.toMatchObject({ code: 'scope_from_file' });
    await expect(make('files:read')).rejects.toMatchObject({ code: 'scope_name_reserved' });
    await make('files:all', ['files:read']);
    expect(covered(await scopes.graphOf(ours.organizationId), ['files:all'], 'files:read')).toEqual(['files:read']);
    await undefine();
  });

  it('stay when the server starts again', async () => {
    const undefine = await defineForAll('files:read');
    await database.dataSource.transaction((manager) => scopes.ensureBuiltIns(manager));
    scopes.invalidate();
    expect((await scopes.graphOf(ours.organizationId)).isActive('files:read')).toBe(true);
    await undefine();
  });

  it('come before one of the same name that an organization had first, while they are active', async () => {
    const own = await make('files:read', [], { requires_approval: true, description: 'Ours.' });
    await administration.update(ours, own.id, { is_active: false });
    const undefine = await defineForAll('files:read');
    const graph = await scopes.graphOf(ours.organizationId);
    expect({ isActive: graph.isActive('files:read'), approval: graph.requiringApproval(['files:read']) }).toEqual({ isActive: true, approval: [] });
    expect((await administration.registry(ours, { q: 'files:read' })).data.map(({ source }) => source)).toEqual(['file']);
    expect((await scopes.describe(ours.organizationId, ['files:read'])).get('files:read')).toEqual({ description: null, isSensitive: false });
    await undefine();
    expect((await scopes.graphOf(ours.organizationId)).isActive('files:read')).toBe(false);
    await administration.update(ours, own.id, { is_active: true });
    const undefineInactive = await defineForAll('files:read', { is_active: false });
    expect((await scopes.graphOf(ours.organizationId)).requiringApproval(['files:read'])).toEqual(['files:read']);
    expect((await administration.registry(ours, { q: 'files:read' })).data.map(({ source }) => source)).toEqual(['organization']);
    await undefineInactive();
  });

  it('are part of circles too', async () => {
    const undefine = [await defineForAll('files:read'), await defineForAll('files:all', { implies: ['files:read'] })];
    await expect(make('files:read:mine', ['files:all'])).rejects.toMatchObject({ code: 'scope_cycle', details: { cycle: ['files:read:mine', 'files:all', 'files:read', 'files:read:mine'] } });
    for (const undo of undefine) await undo();
  });
});
