import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { CompactSign, compactVerify, createLocalJWKSet, importJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { signCompact, verifyCompact } from './jws.js';
import { SIGNING_ALGORITHMS } from './key-lifecycle.js';
import { SigningKey } from './signing-key.js';

const TYP = 'at+jwt';
const CLAIMS = { sub: 'agent', scope: 'calendar:read', exp: 4_000_000_000, name: 'Zoë 🤖', nested: { list: [1, null, true] } };

describe.each(SIGNING_ALGORITHMS)('compact JWS with %s', (alg) => {
  let key: SigningKey;
  let stranger: SigningKey;
  let token: string;

  beforeAll(async () => {
    [key, stranger] = await Promise.all([SigningKey.generate(alg), SigningKey.generate(alg)]);
    token = signCompact({ typ: TYP }, CLAIMS, key);
  });

  const keyOf = (kid: string) => (kid === key.kid ? { key: key.publicKey, alg: key.alg } : undefined);
  const verify = (text: string) => verifyCompact(text, keyOf, { typ: TYP });
  const refused = (sentence: string) => expect.objectContaining({ kind: 'unauthenticated', code: 'invalid_token', message: expect.stringContaining(sentence) });
  const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  /** A token with any header, correctly signed by the right key: only the header can be what is wrong with it. */
  const signedWith = (header: unknown, payload: unknown = CLAIMS) => {
    const input = `${encode(header)}.${encode(payload)}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const goodHeader = () => ({ alg, typ: TYP, kid: key.kid });

  it('verifies what it signed and gives back header and claims', () => {
    expect(verify(token)).toEqual({ header: goodHeader(), payload: CLAIMS });
    expect(verify(signedWith(goodHeader())).payload).toEqual(CLAIMS);
  });

  it('is verified by jose with the published JWKS', async () => {
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: [key.publicJwk as JWK] }), { typ: TYP, algorithms: [alg] });
    expect(payload).toEqual(CLAIMS);
    expect(protectedHeader).toEqual(goodHeader());
  });

  it('verifies what jose signed with the private JWK', async () => {
    const signer = await importJWK(key.privateJwk() as JWK, alg);
    expect(verify(await new SignJWT(CLAIMS).setProtectedHeader(goodHeader()).sign(signer)).payload).toEqual(CLAIMS);
  });

  it('names its key by the RFC 7638 thumbprint, as jose computes it', async () => {
    const { calculateJwkThumbprint } = await import('jose');
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk as JWK));
  });

  it('refuses a token with any one character changed', () => {
    for (let index = 0; index < token.length; index += 1) {
      if (token[index] === '.') continue;
      const other = token[index] === 'A' ? 'B' : 'A';
      expect(() => verify(token.slice(0, index) + other + token.slice(index + 1))).toThrow(expect.objectContaining({ code: 'invalid_token' }));
    }
  });

  it('refuses claims or a header put under the signature of another token', () => {
    const [header, , signature] = token.split('.');
    expect(() => verify(`${header}.${encode({ ...CLAIMS, scope: 'admin' })}.${signature}`)).toThrow(refused('signature'));
  });

  it('refuses the signature of another key under the name of ours', () => {
    const input = `${encode(goodHeader())}.${encode(CLAIMS)}`;
    const forged = sign('sha256', Buffer.from(input), { key: stranger.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    expect(() => verify(`${input}.${forged}`)).toThrow(refused('signature'));
    expect(() => verify(signCompact({ typ: TYP }, CLAIMS, stranger))).toThrow(refused('unknown or retired key'));
  });

  describe('algorithms', () => {
    it('refuses "none", in any spelling, with and without a signature', () => {
      for (const none of ['none', 'None', 'NONE', 'nOnE']) {
        const input = `${encode({ ...goodHeader(), alg: none })}.${encode(CLAIMS)}`;
        expect(() => verify(`${input}.`)).toThrow(refused('not a compact JWS'));
        expect(() => verify(`${input}.${token.split('.')[2]}`)).toThrow(refused('algorithm'));
      }
    });

    it('refuses HS256 with the public key as the secret, which a confused verifier accepts', async () => {
      for (const secret of [
        key.publicKey.export({ format: 'pem', type: 'spki' }), key.publicKey.export({ format: 'der', type: 'spki' }), JSON.stringify(key.publicJwk),
      ]) {
        const input = `${encode({ ...goodHeader(), alg: 'HS256' })}.${encode(CLAIMS)}`;
        const forged = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
        await expect(compactVerify(forged, Buffer.from(secret))).resolves.toBeDefined(); // the forgery is well made
        expect(() => verify(forged)).toThrow(refused('algorithm'));
      }
    });

    it('refuses every algorithm but the one the key is for', () => {
      for (const other of ['RS256', 'ES256', 'PS256', 'ES384', 'EdDSA', 'HS512', '', null, 1, ['ES256']].filter((one) => one !== alg)) {
        expect(() => verify(signedWith({ ...goodHeader(), alg: other }))).toThrow(refused('algorithm'));
      }
    });

    it('refuses a signature in another encoding or of another length', () => {
      const input = token.slice(0, token.lastIndexOf('.'));
      const signature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
      const wrong = [signature.subarray(1), signature.subarray(0, -1), Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(signature.length)];
      if (alg === 'ES256') wrong.push(sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'der' }));
      for (const bytes of wrong) expect(() => verify(`${input}.${bytes.toString('base64url')}`)).toThrow(refused('signature'));
    });
  });

  describe('headers', () => {
    it.each(['crit', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'b64', 'zip', 'cty', 'enc', 'p2c', '__proto__'])('refuses the member "%s", correctly signed or not', (member) => {
      const header = `{"alg":"${alg}","typ":"${TYP}","kid":"${key.kid}",${JSON.stringify(member)}:${JSON.stringify(member === 'crit' ? ['exp'] : 'x')}}`;
      expect(() => verify(signedWith(header))).toThrow(refused('header member'));
    });

    it('never uses a key that the token brings along', () => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const input = `${encode({ ...goodHeader(), jwk: publicKey.export({ format: 'jwk' }) })}.${encode(CLAIMS)}`;
      const own = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
      expect(() => verify(`${input}.${own}`)).toThrow(refused('header member'));
    });

    it.each([undefined, null, '', 1, {}, ['at+jwt'], 'JWT', 'AT+JWT', 'at+jwt ', 'application/at+jwt', 'dpop+jwt', 'logout+jwt'])('refuses the type %p', (typ) => {
      expect(() => verify(signedWith({ ...goodHeader(), typ }))).toThrow(refused('another kind'));
    });

    it('is of another kind to whoever expects another type', () => {
      expect(() => verifyCompact(token, keyOf, { typ: 'JWT' })).toThrow(refused('another kind'));
    });

    it.each([undefined, null, '', 1, {}, 'x'.repeat(129)])('refuses the key name %p', (kid) => {
      expect(() => verify(signedWith({ ...goodHeader(), kid }))).toThrow(refused('does not name its key'));
    });

    it.each(['../../etc/passwd', "' OR 1=1 --", 'http://evil.example/jwks', '__proto__', 'constructor'])('only ever looks the key name %p up', (kid) => {
      const known = new Map([[key.kid, { key: key.publicKey, alg: key.alg }]]);
      expect(() => verifyCompact(signedWith({ ...goodHeader(), kid }), (name) => known.get(name), { typ: TYP })).toThrow(refused('unknown or retired key'));
    });
  });

  describe('form', () => {
    it('refuses anything that is not exactly three parts', () => {
      const [header, payload, signature] = token.split('.');
      for (const text of ['', '.', '..', '...', token.replace('.', ''), `${token}.`, `.${token}`, `${token}.x`, `${token}.${token}`, `${header}..${signature}`, `.${payload}.${signature}`, `${header}.${payload}.`]) {
        expect(() => verify(text)).toThrow(refused('not a compact JWS'));
      }
    });

    it('refuses every spelling but canonical base64url', () => {
      const [header, payload, signature] = token.split('.') as [string, string, string];
      for (const text of [
        `${header}=.${payload}.${signature}`, `${header}.${payload}.${signature}=`, `${header} .${payload}.${signature}`, `${header}.${payload}.${signature}\n`,
        ` ${token}`, `${header}.${payload}.${signature.slice(0, -1)}${nextCharacter(signature.at(-1)!)}`, token.replaceAll('e', '\u00e9'),
      ]) expect(() => verify(text)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
      const standard = Buffer.from(JSON.stringify({ ...CLAIMS, name: '???>>>' })).toString('base64').replace(/=+$/, '');
      expect(standard).toMatch(/[+/]/);
      const input = `${header}.${standard}`;
      const forged = `${input}.${sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
      expect(() => verify(forged)).toThrow(refused('canonical base64url'));
    });

    it.each(['not json', ' ', '[]', 'null', '1', '"text"', '{"a":'])('refuses the header and the claims %p, which are no JSON object', (value) => {
      expect(() => verify(signedWith(value))).toThrow(refused('JSON'));
      expect(() => verify(signedWith(goodHeader(), value))).toThrow(refused('JSON'));
    });

    it('refuses more than 16 KiB without looking at it', () => {
      const long = signCompact({ typ: TYP }, { text: 'x'.repeat(16_384) }, key);
      expect(() => verify(long)).toThrow(refused('too long'));
      expect(() => verify('x.'.repeat(10_000_000))).toThrow(refused('too long'));
    });

    it('never repeats the token in its refusal', () => {
      for (const bad of [token.slice(1), `${token}.x`, signedWith({ ...goodHeader(), kid: 'hostile-name' })]) {
        let message = '';
        try { verify(bad); } catch (error) { message = (error as Error).message; }
        expect(message).toMatch(/^The token [A-Za-z0-9 ]+\.$/);
        expect(message).not.toContain('hostile-name');
      }
    });
  });

  it('writes the same header for a type each time', () => {
    const again = signCompact({ typ: TYP }, CLAIMS, key);
    expect(again.split('.').slice(0, 2)).toEqual(token.split('.').slice(0, 2));
    expect(signCompact({ typ: 'JWT' }, CLAIMS, key).split('.')[0]).not.toBe(token.split('.')[0]);
    // RSASSA-PKCS1-v1_5 is deterministic, ECDSA is not.
    expect(again === token).toBe(alg === 'RS256');
  });

  it('publishes nothing by which the private key could be had', () => {
    expect(createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }).equals(key.publicKey)).toBe(true);
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(key.publicJwk).not.toHaveProperty(member);
  });
});

/** Another last character with the same leading bits: it decodes to the same bytes where bits are left over. */
function nextCharacter(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt((alphabet.indexOf(character) ^ 1));
}

it('refuses a PS256 signature by an RS256 key, which jose makes from the same JWK', async () => {
  const key = await SigningKey.generate('RS256');
  const token = await new CompactSign(Buffer.from('{}')).setProtectedHeader({ alg: 'PS256', typ: TYP, kid: key.kid })
    .sign(await importJWK({ ...key.privateJwk(), alg: 'PS256' } as JWK, 'PS256'));
  expect(() => verifyCompact(token, () => ({ key: key.publicKey, alg: key.alg }), { typ: TYP })).toThrow('algorithm');
});
