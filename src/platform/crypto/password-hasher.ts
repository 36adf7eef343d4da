import { availableParallelism } from 'node:os';
import { randomBytes } from 'node:crypto';
import { argon2id, hash as argon2Hash, needsRehash as argon2NeedsRehash, verify as argon2Verify } from 'argon2';
import { passwordHashingBusy } from './crypto.errors.js';

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. */
const PARAMETERS = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const LONGEST_QUEUE = 64;
const RETRY_AFTER_SECONDS = 2;

/**
 * People's passwords. Hashing is memory-hard on purpose, so at most cores − 1 run at a time and few may wait: a storm of
 * sign-ins gets 503 quickly and cannot starve token traffic.
 *
 * Passwords are normalised with NFKC first, as NIST SP 800-63B section 3.1.1.2 recommends: the same characters typed on another
 * keyboard or system ("é" as one code point or as two, full-width letters from an input method) must open the same door.
 */
export class PasswordHasher {
  readonly #parameters: typeof PARAMETERS;
  readonly #slots: number;
  readonly #longestQueue: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  readonly #nobody: string;

  /** @param limits `memoryCost` in KiB: tests of what happens around hashing need not pay its price */
  constructor(limits: { slots?: number; longestQueue?: number; memoryCost?: number } = {}) {
    this.#parameters = { ...PARAMETERS, memoryCost: limits.memoryCost ?? PARAMETERS.memoryCost };
    this.#nobody = hashOfNobody(this.#parameters.memoryCost);
    this.#slots = limits.slots ?? Math.max(1, availableParallelism() - 1);
    this.#longestQueue = limits.longestQueue ?? LONGEST_QUEUE;
  }

  /** How busy it is at the moment. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting.length };
  }

  /**
   * @returns a PHC string
   * @throws DomainError `password_hashing_busy`
   */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => argon2Hash(password.normalize('NFKC'), this.#parameters));
  }

  /**
   * @param hash as `hash` returned it; undefined when there is no such person or no password: the answer is false, after the same time
   * @throws DomainError `password_hashing_busy`
   */
  async verify(hash: string | undefined | null, password: string): Promise<boolean> {
    const isRight = await this.#inTurn(() => argon2Verify(hash ?? this.#nobody, password.normalize('NFKC')));
    return isRight && hash !== undefined && hash !== null;
  }

  /** Was it made under older parameters? Then hash again at the next successful sign-in. */
  needsRehash(hash: string): boolean {
    return argon2NeedsRehash(hash, this.#parameters);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#slots) this.#running += 1;
    else {
      if (this.#waiting.length >= this.#longestQueue) throw passwordHashingBusy(RETRY_AFTER_SECONDS);
      // Whoever finishes hands over the slot itself, so nobody can slip in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}

/** The hash of no password, but checked at the same price, so that an unknown name answers as slowly as a known one. */
export function hashOfNobody(memoryCost = PARAMETERS.memoryCost): string {
  return `$argon2id$v=19$m=${memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$${unpadded(16)}$${unpadded(32)}`;
}

function unpadded(bytes: number): string {
  return randomBytes(bytes).toString('base64').replace(/=+$/, '');
}
