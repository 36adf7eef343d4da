import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bootstrapToken, call, introspect, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { clientAssertion, registerKeyClient } from '../support/assertions.js';
import { FormBrowser } from '../support/browser.js';
import { CALLBACK, registerClient, WEB_CLIENT } from '../support/clients.js';
import { authorize, firstPartyClient, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';

const SCOPE = 'openid profile agents:read';

type Json = Record<string, unknown>;
const encode = (value: Json | string) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;

describe('tokens that are not what they seem', () => {
  let server: TestApplication;
  let good: string;
  let header: Json;
  let claims: Json;
  let published: (JsonWebKey & { kid: string; alg: string })[];
  let attacker: { key: KeyObject; jwk: Json };
  let lure: Server;
  let lured = 0;

  beforeAll(async () => {
    server = await startApplication();
    ({ accessToken: good } = await signIn(server, ADMIN, { scope: SCOPE }));
    [header, claims] = good.split('.').slice(0, 2).map(decode) as [Json, Json];
    published = (await call<{ keys: typeof published }>(server, 'GET', '/api/.well-known/jwks.json')).body.keys;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    attacker = { key: privateKey, jwk: publicKey.export({ format: 'jwk' }) as Json };
    lure = createServer((_request, response) => { lured += 1; response.end(JSON.stringify({ keys: [{ ...attacker.jwk, kid: 'lure', alg: 'ES256' }] })); }).listen(0, '127.0.0.1');
    await once(lure, 'listening');
  });

  afterAll(async () => {
    lure.close();
    await server.stop();
  });

  /** What the three places that take access tokens say of this one. */
  async function answersTo(token: string): Promise<{ api: number; introspection: unknown; userinfo: number }> {
    const userinfo = await call(server, 'GET', '/api/oauth/userinfo', { token });
    return {
      api: (await call(server, 'GET', '/api/agents?limit=1', { token })).status,
      introspection: (await introspect(server, token))['active'],
      userinfo: userinfo.status,
    };
  }
  const REFUSED = { api: 401, introspection: false, userinfo: 401 };

  const ownKey = () => published.find(({ kid }) => kid === header['kid'])!;
  const signedBy = (key: KeyObject, head: Json, body: Json = claims) => {
    const input = `${encode(head)}.${encode(body)}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const macWith = (secret: Buffer | string, head: Json) => {
    const input = `${encode(head)}.${encode(claims)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const url = (path: string) => `http://127.0.0.1:${(lure.address() as AddressInfo).port}${path}`;

  it('has a genuine one to compare with, which is taken everywhere', async () => {
    expect(await answersTo(good)).toEqual({ api: 200, introspection: true, userinfo: 200 });
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    const [input, signature] = [good.slice(0, good.lastIndexOf('.')), good.slice(good.lastIndexOf('.') + 1)];
    expect(verify('sha256', Buffer.from(input), { key: createPublicKey({ key: ownKey(), format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it.each<[string, () => string]>([
    ['no signature', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['no signature, in other words', () => `${encode({ ...header, alg: 'nOnE' })}.${encode(claims)}.`],
    ['a signature that alg none makes nothing of', () => `${encode({ ...header, alg: 'none' })}.${good.split('.').slice(1).join('.')}`],
    ['its signature taken off', () => `${good.split('.').slice(0, 2).join('.')}.`],
    ['the public key as a shared secret, in PEM', () => macWith(createPublicKey({ key: ownKey(), format: 'jwk' }).export({ type: 'spki', format: 'pem' }), { ...header, alg: 'HS256' })],
    ['the public key as a shared secret, in DER', () => macWith(createPublicKey({ key: ownKey(), format: 'jwk' }).export({ type: 'spki', format: 'der' }), { ...header, alg: 'HS256' })],
    ['the public key as a shared secret, as JWK', () => macWith(JSON.stringify(ownKey()), { ...header, alg: 'HS256' })],
    ['the public key as a shared secret, as its x', () => macWith(Buffer.from(ownKey().x!, 'base64url'), { ...header, alg: 'HS256' })],
    ['an empty shared secret', () => macWith('', { ...header, alg: 'HS256' })],
    ['a key of the attacker under a name of ours', () => signedBy(attacker.key, header)],
    ['a key of the attacker under no name', () => signedBy(attacker.key, { alg: 'ES256', typ: 'at+jwt' })],
    ['a key that it brings along', () => signedBy(attacker.key, { ...header, jwk: attacker.jwk })],
    ['a key that it brings along under a name of its own', () => signedBy(attacker.key, { alg: 'ES256', typ: 'at+jwt', kid: 'mine', jwk: { ...attacker.jwk, kid: 'mine' } })],
    ['a key to be fetched by jku', () => signedBy(attacker.key, { ...header, kid: 'lure', jku: url('/jwks.json') })],
    ['a certificate to be fetched by x5u', () => signedBy(attacker.key, { ...header, x5u: url('/cert.pem') })],
    ['a certificate that it brings along', () => signedBy(attacker.key, { ...header, x5c: ['MIIB'] })],
    ['an extension that is critical and unknown', () => `${encode({ ...header, crit: ['mine'], mine: 1 })}.${good.split('.').slice(1).join('.')}`],
    ['an extension that is critical and known', () => signedBy(attacker.key, { ...header, crit: ['exp'], exp: claims['exp'] })],
    ['an unencoded payload (RFC 7797)', () => signedBy(attacker.key, { ...header, b64: false, crit: ['b64'] })],
    ['a key name that is a path', () => signedBy(attacker.key, { ...header, kid: '../../../../dev/null' })],
    ['a key name that is SQL', () => signedBy(attacker.key, { ...header, kid: `' OR '1'='1` })],
    ['a key name of a prototype', () => signedBy(attacker.key, { ...header, kid: '__proto__' })],
    ['a key name without end', () => signedBy(attacker.key, { ...header, kid: 'k'.repeat(5000) })],
    ['a key name that is a list', () => signedBy(attacker.key, { ...header, kid: [header['kid']] })],
    ['another algorithm than its key is for', () => `${encode({ ...header, alg: 'RS256' })}.${good.split('.').slice(1).join('.')}`],
    ['another of our keys named', () => `${encode({ ...header, kid: published.find(({ alg }) => alg === 'RS256')!.kid })}.${good.split('.').slice(1).join('.')}`],
    ['another person in it', () => [good.split('.')[0], encode({ ...claims, sub: 'somebody-else' }), good.split('.')[2]].join('.')],
    ['more scopes in it', () => [good.split('.')[0], encode({ ...claims, scope: `${SCOPE} keys:write` }), good.split('.')[2]].join('.')],
    ['a later end in it', () => [good.split('.')[0], encode({ ...claims, exp: Number(claims['exp']) + 3600 }), good.split('.')[2]].join('.')],
    ['a signature of zeros (CVE-2022-21449)', () => `${good.split('.').slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`],
    ['a signature of random bytes', () => `${good.split('.').slice(0, 2).join('.')}.${randomBytes(64).toString('base64url')}`],
    ['padding', () => `${good}=`],
    ['a part too many', () => `${good}.${good.split('.')[2]}`],
    ['a part too few', () => good.split('.').slice(1).join('.')],
    ['nothing but an id that is real', () => String(claims['jti'])],
    ['nothing but dots', () => '..'],
    ['no JSON in it', () => `${encode('x')}.${encode('y')}.${encode('z')}`],
  ])('are refused at the API, at userinfo and by introspection: with %s', async (_name, forge) => {
    expect(await answersTo(forge())).toEqual(REFUSED);
  });

  it('never make the server fetch what they point to', () => {
    expect(lured).toBe(0);
  });

  describe('being JWTs of another kind', () => {
    it('are refused as access tokens: an ID token', async () => {
      const client = firstPartyClient(server);
      const { callback, verifier } = await authorize(server, ADMIN, client, SCOPE);
      const { body } = await post(server, '/api/oauth/token', {
        grant_type: 'authorization_code', code: callback.searchParams.get('code')!, redirect_uri: client.redirectUri, client_id: client.clientId, code_verifier: verifier,
      });
      expect(decode(String(body['id_token']).split('.')[0]!)).toMatchObject({ alg: 'RS256' });
      expect(await answersTo(String(body['id_token']))).toEqual(REFUSED);
      expect(await answersTo(String(body['access_token']))).toMatchObject({ api: 200 });
    });

    it('are refused as access tokens: a client assertion, whatever it says', async () => {
      const client = await registerKeyClient(server);
      expect(await answersTo(await clientAssertion(server, client))).toEqual(REFUSED);
      expect(await answersTo(await clientAssertion(server, client, { claims: { ...claims }, header: { typ: 'at+jwt' } }))).toEqual(REFUSED);
    });

    it('are refused as access tokens: an introspection answer, which our own key signed', async () => {
      const { body } = await post(server, '/api/oauth/introspect', { token: good }, { basic: ['bootstrap', server.clientSecret], headers: { accept: 'application/token-introspection+jwt' } });
      const answer = String(body['text']);
      expect(decode(answer.split('.')[0]!)).toMatchObject({ typ: 'token-introspection+jwt', kid: header['kid'] });
      expect(await answersTo(answer)).toEqual(REFUSED);
    });

    it('are refused as the hint of who signed in: an access token and an introspection answer', async () => {
      const { clientId, clientSecret } = await registerClient(server, { ...WEB_CLIENT, scopes: [...WEB_CLIENT.scopes, 'tokens:read'] });
      const { body } = await post(server, '/api/oauth/introspect', { token: good }, { basic: [clientId, clientSecret!], headers: { accept: 'application/token-introspection+jwt' } });
      expect(decode(String(body['text']).split('.')[1]!)).toMatchObject({ iss: server.issuer, aud: clientId });
      for (const hint of [good, String(body['text'])]) {
        const query = new URLSearchParams({ response_type: 'code', client_id: clientId, redirect_uri: CALLBACK, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', id_token_hint: hint });
        const back = await new FormBrowser().open(`${server.issuer}/api/oauth/authorize?${query.toString()}`);
        expect(Object.fromEntries(new URL(back.url).searchParams)).toMatchObject({ error: 'invalid_request', iss: server.issuer });
        const logout = await new FormBrowser().open(`${server.issuer}/api/oauth/logout?${new URLSearchParams({ client_id: clientId, id_token_hint: hint }).toString()}`);
        expect({ status: logout.status, asks: logout.html.includes('sign-out-confirm') }).toEqual({ status: 400, asks: false });
      }
    });

    it('are refused as client assertions: an access token of that very client', async () => {
      const client = await registerKeyClient(server);
      const { body } = await post(server, '/api/oauth/token', {
        grant_type: 'client_credentials', client_assertion: await clientAssertion(server, client), client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      const answer = await post(server, '/api/oauth/token', {
        grant_type: 'client_credentials', client_assertion: String(body['access_token']), client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status: 401, error: 'invalid_client' });
    });
  });

  it('are refused at the API and at userinfo when they are for another audience, though they are alive', async () => {
    const admin = await bootstrapToken(server);
    const identifier = 'https://elsewhere.example/api';
    await call(server, 'POST', '/api/resources', { token: admin, body: { identifier, name: 'Elsewhere', scopes: ['agents:read'] } });
    const { clientId, clientSecret } = await registerClient(server, { grant_types: ['client_credentials'], scopes: ['agents:read'] });
    const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: identifier }, { basic: [clientId, clientSecret!] });
    expect(status).toBe(200);
    const { api, introspection, userinfo } = await answersTo(String(body['access_token']));
    expect({ api, introspection }).toEqual({ api: 401, introspection: true });
    expect([401, 403]).toContain(userinfo);
  });

  it('are refused once they were revoked, and what they were beside is not', async () => {
    const { accessToken } = await signIn(server, ADMIN, { scope: SCOPE });
    await post(server, '/api/oauth/revoke', { token: accessToken, client_id: firstPartyClient(server).clientId });
    expect(await answersTo(accessToken)).toEqual(REFUSED);
    expect(await answersTo(good)).toMatchObject({ api: 200 });
  });
});

describe('tokens that have expired', () => {
  it('are refused at the API, at userinfo and by introspection from that second on', async () => {
    const server = await startApplication({ LEGATE_ACCESS_TOKEN_TTL: '3' });
    try {
      const { accessToken } = await signIn(server, ADMIN, { scope: SCOPE });
      const { exp, iat } = decode(accessToken.split('.')[1]!) as { exp: number; iat: number };
      expect(exp - iat).toBe(3);
      await new Promise((resolve) => { setTimeout(resolve, exp * 1000 - Date.now() + 5); });
      expect((await call(server, 'GET', '/api/agents?limit=1', { token: accessToken })).status).toBe(401);
      expect(await introspect(server, accessToken)).toEqual({ active: false });
      expect((await call(server, 'GET', '/api/oauth/userinfo', { token: accessToken })).status).toBe(401);
    } finally {
      await server.stop();
    }
  });
});
