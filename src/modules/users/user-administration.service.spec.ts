import { auditTrail, clientOf, openDirectory, type Directory } from '../../../test/support/directory.js';
import { newId, type UserId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import type { Organization } from '../organizations/organization.entity.js';
import { UserDto } from './users.dto.js';
import { User } from './user.entity.js';

const PASSWORD = 'correct horse battery staple';

let directory: Directory;
let home: Organization;
let owner: Caller;
let admin: Caller;
let member: Caller;

beforeAll(async () => { directory = await openDirectory(); });
afterAll(() => directory.drop());

beforeEach(async () => {
  home = await directory.organization('Home');
  owner = await directory.person('owner', home);
  admin = await directory.person('admin', home);
  member = await directory.person('member', home);
});

const refusal = (code: string) => expect.objectContaining({ code });
const account = (caller: Caller) => directory.users.findById(caller.subject);
const newEmail = () => `${newId()}@example.com`;

async function platformAdministrator(...places: Organization[]): Promise<Caller> {
  const caller = await directory.person('owner', ...places);
  await directory.dataSource.getRepository(User).update({ id: caller.subject as UserId }, { isPlatformAdministrator: true });
  return { ...caller, isPlatformAdministrator: true };
}

describe('adding a person', () => {
  it('makes an account and a membership, and keeps the password only as a hash', async () => {
    const person = await directory.userAdministration.create(admin, { email: newEmail(), name: 'Ada', password: PASSWORD });
    expect(person).toMatchObject({ user: { name: 'Ada', status: 'active', isPlatformAdministrator: false, homeOrganizationId: home.id, activeOrganizationId: home.id }, membership: { role: 'member' } });
    expect(person.user.passwordHash).toMatch(/^\$argon2id\$/);
    expect(await directory.signIn.verify(person.user.email, PASSWORD, '192.0.2.1')).toMatchObject({ id: person.user.id });
    expect(JSON.stringify(UserDto.of(person))).not.toMatch(/argon2|password/);
    expect(JSON.stringify(await auditTrail(directory.dataSource))).not.toMatch(/argon2|correct horse/);
  });

  it('leaves an account that is there as it is, and answers and records the same', async () => {
    const first = await directory.organization('First');
    const known = await directory.userAdministration.create(await directory.person('owner', first), { email: newEmail(), name: 'Bea', password: PASSWORD });
    const { hashed } = directory.hasher;
    const joined = await directory.userAdministration.create(owner, { email: known.user.email.toUpperCase(), name: 'Not Bea', password: 'another horse battery staple' });
    const fresh = await directory.userAdministration.create(owner, { email: newEmail(), name: 'Bea', password: 'another horse battery staple' });
    expect(directory.hasher.hashed - hashed).toBe(2);

    expect(joined.user).toMatchObject({ id: known.user.id, passwordHash: known.user.passwordHash, name: 'Bea', signInsEndedAt: null, homeOrganizationId: first.id });
    expect(await directory.signIn.verify(known.user.email, PASSWORD, '192.0.2.2')).toMatchObject({ id: known.user.id });
    const [one, other] = [UserDto.of(joined), UserDto.of(fresh)];
    expect({ ...one, id: '', email: '', joined_at: '' }).toEqual({ ...other, id: '', email: '', joined_at: '' });

    const recorded = (await auditTrail(directory.dataSource)).filter(({ organization_id }) => organization_id === home.id);
    const about = (id: string) => recorded.filter(({ target }) => (target as { id: string }).id === id).map(({ type, details }) => ({ type, details }));
    expect(about(joined.user.id)).toEqual([{ type: 'membership.added', details: { role: 'member' } }]);
    expect(about(fresh.user.id)).toEqual(about(joined.user.id));
  });

  it('refuses members, weak passwords, and roles above the caller\'s own, and then leaves nothing behind', async () => {
    const { userAdministration } = directory;
    const email = newEmail();
    await expect(userAdministration.create(owner, { email: (await account(member))!.email })).rejects.toEqual(refusal('already_member'));
    await expect(userAdministration.create(owner, { email, password: 'password1' })).rejects.toEqual(refusal('weak_password'));
    await expect(userAdministration.create(admin, { email, role: 'owner' })).rejects.toEqual(refusal('role_above_own'));
    await expect(userAdministration.create(clientOf(home.id), { email, role: 'owner' })).rejects.toEqual(refusal('role_above_own'));
    await expect(userAdministration.create({ ...owner, scopes: new Set(['users:write']) }, { email, role: 'admin' })).rejects.toEqual(refusal('role_beyond_scopes'));
    expect(await directory.users.findByEmail(email)).toBeUndefined();
  });

  it('makes one account when two organizations add the same person at once', async () => {
    const others = await Promise.all(Array.from({ length: 8 }, async (_, index) => directory.person('owner', await directory.organization(`Place ${index}`))));
    const email = newEmail();
    const people = await Promise.all(others.map((other) => directory.userAdministration.create(other, { email })));
    expect(new Set(people.map(({ user }) => user.id)).size).toBe(1);
    for (const other of others) expect((await directory.userAdministration.list(other, { email })).data).toHaveLength(1);
  });
});

describe('people of another organization', () => {
  it('do not exist for the caller', async () => {
    const theirs = await directory.person('member', await directory.organization('There'));
    const { userAdministration } = directory;
    for (const id of [theirs.subject, newId(), 'nobody', '']) {
      for (const attempt of [
        () => userAdministration.get(owner, id), () => userAdministration.update(owner, id, { status: 'disabled' }),
        () => userAdministration.remove(owner, id), () => userAdministration.resetPassword(owner, id, PASSWORD),
      ]) await expect(attempt()).rejects.toEqual(refusal('user_not_found'));
    }
    expect((await userAdministration.list(owner, {})).data.map(({ user }) => user.id)).toEqual([owner.subject, admin.subject, member.subject]);
    expect(await account(theirs)).toMatchObject({ status: 'active' });
  });

  it('are shown to a platform administrator, as nobody of this organization', async () => {
    const theirs = await directory.person('member', await directory.organization('There'));
    expect(UserDto.of(await directory.userAdministration.get(await platformAdministrator(home), theirs.subject))).toMatchObject({ role: null, joined_at: null });
  });
});

describe('disabling a person', () => {
  it('is for admins of the organization that made the account, and is on record', async () => {
    await directory.userAdministration.update(admin, member.subject, { status: 'disabled' });
    expect(await directory.users.findActive(member.subject)).toBeUndefined();
    expect((await auditTrail(directory.dataSource)).at(-1)).toMatchObject({ type: 'user.disabled', organization_id: home.id, actor: { id: admin.subject }, target: { id: member.subject } });
    await directory.userAdministration.update(admin, member.subject, { status: 'active', name: 'Back' });
    expect(await directory.users.findActive(member.subject)).toMatchObject({ name: 'Back' });
    expect((await auditTrail(directory.dataSource)).slice(-2).map(({ type }) => type)).toEqual(['user.updated', 'user.enabled']);
  });

  it('ends what they signed in for, and enabling them does not bring it back', async () => {
    const ended = async () => (await account(member))!.signInsEndedAt;
    expect(await ended()).toBeNull();
    await directory.userAdministration.update(admin, member.subject, { status: 'disabled' });
    const at = await ended();
    expect(at).toBeInstanceOf(Date);
    await directory.userAdministration.update(admin, member.subject, { name: 'Renamed', status: 'active' });
    expect(await ended()).toEqual(at);
  });

  it('writes nothing when nothing changes', async () => {
    const before = await auditTrail(directory.dataSource);
    await directory.userAdministration.update(admin, member.subject, { status: 'active' });
    await directory.userAdministration.update(admin, member.subject, {});
    expect(await auditTrail(directory.dataSource)).toEqual(before);
  });

  it('is refused for whoever stands above the caller', async () => {
    const { userAdministration } = directory;
    await expect(userAdministration.update(admin, owner.subject, { status: 'disabled' })).rejects.toEqual(refusal('role_above_own'));
    await expect(userAdministration.update(clientOf(home.id), owner.subject, { status: 'disabled' })).rejects.toEqual(refusal('role_above_own'));
    expect(await account(owner)).toMatchObject({ status: 'active' });
  });

  it('leaves an organization an owner, except when a platform administrator must stop a stolen account', async () => {
    await expect(directory.userAdministration.update(owner, owner.subject, { status: 'disabled' })).rejects.toEqual(refusal('last_owner'));
    await directory.userAdministration.update(await platformAdministrator(await directory.organization('Above')), owner.subject, { status: 'disabled' });
    expect(await account(owner)).toMatchObject({ status: 'disabled' });
  });

  it('of a platform administrator takes another one, and one always stays', async () => {
    const small = await openDirectory();
    try {
      const place = await small.organization('Small');
      const people = await Promise.all([small.person('owner', place), small.person('owner', place), small.person('owner', place)]);
      const administrators = people.slice(0, 2).map((person) => ({ ...person, isPlatformAdministrator: true }));
      for (const { subject } of administrators) await small.dataSource.getRepository(User).update({ id: subject as UserId }, { isPlatformAdministrator: true });
      const [one, other] = administrators as [Caller, Caller];
      await expect(small.userAdministration.update(people[2]!, one.subject, { status: 'disabled' })).rejects.toEqual(refusal('administrator_protected'));
      await expect(small.userAdministration.resetPassword(people[2]!, one.subject, PASSWORD)).rejects.toEqual(refusal('administrator_protected'));
      const outcomes = await Promise.allSettled([
        small.userAdministration.update(one, other.subject, { status: 'disabled' }), small.userAdministration.update(other, one.subject, { status: 'disabled' }),
      ]);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'last_platform_administrator' } });
      expect(await small.dataSource.getRepository(User).countBy({ isPlatformAdministrator: true, status: 'active' })).toBe(1);
    } finally {
      await small.drop();
    }
  });
});

