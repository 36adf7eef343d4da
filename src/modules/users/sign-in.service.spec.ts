import { hash as argon2Hash } from 'argon2';
import { LessThan } from 'typeorm';
import { auditTrail, MEMORY_COST, openDirectory, type Directory } from '../../../test/support/directory.js';
import { now, useClock } from '../../kernel/clock.js';
import { newId, type UserId } from '../../kernel/ids.js';
import type { Organization } from '../organizations/organization.entity.js';
import { SignInSource } from './sign-in-source.entity.js';
import { User } from './user.entity.js';

const PASSWORD = 'correct horse battery staple';
const HERE = '192.0.2.10';
const MINUTE = 60_000;

let directory: Directory;
let home: Organization;
let email: string;
let id: UserId;
/** One hash for all, because a hash takes its time. */
let passwordHash: string;
let advance: (milliseconds: number) => void;
let restoreClock: () => void;

beforeAll(async () => {
  directory = await openDirectory();
  home = await directory.organization('Home');
  passwordHash = await directory.passwords.accept(PASSWORD, []);
});

afterAll(() => directory.drop());

beforeEach(async () => {
  let at = now();
  restoreClock = useClock({ now: () => at });
  advance = (milliseconds) => { at += milliseconds; };
  email = `${newId()}@example.com`;
  id = await directory.dataSource.transaction(async (manager) => {
    const user = await directory.users.create(manager, { email, passwordHash, homeOrganizationId: home.id });
    await directory.organizations.addMember(manager, { organizationId: home.id, userId: user.id, role: 'member' });
    return user.id;
  });
});

afterEach(() => restoreClock());

const verify = (password: string, source = HERE, address = email, cookies?: string) => directory.signIn.verify(address, password, source, cookies);

/** `signed_in`, or the code of the refusal. */
async function attempt(password: string, source = HERE, address = email): Promise<string> {
  return verify(password, source, address).then(() => 'signed_in', (error: { code: string }) => error.code);
}

const attempts = async (times: number, password: string, source: (index: number) => string = () => HERE, address = email): Promise<string[]> => {
  const codes: string[] = [];
  for (let index = 0; index < times; index += 1) codes.push(await attempt(password, source(index), address));
  return codes;
};

/** For crowds of guesses: that each of them is hashed is shown elsewhere. */
async function withoutHashing<T>(run: () => Promise<T>): Promise<T> {
  const real = directory.hasher.verify;
  directory.hasher.verify = () => Promise.resolve(false);
  try {
    return await run();
  } finally {
    directory.hasher.verify = real;
  }
}

const lastEvent = async () => (await auditTrail(directory.dataSource)).at(-1)!;

describe('signing in', () => {
  it('takes the address in any case, notes the time, and is on record', async () => {
    const user = await verify(PASSWORD, HERE, `  ${email.toUpperCase()} `);
    expect(user).toMatchObject({ id, email, lastSignInAt: new Date(now()) });
    expect(await directory.users.findById(id)).toMatchObject({ lastSignInAt: new Date(now()), passwordHash });
    expect(await lastEvent()).toMatchObject({ type: 'user.signed_in', outcome: 'success', organization_id: home.id, actor: { kind: 'user', id }, target: { kind: 'user', id } });
  });

  it('hashes again, once, when the stored hash is of an older policy', async () => {
    const older = await argon2Hash(PASSWORD, { memoryCost: 4096, timeCost: 2, parallelism: 1 });
    await directory.dataSource.getRepository(User).update({ id }, { passwordHash: older });
    await verify(PASSWORD);
    const upgraded = (await directory.users.findById(id))!;
    expect(upgraded.passwordHash).toContain(`m=${MEMORY_COST},t=2,p=1`);
    expect(upgraded.signInsEndedAt).toBeNull();
    const { hashed } = directory.hasher;
    await verify(PASSWORD);
    expect(directory.hasher.hashed).toBe(hashed);
  });

  it('is refused when the account is disabled while the password is checked', async () => {
    const checked = directory.hasher.verify.bind(directory.hasher);
    directory.hasher.verify = async (...args) => {
      const isRight = await checked(...args);
      await directory.dataSource.getRepository(User).update({ id }, { status: 'disabled' });
      return isRight;
    };
    try {
      expect(await attempt(PASSWORD)).toBe('invalid_credentials');
    } finally {
      directory.hasher.verify = checked;
    }
    expect(await lastEvent()).toMatchObject({ type: 'user.sign_in_refused' });
  });
});

