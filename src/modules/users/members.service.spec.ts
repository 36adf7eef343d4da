import { auditTrail, clientOf, openDirectory, type Directory } from '../../../test/support/directory.js';
import { newId, type UserId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Organization } from '../organizations/organization.entity.js';
import { Membership } from '../organizations/membership.entity.js';
import { User } from './user.entity.js';

let directory: Directory;
let home: Organization;
let owner: Caller;

beforeAll(async () => { directory = await openDirectory(); });
afterAll(() => directory.drop());

beforeEach(async () => {
  home = await directory.organization('Home');
  owner = await directory.person('owner', home);
});

const refusal = (code: string) => expect.objectContaining({ code });
const roleOf = (caller: Caller, place: Organization = home) => directory.organizations.roleOf(caller.subject, place.id);
const emailOf = async (caller: Caller) => (await directory.users.findById(caller.subject))!.email;
const stranger = () => directory.person('member');

describe('adding a member', () => {
  it('takes somebody by id or by e-mail address, as a member unless a role is named', async () => {
    const [one, other] = [await stranger(), await stranger()];
    const added = await directory.members.add(owner, home.id, { user_id: one.subject });
    expect(added).toMatchObject({ user: { id: one.subject }, membership: { role: 'member' } });
    await directory.members.add(owner, home.id, { email: (await emailOf(other)).toUpperCase(), role: 'admin' });
    expect([await roleOf(one), await roleOf(other)]).toEqual(['member', 'admin']);
    expect((await auditTrail(directory.dataSource)).at(-1)).toMatchObject({
      type: 'membership.added', organization_id: home.id, actor: { id: owner.subject }, target: { kind: 'user', id: other.subject }, details: { role: 'admin' },
    });
  });

  it('refuses nobody, two ways at once, unknown people, and members', async () => {
    const somebody = await stranger();
    const add = (who: { user_id?: string; email?: string }) => directory.members.add(owner, home.id, who);
    await expect(add({})).rejects.toEqual(refusal('member_ambiguous'));
    await expect(add({ user_id: somebody.subject, email: 'a@example.com' })).rejects.toEqual(refusal('member_ambiguous'));
    await expect(add({ user_id: newId() })).rejects.toEqual(refusal('user_not_found'));
    await expect(add({ email: 'nobody@example.com' })).rejects.toEqual(refusal('user_not_found'));
    await expect(add({ user_id: owner.subject })).rejects.toEqual(refusal('already_member'));
  });

  it('hands out no role above the caller\'s own', async () => {
    const admin = await directory.person('admin', home);
    const somebody = await stranger();
    await expect(directory.members.add(admin, home.id, { user_id: somebody.subject, role: 'owner' })).rejects.toEqual(refusal('role_above_own'));
    await expect(directory.members.add(clientOf(home.id), home.id, { user_id: somebody.subject, role: 'owner' })).rejects.toEqual(refusal('role_above_own'));
    await expect(directory.members.add({ ...owner, scopes: new Set(['organizations:write']) }, home.id, { user_id: somebody.subject, role: 'admin' }))
      .rejects.toEqual(refusal('role_beyond_scopes'));
    expect(await roleOf(somebody)).toBeUndefined();
  });

  it('makes one of twenty at once', async () => {
    const somebody = await stranger();
    const add = () => directory.members.add(owner, home.id, { user_id: somebody.subject }).then(() => 'added', ({ code }: { code: string }) => code);
    expect((await Promise.all(Array.from({ length: 20 }, add))).sort()).toEqual(['added', ...Array<string>(19).fill('already_member')]);
  });
});

describe('changing a role', () => {
  it('moves people up to the caller\'s own role and down', async () => {
    const admin = await directory.person('admin', home);
    const member = await directory.person('member', home);
    await directory.members.changeRole(admin, home.id, member.subject, 'admin');
    expect(await roleOf(member)).toBe('admin');
    await directory.members.changeRole({ ...owner, scopes: new Set(['organizations:write']) }, home.id, member.subject, 'member');
    expect(await roleOf(member)).toBe('member');
    expect((await auditTrail(directory.dataSource)).at(-1)).toMatchObject({ type: 'membership.changed', details: { role: 'member', former_role: 'admin' } });
  });

  it('never lets an admin touch an owner, nor become one', async () => {
    const admin = await directory.person('admin', home);
    await directory.person('owner', home);
    await expect(directory.members.changeRole(admin, home.id, owner.subject, 'member')).rejects.toEqual(refusal('role_above_own'));
    await expect(directory.members.remove(admin, home.id, owner.subject)).rejects.toEqual(refusal('role_above_own'));
    await expect(directory.members.changeRole(admin, home.id, admin.subject, 'owner')).rejects.toEqual(refusal('role_above_own'));
    expect([await roleOf(admin), await roleOf(owner)]).toEqual(['admin', 'owner']);
  });
});

