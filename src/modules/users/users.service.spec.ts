import { openDirectory, type Directory } from '../../../test/support/directory.js';
import { useClock } from '../../kernel/clock.js';
import { newId, type OrganizationId, type UserId } from '../../kernel/ids.js';
import { Organization } from '../organizations/organization.entity.js';
import { signedInAt } from './sign-in.service.js';
import { User } from './user.entity.js';

let directory: Directory;

beforeAll(async () => { directory = await openDirectory(); });
afterAll(() => directory.drop());

const refusal = (code: string) => expect.objectContaining({ code });
const create = (email: string) => directory.dataSource.transaction((manager) => directory.users.create(manager, { email }));
const chosen = async (id: string) => (await directory.users.findById(id))!.activeOrganizationId;
const choose = (userId: string, organizationId: string) =>
  directory.dataSource.transaction((manager) => directory.users.setActiveOrganization(manager, userId as UserId, organizationId as OrganizationId));
const suspend = (id: OrganizationId) => directory.dataSource.getRepository(Organization).update({ id }, { status: 'suspended' });

describe('an account', () => {
  it('is found by its address in any case, and is one for all cases', async () => {
    const email = `Ada.${newId()}@Example.COM`;
    const user = await create(email);
    expect(user.email).toBe(email.toLowerCase());
    expect(await directory.users.findByEmail(email.toUpperCase())).toMatchObject({ id: user.id });
    await expect(create(email.toUpperCase())).rejects.toEqual(refusal('email_taken'));
  });

  it.each(['', 'ada', 'ada@', '@example.com', 'ada@localhost', 'ädä@example.com', 'ada@exämple.com', 'a b@example.com', 'ada@example.com\n@x', 'K\u212A@example.com', `${'x'.repeat(250)}@example.com`])(
    'has no address like "%s"', async (email) => {
      await expect(create(email)).rejects.toEqual(refusal('email_malformed'));
      expect(await directory.users.findByEmail(email)).toBeUndefined();
    });

  it('is not found when disabled, nor by what is no id', async () => {
    const user = await create(`${newId()}@example.com`);
    expect(await directory.users.findActive(user.id)).toMatchObject({ id: user.id });
    await directory.dataSource.getRepository(User).update({ id: user.id }, { status: 'disabled' });
    for (const id of [user.id, newId(), 'robot', '']) expect(await directory.users.findActive(id)).toBeUndefined();
  });
});

describe.each([
  ['the end of all sign-ins', (id: UserId) => directory.dataSource.transaction((manager) => directory.users.endSignIns(manager, id))],
  ['a new password', (id: UserId) => directory.dataSource.transaction((manager) => directory.users.setPassword(manager, id, 'hash'))],
])('%s', (_name, end) => {
  let at = Date.UTC(2030, 0, 1, 12, 0, 0, 400);
  let restoreClock: () => void;
  beforeEach(() => { restoreClock = useClock({ now: () => at }); });
  afterEach(() => restoreClock());

  /** Signs in, and tells the second in which that was by all that is issued for it. */
  const signIn = async (id: UserId): Promise<number> => {
    const user = (await directory.users.findById(id))!;
    user.lastSignInAt = new Date(Math.max(at, user.lastSignInAt?.getTime() ?? 0));
    await directory.dataSource.getRepository(User).update({ id }, { lastSignInAt: user.lastSignInAt });
    return signedInAt(user);
  };
  const isEnded = async (id: UserId, second: number) => second * 1000 < (await directory.users.findById(id))!.signInsEndedAt!.getTime();

  it('ends the sign-ins before it and none after it, however much happens in one second', async () => {
    const { id } = await create(`${newId()}@example.com`);
    const seconds = [await signIn(id)];
    for (let time = 0; time < 4; time += 1) {
      await end(id);
      for (const second of seconds) expect(await isEnded(id, second)).toBe(true);
      seconds.push(await signIn(id), await signIn(id));
      for (const second of seconds.slice(-2)) expect(await isEnded(id, second)).toBe(false);
    }
  });

  it('ends sign-ins that a node dated by a clock ahead of this one', async () => {
    const { id } = await create(`${newId()}@example.com`);
    at += 7_000;
    const ahead = await signIn(id);
    at -= 7_000;
    const here = await signIn(id);
    await end(id);
    expect([await isEnded(id, ahead), await isEnded(id, here)]).toEqual([true, true]);
  });
});

describe('the active organization', () => {
  it('is the one the person chose, else the first they joined', async () => {
    const [first, second] = [await directory.organization('First'), await directory.organization('Second')];
    const { subject } = await directory.person('admin', first, second);
    await directory.dataSource.getRepository(User).update({ id: subject as UserId }, { activeOrganizationId: null });
    expect(await directory.users.activeOrganization(subject)).toMatchObject({ organization: { id: first.id }, role: 'admin' });
    await choose(subject, second.id);
    expect(await directory.users.activeOrganization(subject)).toMatchObject({ organization: { id: second.id }, role: 'admin' });
  });

  it('falls back when the chosen one is suspended or left, and is none when nothing is open', async () => {
    const [first, second] = [await directory.organization('First'), await directory.organization('Second')];
    const caller = await directory.person('member', first, second);
    await choose(caller.subject, second.id);
    await suspend(second.id);
    expect(await directory.users.activeOrganization(caller.subject)).toMatchObject({ organization: { id: first.id } });
    await directory.members.leave(caller, first.id);
    expect(await directory.users.activeOrganization(caller.subject)).toBeUndefined();
    expect(await directory.users.activeOrganization(newId())).toBeUndefined();
  });

  it('may be any for a platform administrator, as an owner where they are no member', async () => {
    const [home, other] = [await directory.organization('Home'), await directory.organization('Other')];
    const { subject } = await directory.person('member', home);
    await directory.dataSource.getRepository(User).update({ id: subject as UserId }, { isPlatformAdministrator: true });
    expect(await directory.users.activeOrganization(subject)).toMatchObject({ organization: { id: home.id }, role: 'member' });
    await choose(subject, other.id);
    expect(await directory.users.activeOrganization(subject)).toMatchObject({ organization: { id: other.id }, role: 'owner' });
    await suspend(other.id);
    expect(await directory.users.activeOrganization(subject)).toMatchObject({ organization: { id: home.id }, role: 'member' });
    await suspend(home.id);
    expect((await directory.users.activeOrganization(subject))?.organization.status).toBe('active');
  });

  it('is chosen only where the person has a place that is open', async () => {
    const [home, other, closed] = [await directory.organization('Home'), await directory.organization('Other'), await directory.organization('Closed')];
    const { subject } = await directory.person('owner', home, closed);
    await suspend(closed.id);
    for (const id of [other.id, closed.id, newId(), 'nowhere']) await expect(choose(subject, id)).rejects.toEqual(refusal('organization_not_found'));
    await expect(choose(newId(), home.id)).rejects.toEqual(refusal('user_not_found'));
    expect(await chosen(subject)).toBe(home.id);
  });
});
