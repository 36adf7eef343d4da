import { sign, verify, type KeyObject } from 'node:crypto';
import type { JsonValue } from '../../kernel/canonical-json.js';
import { invalidToken } from './crypto.errors.js';
import type { SigningAlgorithm } from './key-lifecycle.js';
import type { SigningKey } from './signing-key.js';

/**
 * Compact JWS (RFC 7515 section 7.1) of this server's own tokens, synchronous: handing a 30 microsecond signature to another
 * thread costs more than making it.
 */

export interface VerificationKey {
  readonly key: KeyObject;
  /** The one algorithm this key may be used with (RFC 8725 section 3.1). */
  readonly alg: SigningAlgorithm;
}

export interface VerifiedJws {
  readonly header: { readonly alg: SigningAlgorithm; readonly kid: string; readonly typ: string };
  readonly payload: { readonly [member: string]: JsonValue };
}

const LONGEST_TOKEN = 16 * 1024;
const LONGEST_KID = 128;
/** What we write, and so all we accept: `crit`, `jku`, `jwk`, `x5u`, `x5c`, `b64`, `zip` and whatever is invented next are refused. */
const HEADER_MEMBERS = new Set(['alg', 'kid', 'typ']);
const ES256_SIGNATURE_BYTES = 64;

/**
 * @param header `typ` tells kinds of tokens apart (RFC 8725 section 3.11), e.g. `at+jwt`; a constant of the code
 * @param payload the claims
 */
export function signCompact(header: { readonly typ: string }, payload: object, key: SigningKey): string {
  const input = `${key.encodedHeader(header.typ)}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
  return `${input}.${sign('sha256', Buffer.from(input), signatureParameters(key.alg, key.privateKey)).toString('base64url')}`;
}

/**
 * Verifies a token that this server signed. Form, header and signature only: claims are the caller's to judge.
 *
 * @param keyOf the published, not yet retired key of that name (`KeyRing.verificationKey`)
 * @param expected the only accepted `typ`
 * @throws DomainError `invalid_token`
 */
export function verifyCompact(token: string, keyOf: (kid: string) => VerificationKey | undefined, expected: { readonly typ: string }): VerifiedJws {
  if (token.length > LONGEST_TOKEN) throw invalidToken('The token is too long.');
  const parts = token.split('.', 4);
  const [encodedHeader, encodedPayload, encodedSignature] = parts;
  if (parts.length !== 3 || !encodedHeader || !encodedPayload || !encodedSignature) throw invalidToken('The token is not a compact JWS.');

  const header = decodeObject(encodedHeader);
  for (const member of Object.keys(header)) if (!HEADER_MEMBERS.has(member)) throw invalidToken('The token has a header member that is not accepted.');
  const { alg, kid, typ } = header;
  if (typ !== expected.typ) throw invalidToken('The token is of another kind.');
  if (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID) throw invalidToken('The token does not name its key.');
  const known = keyOf(kid);
  if (!known) throw invalidToken('The token is signed with an unknown or retired key.');
  if (alg !== known.alg) throw invalidToken('The token is signed with an algorithm its key is not for.');

  const signature = decode(encodedSignature);
  if (known.alg === 'ES256' && signature.length !== ES256_SIGNATURE_BYTES) throw invalidToken('The signature of the token is wrong.');
  const input = Buffer.from(token.slice(0, -encodedSignature.length - 1));
  if (!verify('sha256', input, signatureParameters(known.alg, known.key), signature)) throw invalidToken('The signature of the token is wrong.');
  return { header: { alg: known.alg, kid, typ: expected.typ }, payload: decodeObject(encodedPayload) };
}

function signatureParameters(alg: SigningAlgorithm, key: KeyObject) {
  // JWS wants r ‖ s of fixed length (RFC 7518 section 3.4), where OpenSSL's own form is DER.
  return alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
}

function decodeObject(text: string): { [member: string]: JsonValue } {
  const json = decode(text).toString();
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalidToken('The token does not hold JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidToken('The token does not hold a JSON object.');
  return value as { [member: string]: JsonValue };
}

/** Base64url in its one canonical form: padding, foreign characters and stray bits would give one token many spellings. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw invalidToken('The token is not canonical base64url.');
  return bytes;
}
