import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { sealBroken } from './crypto.errors.js';
import type { SigningAlgorithm } from './key-lifecycle.js';
import type { MasterKey } from './master-key.js';

const generate = promisify(generateKeyPair);
const RSA_MODULUS_BITS = 2048;

/** RFC 7517, as published. */
export interface PublicSigningJwk {
  readonly kty: 'EC' | 'RSA';
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly use: 'sig';
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

/** The same with its private members. Never log or answer with one. */
export interface PrivateSigningJwk extends PublicSigningJwk {
  readonly d: string;
  readonly p?: string;
  readonly q?: string;
  readonly dp?: string;
  readonly dq?: string;
  readonly qi?: string;
}

/** One key pair in memory. Its `kid` is the RFC 7638 thumbprint, so that a name never stands for two keys. */
export class SigningKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly publicJwk: PublicSigningJwk;
  readonly #headers = new Map<string, string>();

  constructor(readonly alg: SigningAlgorithm, readonly privateKey: KeyObject) {
    this.publicKey = createPublicKey(privateKey);
    const members = publicMembers(alg, this.publicKey);
    this.kid = createHash('sha256').update(canonicalJson(members)).digest('base64url');
    this.publicJwk = Object.freeze({ ...members, kid: this.kid, alg, use: 'sig' });
  }

  static async generate(alg: SigningAlgorithm): Promise<SigningKey> {
    const { privateKey } = alg === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: RSA_MODULUS_BITS });
    return new SigningKey(alg, privateKey);
  }

  /** @throws DomainError `sealed_with_another_key`, `seal_broken` */
  static open(masterKey: MasterKey, alg: SigningAlgorithm, kid: string, sealed: Buffer): SigningKey {
    const der = masterKey.open(sealed, sealContext(alg, kid));
    const key = new SigningKey(alg, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    if (key.kid !== kid) throw sealBroken();
    return key;
  }

  seal(masterKey: MasterKey): Buffer {
    return masterKey.seal(this.privateKey.export({ format: 'der', type: 'pkcs8' }), sealContext(this.alg, this.kid));
  }

  privateJwk(): PrivateSigningJwk {
    const { d, p, q, dp, dq, qi } = this.privateKey.export({ format: 'jwk' });
    return { ...this.publicJwk, d: d!, ...(this.alg === 'RS256' && { p, q, dp, dq, qi }) };
  }

  /** The encoded JOSE header of this key's signatures. There are few values of `typ`, all constants of the code, so each is encoded once. */
  encodedHeader(typ: string): string {
    let header = this.#headers.get(typ);
    if (!header) {
      header = Buffer.from(JSON.stringify({ alg: this.alg, typ, kid: this.kid })).toString('base64url');
      this.#headers.set(typ, header);
    }
    return header;
  }
}

/** The members that make the thumbprint: canonical JSON sorts them as RFC 7638 section 3.2 asks. */
function publicMembers(alg: SigningAlgorithm, publicKey: KeyObject) {
  const jwk: JsonWebKey = publicKey.export({ format: 'jwk' });
  if (alg === 'ES256' && jwk.kty === 'EC' && jwk.crv === 'P-256') return { kty: 'EC', crv: jwk.crv, x: jwk.x, y: jwk.y } as const;
  if (alg === 'RS256' && jwk.kty === 'RSA') return { kty: 'RSA', n: jwk.n, e: jwk.e } as const;
  throw sealBroken();
}

function sealContext(alg: SigningAlgorithm, kid: string): string {
  return `signing-key:${alg}:${kid}`;
}