describe('the last owner', () => {
  it('can neither be demoted, removed, nor leave', async () => {
    await expect(directory.members.changeRole(owner, home.id, owner.subject, 'admin')).rejects.toEqual(refusal('last_owner'));
    await expect(directory.members.remove(owner, home.id, owner.subject)).rejects.toEqual(refusal('last_owner'));
    await expect(directory.members.leave(owner, home.id)).rejects.toEqual(refusal('last_owner'));
    const administrator = { ...await directory.person('member', home), isPlatformAdministrator: true };
    await expect(directory.members.remove(administrator, home.id, owner.subject)).rejects.toEqual(refusal('last_owner'));
    expect(await roleOf(owner)).toBe('owner');
  });

  it('is still the last when the other owner is disabled', async () => {
    const other = await directory.person('owner', home);
    await directory.dataSource.getRepository(User).update({ id: other.subject as UserId }, { status: 'disabled' });
    await expect(directory.members.leave(owner, home.id)).rejects.toEqual(refusal('last_owner'));
    await directory.members.remove(owner, home.id, other.subject);
    expect(await roleOf(other)).toBeUndefined();
  });

  it('stays when two owners leave at once', async () => {
    const other = await directory.person('owner', home);
    const outcomes = await Promise.allSettled([directory.members.leave(owner, home.id), directory.members.leave(other, home.id)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await directory.dataSource.getRepository(Membership).countBy({ organizationId: home.id, role: 'owner' })).toBe(1);
  });

  it('stays when two owners demote each other at once', async () => {
    const other = await directory.person('owner', home);
    await Promise.allSettled([
      directory.members.changeRole(owner, home.id, other.subject, 'member'), directory.members.changeRole(other, home.id, owner.subject, 'member'),
    ]);
    expect(await directory.dataSource.getRepository(Membership).countBy({ organizationId: home.id, role: 'owner' })).toBe(1);
  });
});

describe('leaving', () => {
  it('needs no role and keeps the account', async () => {
    const member = await directory.person('member', home);
    await directory.members.leave(member, home.id);
    expect(await roleOf(member)).toBeUndefined();
    expect(await directory.users.findActive(member.subject)).toBeDefined();
    await expect(directory.members.leave(member, home.id)).rejects.toEqual(refusal('membership_not_found'));
  });

  it('is for people themselves, not for whoever acts for them', async () => {
    const member = await directory.person('member', home);
    await expect(directory.members.leave({ ...member, act: { sub: 'robot' } }, home.id)).rejects.toEqual(refusal('person_required'));
    await expect(directory.members.leave(clientOf(home.id), home.id)).rejects.toEqual(refusal('person_required'));
    expect(await roleOf(member)).toBe('member');
  });
});

describe('seeing members', () => {
  it('lists them page by page, and by role and address', async () => {
    const members = [owner, await directory.person('member', home), await directory.person('member', home)];
    const first = await directory.members.list(owner, home.id, { limit: 2 });
    expect(first.data.map(({ user, membership }) => [user.id, membership?.role])).toEqual([[owner.subject, 'owner'], [members[1]!.subject, 'member']]);
    const rest = await directory.members.list(owner, home.id, { limit: 2, cursor: first.next_cursor! });
    expect(rest).toMatchObject({ data: [{ user: { id: members[2]!.subject } }], next_cursor: null });
    expect((await directory.members.list(owner, home.id, { role: 'owner' })).data).toMatchObject([{ user: { id: owner.subject } }]);
    expect((await directory.members.list(owner, home.id, { email: await emailOf(members[2]!) })).data).toMatchObject([{ user: { id: members[2]!.subject } }]);
    expect(await directory.members.list(owner, home.id, { email: '%@example.com' })).toEqual({ data: [], next_cursor: null });
  });

  it('and everything else about them stops at the organization of the token', async () => {
    const there = await directory.organization('There');
    const theirs = await directory.person('member', there);
    const { members } = directory;
    for (const attempt of [
      () => members.list(owner, there.id, {}), () => members.get(owner, there.id, theirs.subject), () => members.add(owner, there.id, { user_id: owner.subject }),
      () => members.changeRole(owner, there.id, theirs.subject, 'owner'), () => members.remove(owner, there.id, theirs.subject), () => members.leave(owner, there.id),
      () => members.list(owner, '*', {}),
    ]) await expect(attempt()).rejects.toEqual(refusal('organization_not_found'));
    for (const attempt of [
      () => members.get(owner, home.id, theirs.subject), () => members.changeRole(owner, home.id, theirs.subject, 'admin'),
      () => members.remove(owner, home.id, theirs.subject), () => members.get(owner, home.id, 'nobody'),
    ]) await expect(attempt()).rejects.toEqual(refusal('membership_not_found'));
    expect(await roleOf(theirs, there)).toBe('member');
  });
});
