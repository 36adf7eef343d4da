import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { MasterKey } from './master-key.js';

export const MACHINE_SECRET_KINDS = ['client', 'registration', 'enrolment', 'setup'] as const;
export type MachineSecretKind = (typeof MACHINE_SECRET_KINDS)[number];

/** What is made once: `text` is shown to its owner and then forgotten, `prefix` and `hash` are stored. */
export interface MintedSecret {
  /** `lgt_<kind>_<prefix>_<secret><checksum>` */
  readonly text: string;
  /** 12 characters by which the row is found and people recognise the secret. */
  readonly prefix: string;
  /** HMAC-SHA-256, 32 bytes. */
  readonly hash: Buffer;
}

// Letters and digits alone: a double click selects the whole text, and the underscores stay free to separate.
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 71 bits: collisions stay unlikely among billions of secrets. */
const PREFIX_LENGTH = 12;
/** 43 base62 characters carry 256.03 random bits. */
const SECRET_LENGTH = 43;
/** CRC-32 needs 6 base62 characters. */
const CHECKSUM_LENGTH = 6;

const FORM = `lgt_(${MACHINE_SECRET_KINDS.join('|')})_([0-9A-Za-z]{${PREFIX_LENGTH}})_[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}`;
const WHOLE = new RegExp(`^${FORM}$`);
const LONGEST_TEXT = 128;

/**
 * Finds our secrets in any text, for secret scanners and for redaction of logs. The first group is the kind, the second the
 * prefix. It has no `g` flag, which would make a shared pattern remember a position; add it where all matches are wanted.
 */
export const MACHINE_SECRET_PATTERN = new RegExp(`(?<![0-9A-Za-z])${FORM}(?![0-9A-Za-z])`);

/**
 * Secrets that machines hold. They are 256 random bits, so a keyed hash protects the stored form as well as a slow one would,
 * at 3 microseconds instead of tens of milliseconds. The pepper is derived from the master key: a copy of the database alone
 * cannot even test a guess.
 */
export class MachineSecrets {
  readonly #pepper: Buffer;

  constructor(masterKey: MasterKey) {
    this.#pepper = masterKey.derive('machine-secrets');
  }

  mint(kind: MachineSecretKind): MintedSecret {
    const prefix = randomBase62(PREFIX_LENGTH);
    const body = `lgt_${kind}_${prefix}_${randomBase62(SECRET_LENGTH)}`;
    const text = body + checksum(body);
    return { text, prefix, hash: this.hash(text) };
  }

  /** HMAC-SHA-256 of the text under the pepper. Also for secrets that an operator chose, which have no prefix. */
  hash(text: string): Buffer {
    return createHmac('sha256', this.#pepper).update(text).digest();
  }

  /** Compares in constant time. */
  matches(text: string, hash: Buffer): boolean {
    const presented = this.hash(text);
    return presented.length === hash.length && timingSafeEqual(presented, hash);
  }

  /** The prefix by which to look a secret up, or undefined when it is not one of ours, not of this kind, or mistyped. */
  prefixOf(text: string, kind?: MachineSecretKind): string | undefined {
    if (text.length > LONGEST_TEXT) return undefined;
    const parts = WHOLE.exec(text);
    if (!parts || (kind !== undefined && parts[1] !== kind)) return undefined;
    return checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH) ? parts[2] : undefined;
  }
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit += 1) {
    text = BASE62.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    // 248 is the largest multiple of 62 in a byte: higher ones are thrown away so that every character is equally likely.
    for (const byte of randomBytes(length * 2)) if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62);
  }
  return text;
}
