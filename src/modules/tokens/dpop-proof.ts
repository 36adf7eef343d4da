import { hash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { epochSeconds, nowDate } from '../../kernel/clock.js';
import { invalidDpopProof } from '../../platform/http/access.errors.js';
import { DPOP_ALGORITHMS } from '../../platform/http/dpop-algorithms.js';

/** How far the proof's `iat` may lie from our clock, seconds, either way. */
export const PROOF_WINDOW = 60;

export interface DpopProof {
  /** RFC 7638 thumbprint of the key that made it. */
  readonly jkt: string;
  readonly jti: string;
}

/**
 * Checks a proof of possession sent with an access token (RFC 9449 section 4.3, points 2 to 11 but for the nonce, which
 * this server does not ask for). Whether the `jti` is new is for the caller to claim.
 *
 * @throws DomainError `invalid_dpop_proof`
 */
export async function verifyDpopProof(proof: string, expected: { method: string; url: string; accessToken: string }): Promise<DpopProof> {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { algorithms: [...DPOP_ALGORITHMS], typ: 'dpop+jwt', currentDate: nowDate() })
    .catch(() => { throw invalidDpopProof('The DPoP proof is not a valid signed JWT.'); });
  if (typeof payload.jti !== 'string' || payload.jti === '' || payload.jti.length > 256) throw invalidDpopProof('The DPoP proof has no usable jti.');
  if (typeof payload.iat !== 'number' || Math.abs(epochSeconds() - payload.iat) > PROOF_WINDOW) throw invalidDpopProof('The DPoP proof is not recent.');
  if (payload['htm'] !== expected.method) throw invalidDpopProof('The DPoP proof was made for another method.');
  if (withoutQuery(payload['htu']) !== withoutQuery(expected.url)) throw invalidDpopProof('The DPoP proof was made for another URL.');
  if (payload['ath'] !== hash('sha256', expected.accessToken, 'base64url')) throw invalidDpopProof('The DPoP proof was made for another access token.');
  return { jkt: await calculateJwkThumbprint(protectedHeader.jwk!), jti: payload.jti };
}

function withoutQuery(url: unknown): string | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
