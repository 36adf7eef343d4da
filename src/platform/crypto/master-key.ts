import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.js';
import { writeOnce } from './write-once.js';
import {
  masterKeyGenerated, masterKeyGuessable, masterKeyMalformed, masterKeyMissing, masterKeyUnreadable, masterKeyUnwritable, sealBroken, sealedWithAnotherKey,
} from './crypto.errors.js';

const KEY_BYTES = 32;
const KEY_TEXT = /^[A-Za-z0-9_-]{43}=?$/;
/** 32 random bytes hold fewer than 16 different ones with a probability below 2^-60; typed or sample keys usually do. */
const FEWEST_DISTINCT_BYTES = 16;

const VERSION = 1;
const KEY_ID_BYTES = 4;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
/** Random 96-bit nonces are safe for 2^32 seals under one key (NIST SP 800-38D section 8.3); we seal a handful a day. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The one key from which every other server secret is derived (HKDF-SHA-256, RFC 5869) and under which stored secrets
 * are sealed (AES-256-GCM).
 *
 * A sealed value is `version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. Version, key id and the caller's
 * context are authenticated, so that a value moved to another row does not open.
 */
export class MasterKey {
  readonly #key: Buffer;
  readonly #derived = new Map<string, Buffer>();
  readonly #header: Buffer;

  /** @param key 32 random bytes */
  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw masterKeyMalformed('The master key');
    this.#key = Buffer.from(key);
    this.#header = Buffer.concat([Buffer.of(VERSION), this.derive('key-id').subarray(0, KEY_ID_BYTES)]);
  }

  /**
   * Takes the key from the configuration or its file; in development makes one in the data folder.
   *
   * @throws DomainError `master_key_…` with one sentence for whoever starts the server
   */
  static load(config: Pick<Config, 'masterKey' | 'masterKeyFile' | 'dataDir' | 'isProduction'>): MasterKey {
    const generated = join(config.dataDir, 'master.key');
    let bytes: Buffer;
    if (config.masterKey !== undefined) bytes = decode(config.masterKey, 'LEGATE_MASTER_KEY');
    else if (config.masterKeyFile !== undefined) {
      if (config.isProduction && resolve(config.masterKeyFile) === resolve(generated)) throw masterKeyGenerated(generated);
      bytes = read(config.masterKeyFile);
    } else if (config.isProduction) throw masterKeyMissing();
    else bytes = readOrGenerate(generated);
    if (config.isProduction && new Set(bytes).size < FEWEST_DISTINCT_BYTES) throw masterKeyGuessable();
    return new MasterKey(bytes);
  }

  /**
   * 32 bytes that depend on the key and the label alone. Labels are constants of the code: results are kept for ever and shared, so never change the buffer.
   */
  derive(label: string): Buffer {
    let derived = this.#derived.get(label);
    if (!derived) {
      derived = Buffer.from(hkdfSync('sha256', this.#key, Buffer.alloc(0), `legate/${label}`, KEY_BYTES));
      this.#derived.set(label, derived);
    }
    return derived;
  }

  /** @param context where the value is kept, e.g. `signing-key:<kid>`; the same text is needed to open it */
  seal(plaintext: Buffer, context: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.derive('seal'), nonce);
    cipher.setAAD(Buffer.concat([this.#header, Buffer.from(context)]));
    return Buffer.concat([this.#header, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws DomainError `sealed_with_another_key`, `seal_broken` */
  open(sealed: Buffer, context: string): Buffer {
    if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw sealBroken();
    if (!sealed.subarray(0, HEADER_BYTES).equals(this.#header)) throw sealedWithAnotherKey();
    const nonceEnd = HEADER_BYTES + NONCE_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.derive('seal'), sealed.subarray(HEADER_BYTES, nonceEnd), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([this.#header, Buffer.from(context)]));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(nonceEnd, -TAG_BYTES));
    try {
      return Buffer.concat([plaintext, decipher.final()]);
    } catch {
      throw sealBroken();
    }
  }
}

function decode(text: string, source: string): Buffer {
  if (!KEY_TEXT.test(text)) throw masterKeyMalformed(source);
  return Buffer.from(text, 'base64url');
}

function read(file: string): Buffer {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw masterKeyUnreadable(file, error);
  }
  return decode(text.trim(), `The master key file ${file}`);
}

function readOrGenerate(file: string): Buffer {
  try {
    writeOnce(file, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  } catch (error) {
    throw masterKeyUnwritable(file, error);
  }
  // Read back in every case: when two processes start at once, the file of the faster one counts for both.
  return read(file);
}
