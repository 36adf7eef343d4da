import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { MasterKey } from './master-key.js';

describe('the master key', () => {
  const key = new MasterKey(Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex'));

  describe('deriving', () => {
    it('gives the same 32 bytes for a label for ever, and others for every other label and key', () => {
      // Whatever was sealed or hashed under these bytes is lost if they ever change. Computed with Python's hmac after RFC 5869.
      expect(key.derive('list-cursor').toString('hex')).toBe('e1f8e0dd1c447ac5f35a6334a10b54067cdd165328503df887d497c5c78afc5f');
      expect(key.derive('list-cursor')).toBe(key.derive('list-cursor'));
      expect(key.derive('machine-secrets')).not.toEqual(key.derive('list-cursor'));
      expect(new MasterKey(randomBytes(32)).derive('list-cursor')).not.toEqual(key.derive('list-cursor'));
    });
  });

  describe('sealing', () => {
    it('opens what it sealed, empty values included', () => {
      for (const text of ['', 'secret', 'x'.repeat(100_000)]) expect(key.open(key.seal(Buffer.from(text), 'here'), 'here').toString()).toBe(text);
    });

    it('never seals the same value to the same bytes', () => {
      expect(key.seal(Buffer.from('secret'), 'here')).not.toEqual(key.seal(Buffer.from('secret'), 'here'));
    });

    it('does not open a value that was moved to another place', () => {
      expect(() => key.open(key.seal(Buffer.from('secret'), 'row:1'), 'row:2')).toThrow(expect.objectContaining({ code: 'seal_broken' }));
    });

    it('says plainly that a value was sealed with another key', () => {
      const sealed = new MasterKey(randomBytes(32)).seal(Buffer.from('secret'), 'here');
      expect(() => key.open(sealed, 'here')).toThrow(expect.objectContaining({ kind: 'unavailable', code: 'sealed_with_another_key' }));
    });

    it('does not open a value with any byte changed or cut off', () => {
      const sealed = key.seal(Buffer.from('secret'), 'here');
      for (let index = 0; index < sealed.length; index += 1) {
        const changed = Buffer.from(sealed);
        changed[index]! ^= 1;
        expect(() => key.open(changed, 'here')).toThrow(expect.objectContaining({ kind: 'unavailable' }));
        expect(() => key.open(sealed.subarray(0, index), 'here')).toThrow(expect.objectContaining({ kind: 'unavailable' }));
      }
    });
  });

  it('does not show itself when it is logged', () => {
    const secret = randomBytes(32);
    const shown = inspect(new MasterKey(secret), { depth: 5, showHidden: true }) + JSON.stringify(new MasterKey(secret));
    expect(shown).not.toContain(secret.toString('hex').match(/../g)!.slice(0, 4).join(' '));
    expect(shown).not.toContain(secret.toString('base64url'));
  });

  describe('loading', () => {
    let dataDir: string;
    const development = () => ({ isProduction: false, dataDir, masterKey: undefined, masterKeyFile: undefined });
    const production = () => ({ ...development(), isProduction: true });
    const code = (expected: string) => expect.objectContaining({ code: expected, message: expect.stringMatching(/^[A-Z][^\n]*\.$/) });
    const fingerprint = (loaded: MasterKey) => loaded.derive('test').toString('hex');

    beforeEach(() => { dataDir = join(mkdtempSync(join(tmpdir(), 'legate-key-')), 'data'); });
    afterEach(() => rmSync(join(dataDir, '..'), { recursive: true }));

    it('takes the key of the configuration, padded or not', () => {
      const bytes = randomBytes(32);
      const text = bytes.toString('base64url');
      for (const masterKey of [text, `${text}=`]) {
        expect(fingerprint(MasterKey.load({ ...production(), masterKey }))).toBe(fingerprint(new MasterKey(bytes)));
      }
    });

    it('takes the key of a file, with or without a line break at its end', () => {
      const bytes = randomBytes(32);
      const masterKeyFile = join(dataDir, '..', 'mounted');
      for (const end of ['', '\n', '\r\n']) {
        writeFileSync(masterKeyFile, bytes.toString('base64url') + end);
        expect(fingerprint(MasterKey.load({ ...production(), masterKeyFile }))).toBe(fingerprint(new MasterKey(bytes)));
      }
    });

    it('makes a private key file in development and finds it again', () => {
      const first = MasterKey.load(development());
      expect(fingerprint(MasterKey.load(development()))).toBe(fingerprint(first));
      expect(readdirSync(dataDir)).toEqual(['master.key']);
      expect(Buffer.from(readFileSync(join(dataDir, 'master.key'), 'utf8'), 'base64url')).toHaveLength(32);
      expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600);
      expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    });

    it('refuses to start in production without a key, even beside a generated one', () => {
      expect(() => MasterKey.load(production())).toThrow(code('master_key_missing'));
      MasterKey.load(development());
      expect(() => MasterKey.load(production())).toThrow(code('master_key_missing'));
      expect(() => MasterKey.load({ ...production(), masterKeyFile: join(dataDir, '.', 'master.key') })).toThrow(code('master_key_generated'));
    });

    it('refuses a key in production that nobody drew at random', () => {
      for (const masterKey of [Buffer.alloc(32).toString('base64url'), Buffer.from('changeme'.repeat(4)).toString('base64url')]) {
        expect(() => MasterKey.load({ ...production(), masterKey })).toThrow(code('master_key_guessable'));
      }
    });

    it('names the file that it cannot read, understand or write', () => {
      const masterKeyFile = join(dataDir, '..', 'mounted');
      expect(() => MasterKey.load({ ...production(), masterKeyFile })).toThrow(code('master_key_unreadable'));
      writeFileSync(masterKeyFile, 'too short');
      expect(() => MasterKey.load({ ...production(), masterKeyFile })).toThrow(code('master_key_malformed'));
      expect(() => MasterKey.load({ ...development(), dataDir: masterKeyFile })).toThrow(code('master_key_unwritable'));
      mkdirSync(dataDir);
      writeFileSync(join(dataDir, 'master.key'), '');
      expect(() => MasterKey.load(development())).toThrow(code('master_key_malformed'));
    });
  });
});