describe('the home of an account', () => {
  let second: Organization;
  let theirs: Caller;

  beforeEach(async () => {
    second = await directory.organization('Second');
    theirs = await directory.person('owner', second);
  });

  const homeOf = async (caller: Caller) => (await account(caller))!.homeOrganizationId;

  /** Everything that being in charge is about. */
  async function assertNotInCharge(caller: Caller, person: Caller): Promise<void> {
    const before = await account(person);
    await expect(directory.userAdministration.update(caller, person.subject, { status: 'disabled' })).rejects.toEqual(refusal('account_not_yours'));
    await expect(directory.userAdministration.update(caller, person.subject, { name: 'Renamed' })).rejects.toEqual(refusal('account_not_yours'));
    await expect(directory.userAdministration.resetPassword(caller, person.subject, PASSWORD)).rejects.toEqual(refusal('account_not_yours'));
    expect(await account(person)).toEqual(before);
  }

  it('stays in charge, whoever else makes the person a member and as what', async () => {
    const { email } = (await account(member))!;
    await directory.userAdministration.create(theirs, { email, role: 'owner' });
    const third = await directory.organization('Third');
    await directory.members.add(await directory.person('owner', third), third.id, { email });
    await directory.userAdministration.update(admin, member.subject, { name: 'Renamed', status: 'disabled' });
    expect(await account(member)).toMatchObject({ name: 'Renamed', status: 'disabled', homeOrganizationId: home.id });
    await directory.userAdministration.update(admin, member.subject, { status: 'active' });
  });

  it('stays in charge of somebody who is the last owner of another organization, and is not relieved of its own roles', async () => {
    await directory.members.add(theirs, second.id, { user_id: member.subject, role: 'owner' });
    await directory.members.leave(theirs, second.id);
    await directory.userAdministration.update(admin, member.subject, { status: 'disabled' });
    expect(await account(member)).toMatchObject({ status: 'disabled' });

    const third = await directory.organization('Third');
    await directory.members.add(await directory.person('owner', third), third.id, { user_id: owner.subject });
    await expect(directory.userAdministration.update(admin, owner.subject, { status: 'disabled' })).rejects.toEqual(refusal('role_above_own'));
    await expect(directory.userAdministration.update(owner, owner.subject, { status: 'disabled' })).rejects.toEqual(refusal('last_owner'));
  });

  it('is none of the organizations that the person is a guest of: they end their own membership and no more', async () => {
    await directory.members.add(theirs, second.id, { user_id: member.subject });
    await assertNotInCharge(theirs, member);
    await directory.userAdministration.remove(theirs, member.subject);
    expect(await account(member)).toMatchObject({ status: 'active', homeOrganizationId: home.id });
    expect(await directory.organizations.roleOf(member.subject, home.id)).toBe('member');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the person leaves', () => directory.members.leave(member, home.id)],
    ['the person is removed', () => directory.userAdministration.remove(admin, member.subject)],
    ['the membership is ended', () => directory.members.remove(admin, home.id, member.subject)],
    ['it is deleted', () => directory.organizationAdministration.delete(owner, home.id)],
  ])('ends when %s, and nobody but platform administrators is in charge then, not even where the person comes back', async (_what, end) => {
    await directory.members.add(theirs, second.id, { user_id: member.subject });
    await end();
    expect(await homeOf(member)).toBeNull();
    await assertNotInCharge(theirs, member);
    if (await directory.organizations.findById(home.id)) {
      await directory.members.add(owner, home.id, { user_id: member.subject });
      await assertNotInCharge(owner, member);
    }
    await directory.userAdministration.update(await platformAdministrator(second), member.subject, { status: 'disabled' });
    expect(await account(member)).toMatchObject({ status: 'disabled', homeOrganizationId: null });
  });

  it('is an organization that the person is a member of, or the account is not made', async () => {
    const email = newEmail();
    const alone = directory.dataSource.transaction((manager) => directory.users.create(manager, { email, homeOrganizationId: home.id }));
    await expect(alone).rejects.toMatchObject({ driverError: { constraint: 'users_home' } });
    await expect(directory.dataSource.getRepository(User).update({ id: member.subject as UserId }, { homeOrganizationId: second.id })).rejects.toMatchObject({ driverError: { constraint: 'users_home' } });
    expect(await directory.users.findByEmail(email)).toBeUndefined();
  });
});