describe('a refusal', () => {
  it('reads and costs the same for unknown people, wrong passwords, no password, and disabled accounts', async () => {
    const nobody = `${newId()}@example.com`;
    const passwordless = await directory.dataSource.transaction((manager) => directory.users.create(manager, { email: `${newId()}@example.com` }));
    const disabled = await directory.dataSource.transaction((manager) => directory.users.create(manager, { email: `${newId()}@example.com`, passwordHash }));
    await directory.dataSource.getRepository(User).update({ id: disabled.id }, { status: 'disabled' });
    const refusals = [];
    for (const [address, password] of [[email, 'wrong'], [nobody, 'wrong'], [passwordless.email, 'wrong'], [disabled.email, PASSWORD], ['no address', PASSWORD], [email, '']] as const) {
      const { verified, hashed } = directory.hasher;
      const error = await verify(password, HERE, address).catch((refusal: Error & { kind: string; code: string; details?: unknown }) => refusal);
      expect([directory.hasher.verified - verified, directory.hasher.hashed - hashed]).toEqual([1, 0]);
      const { kind, code, message, details } = error as Error & { kind: string; code: string; details?: unknown };
      refusals.push({ kind, code, message, details });
    }
    for (const refusal of refusals) {
      expect(refusal).toEqual({ kind: 'unauthenticated', code: 'invalid_credentials', message: 'The e-mail address or the password is wrong.', details: undefined });
    }
  });

  it('costs the same number of statements for unknown people and wrong passwords', async () => {
    const count = async (address: string) => {
      const connections = vi.spyOn(directory.pool.pool, 'connect');
      try {
        expect(await attempt('wrong', HERE, address)).toBe('invalid_credentials');
        return connections.mock.calls.length;
      } finally {
        connections.mockRestore();
      }
    };
    expect(await count(email)).toBeGreaterThan(3);
    expect(await count(email)).toBe(await count(`${newId()}@example.com`));
  });

  it('is on record, and names people who are not here only by a pseudonym', async () => {
    expect(await attempt('wrong')).toBe('invalid_credentials');
    expect(await lastEvent()).toMatchObject({
      type: 'user.sign_in_refused', outcome: 'refused', organization_id: home.id, reason: 'invalid_credentials', actor: { kind: 'anonymous' }, target: { kind: 'user', id },
    });
    const mistyped = 'my-secret-password@example.com';
    expect(await attempt('wrong', HERE, mistyped)).toBe('invalid_credentials');
    const event = await lastEvent();
    expect(event).toMatchObject({ organization_id: null, details: { account: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(JSON.stringify(event)).not.toContain('my-secret');
  });

  it.each([['a million characters', 'x'.repeat(1_000_000)], ['NUL', 'a\0b'], ['a lone surrogate', '\uD800']])('meets a password of %s', async (_name, password) => {
    expect(await attempt(password)).toBe('invalid_credentials');
  });

  it.each([['a million characters', `${'x'.repeat(1_000_000)}@example.com`], ['NUL', 'a\0@example.com'], ['LIKE wildcards', '%@example.com']])('meets an address of %s', async (_name, address) => {
    expect(await attempt(PASSWORD, HERE, address)).toBe('invalid_credentials');
  });
});

describe('the throttle', () => {
  it('stops guessing at one account from one place after ten, says for how long, and hashes nothing more', async () => {
    expect(await attempts(10, 'wrong')).toEqual(Array(10).fill('invalid_credentials'));
    const { verified } = directory.hasher;
    await expect(verify(PASSWORD)).rejects.toMatchObject({ kind: 'throttled', code: 'too_many_sign_ins', retryAfterSeconds: 900 });
    expect(directory.hasher.verified).toBe(verified);
    expect(await lastEvent()).toMatchObject({ type: 'user.sign_in_refused', reason: 'throttled', target: { id } });
    advance(15 * MINUTE);
    expect(await attempt(PASSWORD)).toBe('signed_in');
  });

  it('counts guesses that come at once', async () => {
    const codes = await Promise.all(Array.from({ length: 30 }, () => attempt('wrong')));
    expect(codes.filter((code) => code === 'invalid_credentials')).toHaveLength(10);
  });

  it('treats people who are not here alike', async () => {
    const codes = await attempts(11, 'wrong', () => HERE, `${newId()}@example.com`);
    expect(codes).toEqual([...Array(10).fill('invalid_credentials'), 'too_many_sign_ins']);
  });

  it('counts all addresses of an IPv6 /64 as one place', async () => {
    const codes = await attempts(11, 'wrong', (index) => `2001:db8:1:2:${index}::${index}`);
    expect(codes.at(-1)).toBe('too_many_sign_ins');
    expect(await attempt(PASSWORD, '2001:db8:1:3::1')).toBe('signed_in');
  });

  it('cannot be used from elsewhere to lock a person out, new to a place or not', async () => {
    expect(new Set(await attempts(50, 'wrong', () => '198.51.100.66'))).toContain('too_many_sign_ins');
    expect(await attempt(PASSWORD, '203.0.113.5')).toBe('signed_in');
  });

  it('cannot be used by a crowd to lock a person out of where they usually are', async () => {
    expect(await attempt(PASSWORD, HERE)).toBe('signed_in');
    const codes = await withoutHashing(() => attempts(101, 'wrong', (index) => `198.51.${100 + Math.floor(index / 5)}.1`));
    expect(codes.at(-1)).toBe('too_many_sign_ins');
    expect(await attempt(PASSWORD, '203.0.113.77')).toBe('too_many_sign_ins');
    expect(await attempt(PASSWORD, HERE)).toBe('signed_in');
    advance(60 * MINUTE);
    expect(await attempt(PASSWORD, '203.0.113.77')).toBe('signed_in');
  });

  it('starts anew with each sign-in from the same place, so that success never throttles', async () => {
    for (let round = 0; round < 4; round += 1) {
      advance(1000);
      expect(await attempts(6, 'wrong')).toEqual(Array(6).fill('invalid_credentials'));
      expect(await attempt(PASSWORD)).toBe('signed_in');
    }
    for (let round = 0; round < 15; round += 1) {
      advance(1000);
      expect(await attempt(PASSWORD)).toBe('signed_in');
    }
  });

  it('stops guessing at many accounts from one place, but not the people who are usually there', async () => {
    const there = '198.51.100.200';
    expect(await attempt(PASSWORD, there)).toBe('signed_in');
    const codes = await withoutHashing(() => Promise.all(Array.from({ length: 301 }, (_, index) => attempt('wrong', there, `guess${index}@example.com`))));
    expect(codes.filter((code) => code === 'too_many_sign_ins').length).toBeGreaterThanOrEqual(1);
    expect(await attempt(PASSWORD, there)).toBe('signed_in');
  });

  it('puts on record that it refused once a minute for each account and network, and then how often', async () => {
    await attempts(14, 'wrong');
    await attempts(14, 'wrong', () => '198.51.100.31');
    const throttled = async () => (await auditTrail(directory.dataSource)).filter(({ reason, target }) => reason === 'throttled' && (target as { id?: string } | undefined)?.id === id);
    expect((await throttled()).map(({ details }) => details)).toEqual([undefined, undefined]);
    advance(MINUTE);
    await directory.tally.settle(now());
    expect((await throttled()).map(({ details }) => details)).toEqual([undefined, undefined, { count: 3 }, { count: 3 }]);
  });

  it('remembers places by a keyed hash, for 90 days', async () => {
    const sources = directory.dataSource.getRepository(SignInSource);
    await verify(PASSWORD, '203.0.113.1');
    await verify(PASSWORD, '203.0.113.1');
    const [row] = await sources.findBy({ accountId: id });
    expect(row!.networkHash).toHaveLength(32);
    expect(row!.networkHash.toString('latin1')).not.toContain('203');
    advance(50 * 24 * 60 * MINUTE);
    await verify(PASSWORD, '203.0.113.2');
    const forget = (limit: number) => directory.dataSource.transaction((manager) => directory.throttle.forget(manager, limit));
    expect(await forget(10)).toBe(0);
    advance(41 * 24 * 60 * MINUTE);
    // Of everybody, be it that they never sign in again.
    const old = await sources.countBy({ lastUsedAt: LessThan(new Date(now() - 90 * 24 * 60 * MINUTE)) });
    expect([old > 2, await forget(2), await forget(1000), await forget(1000)]).toEqual([true, 2, old - 2, 0]);
    const left = await sources.findBy({ accountId: id });
    expect(left).toHaveLength(1);
    expect(left[0]!.networkHash.equals(row!.networkHash)).toBe(false);
  });
});

describe('a browser with which somebody signed in', () => {
  /** What it sends afterwards. */
  const remembering = (accountId: string, cookies?: string) => directory.devices.remember(accountId, cookies).split(';')[0]!;

  it('has attempts of its own, whatever others do in the same network or to the same account', async () => {
    const cookies = remembering(id);
    expect((await attempts(20, 'wrong')).at(-1)).toBe('too_many_sign_ins');
    await withoutHashing(() => attempts(101, 'wrong', (index) => `198.51.${100 + Math.floor(index / 5)}.1`));
    await expect(verify(PASSWORD, '203.0.113.78')).rejects.toMatchObject({ code: 'too_many_sign_ins' });
    await expect(verify(PASSWORD, HERE, email, cookies)).resolves.toMatchObject({ id });
    await expect(verify(PASSWORD, '203.0.113.78', email, cookies)).resolves.toMatchObject({ id });
  });

  it('has ten of them in a row, and is worth no more guesses than that', async () => {
    const cookies = remembering(id);
    const codes = [];
    for (let guess = 0; guess < 12; guess += 1) codes.push(await verify('wrong', `203.0.113.${guess}`, email, cookies).catch(({ code }: { code: string }) => code));
    expect(codes).toEqual([...Array(10).fill('invalid_credentials'), 'too_many_sign_ins', 'too_many_sign_ins']);
    await expect(verify(PASSWORD, HERE, email, remembering(id, cookies))).resolves.toMatchObject({ id });
  });

  it('is worth nothing for anybody else, nor changed, nor after 90 days', async () => {
    const cookies = remembering(id);
    await attempts(11, 'wrong');
    const [name, value = ''] = cookies.split('=');
    const worthless = [`${name}=${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`, `${name}=${value.replace(id, newId())}`, `${name}=`, `${name}=~~~~~~`, `x${cookies}`, remembering(newId()), 'legate_device'];
    for (const cookie of worthless) await expect(verify(PASSWORD, HERE, email, cookie)).rejects.toMatchObject({ code: 'too_many_sign_ins' });
    advance(90 * 24 * 60 * MINUTE);
    expect(directory.devices.signInOf(id, cookies)).toBeUndefined();
  });

  it('remembers four people, those who came last', () => {
    const people = Array.from({ length: 6 }, () => newId());
    const cookies = people.reduce<string | undefined>((before, person) => remembering(person, before), undefined);
    expect(people.map((person) => directory.devices.signInOf(person, cookies) !== undefined)).toEqual([false, false, true, true, true, true]);
    expect(directory.devices.lastPerson(cookies)).toBe(people.at(-1));
    expect(directory.devices.lastPerson(remembering(people[3]!, cookies))).toBe(people[3]);
  });
});
