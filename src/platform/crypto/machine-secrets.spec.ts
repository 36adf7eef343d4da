import { createHmac, randomBytes } from 'node:crypto';
import { MACHINE_SECRET_KINDS, MACHINE_SECRET_PATTERN, MachineSecrets } from './machine-secrets.js';
import { MasterKey } from './master-key.js';

describe('machine secrets', () => {
  const masterKey = new MasterKey(randomBytes(32));
  const secrets = new MachineSecrets(masterKey);

  it.each(MACHINE_SECRET_KINDS)('mints a %s secret that says what it is, can be found by its prefix and matches its hash alone', (kind) => {
    const { text, prefix, hash } = secrets.mint(kind);
    expect(text).toMatch(new RegExp(`^lgt_${kind}_${prefix}_[0-9A-Za-z]{49}$`));
    expect(secrets.prefixOf(text)).toBe(prefix);
    expect(secrets.prefixOf(text, kind)).toBe(prefix);
    expect(secrets.matches(text, hash)).toBe(true);
    expect(secrets.matches(text, secrets.mint(kind).hash)).toBe(false);
    expect(secrets.matches(secrets.mint(kind).text, hash)).toBe(false);
  });

  it('is not taken for a secret of another kind', () => {
    const { text } = secrets.mint('client');
    expect(secrets.prefixOf(text, 'enrolment')).toBeUndefined();
    expect(secrets.prefixOf(text.replace('lgt_client', 'lgt_enrolment'))).toBeUndefined();
  });

  it('notices every single mistyped character and every two that changed places', () => {
    const { text, prefix } = secrets.mint('client');
    for (let index = 'lgt_'.length; index < text.length; index += 1) {
      const typo = text[index] === 'x' ? 'y' : 'x';
      expect(secrets.prefixOf(text.slice(0, index) + typo + text.slice(index + 1))).toBeUndefined();
      const swapped = text.slice(0, index - 1) + text[index] + text[index - 1] + text.slice(index + 1);
      expect(secrets.prefixOf(swapped)).toBe(swapped === text ? prefix : undefined);
    }
  });

  it.each(['', 'lgt_client_', 'secret', 'lgt_client_a_b', 'x'.repeat(1_000_000)])('has no prefix for text that is not one of ours', (text) => {
    expect(secrets.prefixOf(text)).toBeUndefined();
  });

  it('does not accept a secret with anything around it', () => {
    const { text } = secrets.mint('client');
    for (const around of [` ${text}`, `${text} `, `${text}\n`, `x${text}`, `${text}x`]) expect(secrets.prefixOf(around)).toBeUndefined();
  });

  it('stores an HMAC under a pepper that the database does not hold', () => {
    const { text, hash } = secrets.mint('client');
    expect(hash).toEqual(createHmac('sha256', masterKey.derive('machine-secrets')).update(text).digest());
    expect(new MachineSecrets(new MasterKey(randomBytes(32))).matches(text, hash)).toBe(false);
  });

  it('does not match a hash of another length', () => {
    const { text, hash } = secrets.mint('client');
    for (const wrong of [Buffer.alloc(0), hash.subarray(0, 31), Buffer.concat([hash, hash])]) expect(secrets.matches(text, wrong)).toBe(false);
  });

  it('never mints the same prefix or secret twice, and uses all 62 characters alike', () => {
    const minted = Array.from({ length: 2000 }, () => secrets.mint('client'));
    expect(new Set(minted.map(({ prefix }) => prefix)).size).toBe(2000);
    const counts = new Map<string, number>();
    for (const { text, prefix } of minted) {
      for (const character of prefix + text.slice(-49, -6)) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    // 110 000 characters, 1774 of each expected with a deviation of 42: seven deviations never happen by chance.
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(Math.abs(count - 1774)).toBeLessThan(7 * 42);
  });

  it('exports a pattern by which scanners and log redaction find secrets inside other text', () => {
    const [one, other] = [secrets.mint('client'), secrets.mint('enrolment')];
    const text = `Authorization: Basic ${one.text}, "${other.text}" but not lgt_client_short_one nor x${one.text}y`;
    const found = [...text.matchAll(new RegExp(MACHINE_SECRET_PATTERN, 'g'))];
    expect(found.map(([match]) => match)).toEqual([one.text, other.text]);
    expect(found.map(([, kind, prefix]) => [kind, prefix])).toEqual([['client', one.prefix], ['enrolment', other.prefix]]);
  });
});
