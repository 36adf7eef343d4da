import { argon2id, hash as argon2Hash } from 'argon2';
import { hashOfNobody, PasswordHasher } from './password-hasher.js';

describe('the password hasher', () => {
  const hasher = new PasswordHasher();

  it('verifies what it hashed and nothing else', async () => {
    const hash = await hasher.hash('correct horse');
    expect(await hasher.verify(hash, 'correct horse')).toBe(true);
    expect(await hasher.verify(hash, 'correct horsf')).toBe(false);
    expect(await hasher.verify(hash, '')).toBe(false);
  });

  it('uses argon2id with 19 MiB, two passes and one lane, and a new salt each time', async () => {
    const [one, other] = await Promise.all([hasher.hash('same'), hasher.hash('same')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$/);
    for (const parameter of ['m=19456', 't=2', 'p=1']) expect(one).toContain(parameter);
    expect(one).not.toBe(other);
  });

  it('takes the same characters, however they were typed', async () => {
    const hash = await hasher.hash('caf\u00e9 \uff11\uff12');
    expect(await hasher.verify(hash, 'cafe\u0301 12')).toBe(true);
    expect(await hasher.verify(hash, 'cafe 12')).toBe(false);
  });

  it('answers false for a person without a password', async () => {
    expect(await hasher.verify(undefined, 'correct horse')).toBe(false);
    expect(await hasher.verify(null, '')).toBe(false);
  });

  it('does the same work for nobody as for somebody', async () => {
    // The price of argon2 follows from its parameters and the lengths of salt and hash alone …
    expect(price(hashOfNobody())).toEqual(price(await hasher.hash('correct horse')));
    // … and it is paid: meanwhile the only slot is taken.
    const small = new PasswordHasher({ slots: 1, longestQueue: 0 });
    const nobody = small.verify(undefined, 'correct horse');
    await expect(small.hash('x')).rejects.toMatchObject({ code: 'password_hashing_busy' });
    expect(await nobody).toBe(false);
  });

  it('asks for a new hash when the parameters have changed', async () => {
    expect(hasher.needsRehash(await hasher.hash('x'))).toBe(false);
    expect(hasher.needsRehash(await argon2Hash('x', { type: argon2id, memoryCost: 4096, timeCost: 2, parallelism: 1 }))).toBe(true);
  });

  describe('under a storm of sign-ins', () => {
    it('lets as many wait as the queue holds and sends the rest away at once, saying when to come back', async () => {
      const small = new PasswordHasher({ slots: 1, longestQueue: 3 });
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => small.hash('storm')));
      expect(outcomes.map(({ status }) => status)).toEqual([...Array<string>(4).fill('fulfilled'), ...Array<string>(6).fill('rejected')]);
      for (const outcome of outcomes.slice(4)) {
        expect((outcome as PromiseRejectedResult).reason).toMatchObject({ kind: 'unavailable', code: 'password_hashing_busy', retryAfterSeconds: expect.any(Number) });
      }
    });

    it('serves again when the storm is over, and after a hash that could not be read', async () => {
      const small = new PasswordHasher({ slots: 1, longestQueue: 1 });
      await Promise.allSettled([small.hash('a'), small.hash('b'), small.hash('c')]);
      await expect(small.verify('not a hash', 'x')).rejects.toThrow();
      await expect(Promise.all([small.hash('a'), small.hash('b')])).resolves.toHaveLength(2);
    });

    it('answers in the order of asking', async () => {
      const small = new PasswordHasher({ slots: 1, longestQueue: 10 });
      const order: number[] = [];
      await Promise.all([1, 2, 3, 4].map(async (turn) => {
        await small.hash('x');
        order.push(turn);
      }));
      expect(order).toEqual([1, 2, 3, 4]);
    });
  });
});

function price(digest: string): string[] {
  const [, id, version, parameters, salt, hash] = digest.split('$');
  return [id!, version!, ...parameters!.split(',').sort(), String(salt!.length), String(hash!.length)];
}
