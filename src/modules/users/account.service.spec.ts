import { auditTrail, callerOf, clientOf, openDirectory, type Directory } from '../../../test/support/directory.js';
import { newId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import type { User } from './user.entity.js';

const FORMER = 'correct horse battery staple';
const LATTER = 'seven green bicycles underwater';
const HERE = '192.0.2.20';

let directory: Directory;
let passwordHash: string;
let user: User;
let caller: Caller;

beforeAll(async () => {
  directory = await openDirectory();
  passwordHash = await directory.passwords.accept(FORMER, []);
});

afterAll(() => directory.drop());

beforeEach(async () => {
  const home = await directory.organization('Home');
  user = await directory.dataSource.transaction(async (manager) => {
    const created = await directory.users.create(manager, { email: `${newId()}@example.com`, name: 'Ada', passwordHash });
    await directory.organizations.addMember(manager, { organizationId: home.id, userId: created.id, role: 'member' });
    return created;
  });
  caller = callerOf(user.id, home.id, 'member');
});

const refusal = (code: string) => expect.objectContaining({ code });
const change = (current_password: string, new_password: string, as = caller) => directory.account.changePassword(as, { current_password, new_password }, HERE);

describe('one\'s own account', () => {
  it('is seen and renamed without any scope', async () => {
    expect(await directory.account.get({ ...caller, scopes: new Set() })).toMatchObject({ id: user.id, name: 'Ada' });
    expect(await directory.account.update({ ...caller, scopes: new Set() }, { name: 'Countess' })).toMatchObject({ name: 'Countess' });
    expect(await directory.users.findById(user.id)).toMatchObject({ name: 'Countess' });
    expect((await auditTrail(directory.dataSource)).at(-1)).toMatchObject({ type: 'user.updated', actor: { id: user.id }, target: { id: user.id } });
  });

  it('is no client\'s, and changed by nobody who acts for the person', async () => {
    const client = clientOf(caller.organizationId);
    await expect(directory.account.get(client)).rejects.toEqual(refusal('person_required'));
    await expect(change(FORMER, LATTER, client)).rejects.toEqual(refusal('person_required'));
    const onBehalf = { ...caller, act: { sub: 'robot' } };
    expect(await directory.account.get(onBehalf)).toMatchObject({ id: user.id });
    await expect(directory.account.update(onBehalf, { name: 'Robot' })).rejects.toEqual(refusal('person_required'));
    await expect(change(FORMER, LATTER, onBehalf)).rejects.toEqual(refusal('person_required'));
  });
});

describe('changing one\'s password', () => {
  it('takes the current one, ends what came before, and is on record without either', async () => {
    await change(FORMER, LATTER);
    const changed = (await directory.users.findById(user.id))!;
    expect(changed.signInsEndedAt!.getTime()).toBeGreaterThan(user.createdAt.getTime());
    await expect(directory.signIn.verify(user.email, FORMER, HERE)).rejects.toEqual(refusal('invalid_credentials'));
    expect(await directory.signIn.verify(user.email, LATTER, HERE)).toMatchObject({ id: user.id });
    const trail = await auditTrail(directory.dataSource);
    expect(trail.filter(({ type }) => type === 'user.password_changed').at(-1)).toMatchObject({ organization_id: caller.organizationId, target: { id: user.id } });
    expect(JSON.stringify(trail)).not.toMatch(/horse|bicycles|argon2/);
  });

  it('is refused with a wrong current or a weak new one', async () => {
    await expect(change('wrong', LATTER)).rejects.toEqual(refusal('wrong_password'));
    await expect(change(FORMER, 'password1')).rejects.toEqual(refusal('weak_password'));
    await expect(change(FORMER, user.email)).rejects.toEqual(refusal('weak_password'));
    expect(await directory.users.findById(user.id)).toMatchObject({ passwordHash, signInsEndedAt: null });
  });

  it('is throttled like signing in', async () => {
    for (let guess = 0; guess < 10; guess += 1) await expect(change(`guess ${guess}`, LATTER)).rejects.toEqual(refusal('wrong_password'));
    await expect(change(FORMER, LATTER)).rejects.toEqual(refusal('too_many_sign_ins'));
  });

  it('succeeds once of several at once', async () => {
    const outcomes = await Promise.all(['one', 'two', 'three'].map((word) => change(FORMER, `${LATTER} ${word}`).then(() => 'changed', ({ code }: { code: string }) => code)));
    expect(outcomes.sort()).toEqual(['changed', 'wrong_password', 'wrong_password']);
  });
});
