import { auditTrail, callerOf, clientOf, openDirectory, type Directory } from '../../../test/support/directory.js';
import { newId, type UserId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { Organization } from './organization.entity.js';
import { slugOf } from './slug.js';

let directory: Directory;

beforeAll(async () => { directory = await openDirectory(); });
afterAll(() => directory.drop());

const refusal = (code: string) => expect.objectContaining({ code });
const platformAdministrator = (caller: Caller): Caller => ({ ...caller, isPlatformAdministrator: true });

describe('making an organization', () => {
  it('makes the person who does it its owner, on record', async () => {
    const { organizationAdministration, organizations, dataSource } = directory;
    const caller = await directory.person('admin', await directory.organization('Home'));
    const made = await organizationAdministration.create(caller, { name: 'Second Home' });
    expect(made).toMatchObject({ slug: 'second-home', name: 'Second Home', status: 'active', enrolmentTokenHash: null });
    expect(await organizations.roleOf(caller.subject, made.id)).toBe('owner');
    expect((await auditTrail(dataSource)).at(-1)).toMatchObject({
      type: 'organization.created', outcome: 'success', organization_id: made.id, actor: { kind: 'user', id: caller.subject, client_id: 'console' }, token_id: caller.tokenId,
    });
  });

  it('gives each its own slug, and refuses one that is asked for and taken', async () => {
    const caller = await directory.person('admin', await directory.organization('Slugs'));
    const [one, other] = [
      await directory.organizationAdministration.create(caller, { name: 'Same Name' }), await directory.organizationAdministration.create(caller, { name: 'Same name' }),
    ];
    expect(one.slug).toBe('same-name');
    expect(other.slug).toMatch(/^same-name-[0-9a-f]{8}$/);
    await expect(directory.organizationAdministration.create(caller, { name: 'X', slug: 'same-name' })).rejects.toEqual(refusal('slug_taken'));
  });

  it('asks an agent or client for a person who is a member of its own organization', async () => {
    const home = await directory.organization('Clients');
    const member = await directory.person('member', home);
    const stranger = await directory.person('owner', await directory.organization('Elsewhere'));
    const client = clientOf(home.id);
    const create = (owner_user_id?: string) => directory.organizationAdministration.create(client, { name: 'By a client', owner_user_id });
    await expect(create()).rejects.toEqual(refusal('owner_user_required'));
    await expect(create(stranger.subject)).rejects.toEqual(refusal('owner_user_not_found'));
    await expect(create(newId())).rejects.toEqual(refusal('owner_user_not_found'));
    expect(await directory.organizations.roleOf(member.subject, (await create(member.subject)).id)).toBe('owner');
  });

  it('lets a platform administrator name anybody, and others only themselves', async () => {
    const home = await directory.organization('Naming');
    const caller = await directory.person('owner', home);
    const other = await directory.person('member', home);
    const create = (as: Caller, owner_user_id: string) => directory.organizationAdministration.create(as, { name: 'Named', owner_user_id });
    await expect(create(caller, other.subject)).rejects.toEqual(refusal('owner_user_not_found'));
    const before = await directory.dataSource.getRepository(Organization).count();
    await expect(create(platformAdministrator(caller), newId())).rejects.toEqual(refusal('owner_user_not_found'));
    expect(await directory.dataSource.getRepository(Organization).count()).toBe(before);
    expect(await directory.organizations.roleOf(other.subject, (await create(platformAdministrator(caller), other.subject)).id)).toBe('owner');
  });
});

describe('seeing organizations', () => {
  it('lists a person the ones they belong to, page by page', async () => {
    const places = [await directory.organization('A'), await directory.organization('B'), await directory.organization('C')].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const caller = await directory.person('member', ...places);
    const first = await directory.organizationAdministration.list(caller, { limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual(places.slice(0, 2).map(({ id }) => id));
    const second = await directory.organizationAdministration.list(caller, { limit: 2, cursor: first.next_cursor! });
    expect(second).toMatchObject({ data: [{ id: places[2]!.id }], next_cursor: null });
  });

  it('lists a client its own, and a platform administrator all', async () => {
    const home = await directory.organization('Own');
    expect((await directory.organizationAdministration.list(clientOf(home.id), {})).data.map(({ id }) => id)).toEqual([home.id]);
    const all = await directory.organizationAdministration.list(platformAdministrator(await directory.person('member', home)), { limit: 200 });
    expect(all.data).toHaveLength(await directory.dataSource.getRepository(Organization).count());
  });

  it('hides every organization but that of the token, even from a person who belongs to it', async () => {
    const [here, there] = [await directory.organization('Here'), await directory.organization('There')];
    const caller = await directory.person('owner', here, there);
    const { organizationAdministration: administration } = directory;
    expect(await administration.get(caller, here.id)).toMatchObject({ id: here.id });
    for (const id of [there.id, newId(), 'no-uuid', '']) {
      await expect(administration.get(caller, id)).rejects.toEqual(refusal('organization_not_found'));
      await expect(administration.update(caller, id, { name: 'Taken over' })).rejects.toEqual(refusal('organization_not_found'));
      await expect(administration.delete(caller, id)).rejects.toEqual(refusal('organization_not_found'));
      await expect(administration.issueEnrolmentToken(caller, id)).rejects.toEqual(refusal('organization_not_found'));
      await expect(administration.withdrawEnrolmentToken(caller, id)).rejects.toEqual(refusal('organization_not_found'));
    }
    expect(await administration.get(platformAdministrator(caller), there.id)).toMatchObject({ name: 'There' });
  });
});

describe('changing an organization', () => {
  it('renames it, and leaves its state to platform administrators', async () => {
    const home = await directory.organization('Old name');
    const caller = await directory.person('owner', home);
    expect(await directory.organizationAdministration.update(caller, home.id, { name: 'New name' })).toMatchObject({ name: 'New name', slug: 'old-name' });
    await expect(directory.organizationAdministration.update(caller, home.id, { status: 'suspended' })).rejects.toEqual(refusal('platform_administrator_required'));
  });

  it('suspends it, but never the one the administrator is in', async () => {
    const [home, other] = [await directory.organization('Administration'), await directory.organization('Suspended')];
    const administrator = platformAdministrator(await directory.person('owner', home));
    await expect(directory.organizationAdministration.update(administrator, home.id, { status: 'suspended' })).rejects.toEqual(refusal('own_organization'));
    await directory.organizationAdministration.update(administrator, other.id, { status: 'suspended' });
    await expect(directory.organizations.assertActive(other.id)).rejects.toEqual(refusal('organization_suspended'));
    await expect(directory.organizations.assertActive(newId())).rejects.toEqual(refusal('organization_not_found'));
    await directory.organizationAdministration.update(administrator, other.id, { status: 'active' });
    expect(await directory.organizations.assertActive(other.id)).toMatchObject({ id: other.id });
  });

  it('lets its owners alone say for how long the texts of its log are kept, and looks at the log anew when that changes', async () => {
    const { organizationAdministration, dataSource } = directory;
    const home = await directory.organization('Keeps little');
    const owner = await directory.person('owner', home);
    for (const other of [await directory.person('admin', home), clientOf(home.id)]) {
      await expect(organizationAdministration.update(other, home.id, { audit_retention_days: 30 })).rejects.toEqual(refusal('owner_required'));
    }
    await dataSource.query('INSERT INTO audit_retention (days, until) VALUES (90, 512)');
    expect(await organizationAdministration.update(owner, home.id, { audit_retention_days: 90 })).toMatchObject({ auditRetentionDays: 90, name: 'Keeps little' });
    expect(await dataSource.query('SELECT days, until FROM audit_retention')).toEqual([{ days: 90, until: '0' }]);
    expect(await organizationAdministration.update(owner, home.id, { name: 'Keeps it' })).toMatchObject({ auditRetentionDays: 90 });
    expect(await organizationAdministration.update(owner, home.id, { audit_retention_days: null })).toMatchObject({ auditRetentionDays: null });
  });
});

describe('deleting an organization', () => {
  it('is for its owners and for platform administrators, never for admins and clients', async () => {
    const home = await directory.organization('Doomed');
    const owner = await directory.person('owner', home);
    const others = [await directory.person('admin', home), clientOf(home.id), { ...clientOf(home.id), kind: 'agent' as const }];
    for (const other of others) await expect(directory.organizationAdministration.delete(other, home.id)).rejects.toEqual(refusal('owner_required'));
    await directory.organizationAdministration.delete(owner, home.id);
    expect(await directory.organizations.findById(home.id)).toBeUndefined();
    expect(await directory.organizations.roleOf(owner.subject, home.id)).toBeUndefined();
    expect(await directory.users.findActive(owner.subject)).toMatchObject({ activeOrganizationId: null });
    const administrator = platformAdministrator(await directory.person('member', await directory.organization('Above')));
    const another = await directory.organization('Doomed too');
    await directory.organizationAdministration.delete(administrator, another.id);
    expect(await directory.organizations.findById(another.id)).toBeUndefined();
  });

  it('leaves one, when two owners delete the last two at once', async () => {
    const small = await openDirectory();
    try {
      const places = [await small.organization('One'), await small.organization('Two')];
      const owners = [await small.person('owner', places[0]!), await small.person('owner', places[1]!)];
      const outcomes = await Promise.allSettled(owners.map((owner) => small.organizationAdministration.delete(owner, owner.organizationId)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { kind: 'conflict', code: 'last_organization' } });
      expect(await small.dataSource.getRepository(Organization).count()).toBe(1);
    } finally {
      await small.drop();
    }
  });
});

describe('the enrolment token', () => {
  it('names its organization until it is replaced, withdrawn, or the organization is suspended', async () => {
    const home = await directory.organization('Enrolling');
    const caller = await directory.person('admin', home);
    const { organizationAdministration: administration, organizations } = directory;
    const former = await administration.issueEnrolmentToken(caller, home.id);
    expect(former).toMatch(/^lgt_enrolment_/);
    expect(await organizations.matchEnrolmentToken(former)).toMatchObject({ id: home.id });

    const token = await administration.issueEnrolmentToken(caller, home.id);
    expect(await organizations.matchEnrolmentToken(former)).toBeUndefined();
    expect(await organizations.matchEnrolmentToken(token)).toMatchObject({ id: home.id });
    const typo = (token.endsWith('0') ? '1' : '0');
    for (const wrong of [token.slice(0, -1) + typo, '', 'x'.repeat(10_000), `${token}\0`, directory.secrets.mint('enrolment').text, directory.secrets.mint('setup').text]) {
      expect(await organizations.matchEnrolmentToken(wrong)).toBeUndefined();
    }

    const administrator = platformAdministrator(await directory.person('member', await directory.organization('Administering')));
    await administration.update(administrator, home.id, { status: 'suspended' });
    expect(await organizations.matchEnrolmentToken(token)).toBeUndefined();
    await administration.update(administrator, home.id, { status: 'active' });
    expect(await organizations.matchEnrolmentToken(token)).toMatchObject({ id: home.id });

    await administration.withdrawEnrolmentToken(caller, home.id);
    expect(await organizations.matchEnrolmentToken(token)).toBeUndefined();
  });

  it('is nowhere in the database in the clear', async () => {
    const home = await directory.organization('Secretive');
    const token = await directory.organizationAdministration.issueEnrolmentToken(await directory.person('owner', home), home.id);
    const secret = token.split('_').at(-1)!;
    const [{ text: rows }] = await directory.dataSource.query<[{ text: string }]>(
      'SELECT (SELECT string_agg(o::text, $1) FROM organizations o) || (SELECT string_agg(a.body, $1) FROM audit_events a) AS text', ['\n']);
    expect(rows).not.toContain(secret);
    expect(rows).not.toContain(Buffer.from(secret).toString('hex'));
  });
});

describe('roles in an organization', () => {
  it('are none for strangers and for what is no id', async () => {
    const home = await directory.organization('Roles');
    const admin = await directory.person('admin', home);
    expect(await directory.organizations.roleOf(admin.subject, home.id)).toBe('admin');
    for (const [user, organization] of [[newId(), home.id], [admin.subject, newId()], ['robot', home.id], [admin.subject, '%']] as const) {
      expect(await directory.organizations.roleOf(user, organization)).toBeUndefined();
    }
  });

  it('are given once: adding a member again is refused and ends no transaction', async () => {
    const home = await directory.organization('Again');
    const member = await directory.person('member', home);
    await directory.dataSource.transaction(async (manager) => {
      await expect(directory.organizations.addMember(manager, { organizationId: home.id, userId: member.subject as UserId, role: 'owner' }))
        .rejects.toEqual(refusal('already_member'));
      expect(await manager.count(Organization)).toBeGreaterThan(0);
    });
    expect(callerOf(member.subject as UserId, home.id, 'member').scopes.has('organizations:write')).toBe(false);
    expect(await directory.organizations.roleOf(member.subject, home.id)).toBe('member');
  });
});

describe('a slug', () => {
  it.each([
    ['Acme Robotics, Inc.', 'acme-robotics-inc'], ['Łódź Überfabrik', 'odz-uberfabrik'], ['  --  ', 'organization'], ['月', 'organization'], ['a', 'organization'],
    ['x'.repeat(200), 'x'.repeat(48)], [`${'y'.repeat(47)} z`, 'y'.repeat(47)],
  ])('of "%s" is "%s"', (name, slug) => expect(slugOf(name)).toBe(slug));
});