describe('setting somebody\'s password', () => {
  it('is for owners of the organization that made the account, and ends what came before', async () => {
    await directory.userAdministration.resetPassword(owner, member.subject, PASSWORD);
    const { email, signInsEndedAt } = (await account(member))!;
    expect(signInsEndedAt).toBeInstanceOf(Date);
    expect(await directory.signIn.verify(email, PASSWORD, '192.0.2.3')).toMatchObject({ id: member.subject });
    expect((await auditTrail(directory.dataSource)).filter(({ type }) => type === 'user.password_changed').at(-1)).toMatchObject({ actor: { id: owner.subject } });
  });

  it('is refused to everybody else, before any hashing', async () => {
    const { userAdministration, hasher } = directory;
    const { hashed } = hasher;
    await expect(userAdministration.resetPassword(admin, member.subject, PASSWORD)).rejects.toEqual(refusal('account_not_yours'));
    await expect(userAdministration.resetPassword(clientOf(home.id), member.subject, PASSWORD)).rejects.toEqual(refusal('account_not_yours'));
    await expect(userAdministration.resetPassword(owner, owner.subject, PASSWORD)).rejects.toEqual(refusal('own_password'));
    await expect(userAdministration.resetPassword(owner, member.subject, 'password1')).rejects.toEqual(refusal('weak_password'));
    expect(hasher.hashed).toBe(hashed);
    expect(await account(member)).toMatchObject({ passwordHash: null, signInsEndedAt: null });
  });

  it('is refused to both organizations of a person who is in two, since it would open the other one, until one has ended', async () => {
    const second = await directory.organization('Second');
    const theirs = await directory.person('owner', second);
    await directory.members.add(theirs, second.id, { user_id: member.subject });
    const { userAdministration } = directory;
    await expect(userAdministration.resetPassword(owner, member.subject, PASSWORD)).rejects.toEqual(refusal('account_elsewhere'));
    await expect(userAdministration.resetPassword(theirs, member.subject, PASSWORD)).rejects.toEqual(refusal('account_not_yours'));
    expect(await account(member)).toMatchObject({ passwordHash: null });
    await userAdministration.remove(theirs, member.subject);
    await userAdministration.resetPassword(owner, member.subject, PASSWORD);
    expect((await account(member))!.passwordHash).toMatch(/^\$argon2id\$/);
  });

  it('takes a token that carries all that the person may hold', async () => {
    const narrow = { ...owner, scopes: new Set(['users:write']) };
    await expect(directory.userAdministration.resetPassword(narrow, admin.subject, PASSWORD)).rejects.toEqual(refusal('role_beyond_scopes'));
    const above = { ...await platformAdministrator(home), scopes: new Set(['users:write']) };
    await expect(directory.userAdministration.resetPassword(above, member.subject, PASSWORD)).rejects.toEqual(refusal('role_beyond_scopes'));
    expect(await account(admin)).toMatchObject({ passwordHash: null });
  });
});

