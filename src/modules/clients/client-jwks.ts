import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { ClientJwks } from './client.entity.js';

const MOST_KEYS = 20;
const SHORTEST_RSA_MODULUS = 2048;
/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4: members that only a private or a shared key has. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** What a verifier needs (RFC 7517 section 4), and nothing that would make it fetch or believe something else. */
const KEPT_MEMBERS = ['kty', 'use', 'key_ops', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y'];
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA', 'Ed25519'];
const CURVES = ['P-256', 'P-384', 'P-521', 'Ed25519'];

/**
 * A client's JWK Set, reduced to the members that verifying a signature needs.
 *
 * @returns the set, or a sentence that says what is wrong with it
 */
export function checkJwks(jwks: unknown): ClientJwks | string {
  const keys = (jwks as { keys?: unknown } | null)?.keys;
  if (typeof jwks !== 'object' || !Array.isArray(keys)) return 'jwks must be a JWK Set: an object whose member keys is an array.';
  if (keys.length === 0 || keys.length > MOST_KEYS) return `jwks must hold 1 to ${MOST_KEYS} keys.`;
  const kept: Record<string, unknown>[] = [];
  const kids = new Set<string>();
  for (const [index, key] of keys.entries()) {
    const problem = keyProblem(key);
    if (problem) return `The key ${index + 1} of jwks ${problem}.`;
    const publicKey = Object.fromEntries(KEPT_MEMBERS.filter((name) => Object.hasOwn(key as object, name)).map((name) => [name, (key as Record<string, unknown>)[name]]));
    const kid = publicKey['kid'] as string | undefined;
    if (kid === undefined && keys.length > 1) return 'With several keys in jwks each needs a kid.';
    if (kid !== undefined && kids.has(kid)) return 'No two keys of jwks may have the same kid.';
    if (kid !== undefined) kids.add(kid);
    kept.push(publicKey);
  }
  return { keys: kept };
}

/** To follow "The key n of jwks". */
function keyProblem(key: unknown): string | undefined {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return 'is not an object';
  const jwk = key as Record<string, unknown>;
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return 'is private or symmetric; send public keys only';
  if (jwk['kty'] !== 'RSA' && jwk['kty'] !== 'EC' && jwk['kty'] !== 'OKP') return 'must have the kty RSA, EC or OKP';
  if (jwk['kid'] !== undefined && (typeof jwk['kid'] !== 'string' || !/^[\x21-\x7E]{1,256}$/.test(jwk['kid']))) return 'has a kid that is not 1 to 256 visible ASCII characters';
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return 'is not meant for signatures (use sig)';
  if (jwk['key_ops'] !== undefined && !(Array.isArray(jwk['key_ops']) && jwk['key_ops'].length <= 8 && jwk['key_ops'].includes('verify'))) return 'may not verify (key_ops)';
  if (jwk['alg'] !== undefined && !ALGORITHMS.includes(jwk['alg'] as string)) return 'names an alg that is not accepted';
  if (jwk['kty'] !== 'RSA' && !CURVES.includes(jwk['crv'] as string)) return `must be on one of the curves ${CURVES.join(', ')}`;
  return keyMaterialProblem(jwk);
}

function keyMaterialProblem(jwk: Record<string, unknown>): string | undefined {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    if (jwk['kty'] === 'RSA' && (asymmetricKeyDetails?.modulusLength ?? 0) < SHORTEST_RSA_MODULUS) return `is an RSA key of fewer than ${SHORTEST_RSA_MODULUS} bits`;
    return undefined;
  } catch {
    return 'is not a valid key';
  }
}
