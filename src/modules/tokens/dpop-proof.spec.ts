import { hash } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { useClock } from '../../kernel/clock.js';
import { PROOF_WINDOW, verifyDpopProof } from './dpop-proof.js';

const AT = 1_900_000_000;
const TOKEN = 'eyJ.access.token';
const REQUEST = { method: 'GET', url: 'https://issuer.example/api/agents?limit=1', accessToken: TOKEN };

describe('a DPoP proof sent with an access token (RFC 9449 section 4.3)', () => {
  let privateKey: CryptoKey;
  let jwk: JWK;
  let restoreClock: () => void;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    ({ privateKey } = pair);
    jwk = await exportJWK(pair.publicKey);
  });

  beforeEach(() => { restoreClock = useClock({ now: () => AT * 1000 }); });
  afterEach(() => restoreClock());

  const claims = { jti: 'j-1', htm: 'GET', htu: 'https://issuer.example/api/agents', iat: AT, ath: hash('sha256', TOKEN, 'base64url') };

  const proof = (changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}, key: CryptoKey | Uint8Array = privateKey) =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }).sign(key);

  const refused = expect.objectContaining({ kind: 'unauthenticated', code: 'invalid_dpop_proof' });

  it('names the key that made it by its RFC 7638 thumbprint', async () => {
    expect(await verifyDpopProof(await proof(), REQUEST)).toEqual({ jkt: await calculateJwkThumbprint(jwk), jti: 'j-1' });
  });

  it.each(['ES256', 'EdDSA', 'PS256', 'RS256'])('may be signed with %s', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const own = await exportJWK(pair.publicKey);
    expect(await verifyDpopProof(await proof({}, { alg, jwk: own }, pair.privateKey), REQUEST)).toEqual({ jkt: await calculateJwkThumbprint(own), jti: 'j-1' });
  });

  it.each([
    ['with a query and a fragment, which do not count', 'https://issuer.example/api/agents?other=1#x'],
    ['with the default port written out', 'https://issuer.example:443/api/agents'],
    ['with the host in capitals', 'https://ISSUER.example/api/agents'],
  ])('may name the target %s', async (_name, htu) => {
    await expect(verifyDpopProof(await proof({ htu }), REQUEST)).resolves.toMatchObject({ jti: 'j-1' });
  });

  it.each([-PROOF_WINDOW, PROOF_WINDOW])('may be %d seconds away by our clock', async (seconds) => {
    await expect(verifyDpopProof(await proof({ iat: AT + seconds }), REQUEST)).resolves.toMatchObject({ jti: 'j-1' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another method', { htm: 'POST' }],
    ['for the method in small letters', { htm: 'get' }],
    ['for another path', { htu: 'https://issuer.example/api/agents/' }],
    ['for another host', { htu: 'https://other.example/api/agents' }],
    ['for another scheme', { htu: 'http://issuer.example/api/agents' }],
    ['for no target', { htu: undefined }],
    ['for a target that is no URL', { htu: '/api/agents' }],
    ['for another access token', { ath: hash('sha256', 'other', 'base64url') }],
    ['for no access token', { ath: undefined }],
    ['that is too old', { iat: AT - PROOF_WINDOW - 1 }],
    ['from the future', { iat: AT + PROOF_WINDOW + 1 }],
    ['without a time', { iat: undefined }],
    ['that has expired by its own words', { exp: AT - 10 }],
    ['that is not valid yet by its own words', { nbf: AT + 10 }],
    ['without an id', { jti: undefined }],
    ['with an empty id', { jti: '' }],
    ['with an id that is no text', { jti: 7 }],
    ['with an endless id', { jti: 'x'.repeat(257) }],
  ])('is refused when it was made %s', async (_name, changes) => {
    await expect(verifyDpopProof(await proof(changes), REQUEST)).rejects.toEqual(refused);
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['another kind of JWT', () => ({ typ: 'at+jwt' })],
    ['no kind at all', () => ({ typ: undefined })],
    ['a critical extension', () => ({ crit: ['x'], x: 1 })],
    ['no key', () => ({ jwk: undefined })],
    ['a key by reference', () => ({ jwk: undefined, jku: 'https://evil.example/jwks', kid: 'k' })],
    ['a key for encryption', () => ({ jwk: { ...jwk, use: 'enc' } })],
  ])('is refused when its header has %s', async (_name, header) => {
    const forged = [Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header() })).toString('base64url'), ...(await proof()).split('.').slice(1)].join('.');
    await expect(verifyDpopProof(forged, REQUEST)).rejects.toEqual(refused);
  });

  it('is refused when it brings its private key along', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    await expect(verifyDpopProof(await proof({}, { jwk: await exportJWK(pair.privateKey) }, pair.privateKey), REQUEST)).rejects.toEqual(refused);
  });

  it('is refused when another key signed it than it names', async () => {
    const other = await generateKeyPair('ES256');
    await expect(verifyDpopProof(await proof({}, {}, other.privateKey), REQUEST)).rejects.toEqual(refused);
  });

  it('is refused with a shared secret, and without a signature', async () => {
    const secret = Buffer.alloc(32, 1);
    await expect(verifyDpopProof(await proof({}, { alg: 'HS256', jwk: { kty: 'oct', k: secret.toString('base64url') } }, secret), REQUEST)).rejects.toEqual(refused);
    const [, payload] = (await proof()).split('.');
    for (const alg of ['none', 'None']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'dpop+jwt', jwk })).toString('base64url');
      await expect(verifyDpopProof(`${header}.${payload}.`, REQUEST)).rejects.toEqual(refused);
    }
  });

  it.each([['nothing', ''], ['three letters', 'a.b.c'], ['dots', '....'], ['an endless text', 'x'.repeat(20_000)]])('is refused when it is no JWT but %s', async (_name, text) => {
    await expect(verifyDpopProof(text, REQUEST)).rejects.toEqual(refused);
  });
});