describe('removing a person', () => {
  it('deletes the account with its home\'s membership when that is the last', async () => {
    const second = await directory.organization('Second');
    const shared = await directory.person('member', home, second);
    await directory.userAdministration.remove(await directory.person('owner', second), shared.subject);
    expect(await account(shared)).toBeDefined();
    await directory.userAdministration.remove(admin, shared.subject);
    expect(await account(shared)).toBeUndefined();
    expect((await auditTrail(directory.dataSource)).slice(-2)).toMatchObject([
      { type: 'membership.removed', organization_id: home.id, target: { id: shared.subject } }, { type: 'user.deleted', organization_id: null, target: { id: shared.subject } },
    ]);
  });

  it('leaves the account of somebody who is elsewhere, and a guest\'s even with the last membership, to a platform administrator', async () => {
    const second = await directory.organization('Second');
    const theirs = await directory.person('owner', second);
    const shared = await directory.person('member', home, second);
    await directory.userAdministration.remove(admin, shared.subject);
    expect(await account(shared)).toBeDefined();
    await expect(directory.userAdministration.get(admin, shared.subject)).rejects.toEqual(refusal('user_not_found'));
    await directory.userAdministration.remove(theirs, shared.subject);
    expect(await account(shared)).toBeDefined();
    await directory.userAdministration.remove(await platformAdministrator(home), shared.subject);
    expect(await account(shared)).toBeUndefined();
  });

  it('by both organizations of a person at once ends both memberships, and deletes the account when the home came last', async () => {
    for (let round = 0; round < 5; round += 1) {
      const second = await directory.organization('Second');
      const theirs = await directory.person('owner', second);
      const shared = await directory.person('member', home, second);
      await Promise.all([directory.userAdministration.remove(owner, shared.subject), directory.userAdministration.remove(theirs, shared.subject)]);
      const about = (await auditTrail(directory.dataSource)).filter(({ target }) => (target as { id: string }).id === shared.subject);
      const isHomeLast = about.filter(({ type }) => type === 'membership.removed').at(-1)!['organization_id'] === home.id;
      expect(about.filter(({ type }) => type === 'user.deleted')).toHaveLength(isHomeLast ? 1 : 0);
      expect((await account(shared)) === undefined).toBe(isHomeLast);
      for (const place of [home, second]) expect(await directory.organizations.roleOf(shared.subject, place.id)).toBeUndefined();
    }
  });

  it('never both deletes an account and makes it a member elsewhere', async () => {
    for (let round = 0; round < 5; round += 1) {
      const lonely = await directory.person('member', home);
      const elsewhere = await directory.person('owner', await directory.organization('Elsewhere'));
      const [, added] = await Promise.all([
        directory.userAdministration.remove(owner, lonely.subject),
        directory.members.add(elsewhere, elsewhere.organizationId, { user_id: lonely.subject }).then(() => 'added', ({ code }: { code: string }) => code),
      ]);
      expect(added).toBe(await account(lonely) === undefined ? 'user_not_found' : 'added');
    }
  });

  it('is refused for the last owner and for whoever stands above the caller', async () => {
    await expect(directory.userAdministration.remove(owner, owner.subject)).rejects.toEqual(refusal('last_owner'));
    await expect(directory.userAdministration.remove(admin, owner.subject)).rejects.toEqual(refusal('role_above_own'));
    expect(await account(owner)).toBeDefined();
  });

  it('lets a platform administrator delete somebody who is nowhere, and nobody who is elsewhere', async () => {
    const administrator = await platformAdministrator(home);
    const nowhere = await directory.person('member');
    await directory.userAdministration.remove(administrator, nowhere.subject);
    expect(await account(nowhere)).toBeUndefined();
    const elsewhere = await directory.person('member', await directory.organization('Elsewhere'));
    await expect(directory.userAdministration.remove(administrator, elsewhere.subject)).rejects.toEqual(refusal('account_not_yours'));
    await expect(directory.userAdministration.remove(administrator, (await platformAdministrator()).subject)).rejects.toEqual(refusal('administrator_protected'));
  });

  it('keeps the account of a platform administrator', async () => {
    const administrator = await platformAdministrator(home);
    await directory.userAdministration.remove(owner, administrator.subject);
    expect(await account(administrator)).toBeDefined();
  });
});
