import { judgePassword } from './password-policy.js';

const alice = ['alice.smith@example.com', 'Alice Smith', null, undefined];

describe('the password policy', () => {
  it.each([
    'correct horse battery staple',
    'k8Fq2vLp',
    'mountain sheep',
    'жираф на луне',
    '月の裏側で会いましょう',
    '🐙🪐🦜🧭🎻🪵🧿🪢',
    `${'a'.repeat(40)}x8Kq!vLp2mZr9`,
    'V7m-'.padEnd(256, 'q9Zr!tW3x_'),
  ])('accepts "%s", whatever kinds of characters it lacks', async (password) => {
    expect(await judgePassword(password, alice)).toBeUndefined();
  });

  it.each([
    ['short', 'at least 8 characters'],
    ['🐙🐙🐙🐙', 'at least 8 characters'],
    ['x8Kq!vLp'.repeat(32) + 'y', 'at most 256 characters'],
    ['password1', 'commonly used'],
    ['12345678', 'heavily used'],
    ['qwertyuiop', 'used password'],
    ['P@ssw0rd2024!', 'similar to a commonly used password'],
    ['Winter2025!', 'easy to guess'],
    ['20240131', 'Dates'],
    ['abcdefghij', 'sequences'],
    ['p4ssw0rd'.repeat(32), 'Repeated'],
    ['a'.repeat(256), 'Repeated'],
    ['\uFF50\uFF41\uFF53\uFF53word1', 'commonly used'], // full-width letters are the same letters
  ])('refuses "%s" and says why', async (password, reason) => {
    const error = await judgePassword(password);
    expect(error).toMatchObject({ kind: 'invalid', code: 'weak_password' });
    expect(error?.message).toContain(reason);
    expect(error?.message).toMatch(/\.$/);
  });

  it.each(['alice.smith2024', 'AliceSmith1!', 'smithexample99', '!!ALICE!!123', 'legate2025', 'Legate-Alice'])(
    'refuses "%s" of Alice Smith, alice.smith@example.com', async (password) => {
      expect((await judgePassword(password, alice))?.message).toMatch(/name|personal|guess|common/);
    });

  it('lets a long password mention the person', async () => {
    expect(await judgePassword('alice keeps nine grey tortoises', alice)).toBeUndefined();
  });

  it('never repeats the password in its answer', async () => {
    expect((await judgePassword('alice.smith2024', alice))?.message).not.toContain('alice');
  });

  it('refuses a password of a million characters without estimating it', async () => {
    expect((await judgePassword('p4ssw0rd'.repeat(125_000)))?.message).toContain('at most 256 characters');
  });
});
