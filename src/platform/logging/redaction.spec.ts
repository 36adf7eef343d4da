import fc from 'fast-check';
import { isSecretName, redactFields, redactText } from './redaction.js';

const CLIENT_SECRET = 'lgt_client_AbCdEf123456_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ';
const JWT = 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

describe('a name', () => {
  it.each([
    'authorization', 'Authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'client_secret', 'clientSecret', 'password', 'new_password', 'token', 'access_token',
    'refreshToken', 'id_token_hint', 'subject_token', 'code', 'code_verifier', 'device_code', 'user_code', 'assertion', 'client_assertion', 'dpop', 'DPoP', 'api_key',
    'x-api-key', 'registration_token', 'registration_access_token', 'secret', 'LEGATE_BOOTSTRAP_CLIENT_SECRET', 'master_key', 'private_key', 'csrf_token', 'otp', 'recovery_codes',
  ])('%s holds a secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(['token_id', 'token_type', 'parent_token_id', 'token_endpoint', 'secret_id', 'client_id', 'code_challenge_method', 'error_code', 'status_code', 'keys', 'message', 'grant_type'])('%s holds none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});

describe('logged fields', () => {
  it('hide secrets at any depth, in lists and maps, whatever their type', () => {
    expect(redactFields({
      a: { b: [{ client_secret: 's' }, { headers: new Map([['authorization', 'Bearer x']]) }] }, password: ['a', 'b'], otp: 123456, token: { jti: 'x' }, has_password: true, secret: null,
    })).toEqual({
      a: { b: [{ client_secret: '[hidden]' }, { headers: { authorization: '[hidden]' } }] }, password: '[hidden]', otp: '[hidden]', token: '[hidden]', has_password: true, secret: null,
    });
  });

  it('hide the private members of a key and show the public ones', () => {
    expect(redactFields({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'private', kid: '1' } })).toEqual({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: '[hidden]', kid: '1' } });
  });

  it('show the codes of errors and hide authorization codes', () => {
    expect(redactFields({ a: { code: 'ECONNREFUSED' }, b: { code: '57P01' }, c: { code: 'SplxlOBeZQQYbYS6WxSbIA' }, err: Object.assign(new Error('x'), { code: 'invalid_cursor' }) }))
      .toMatchObject({ a: { code: 'ECONNREFUSED' }, b: { code: '57P01' }, c: { code: '[hidden]' }, err: { code: 'invalid_cursor' } });
  });

  it('tell what went wrong with its causes, but not the parameters of a query', () => {
    const driverError = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email) exists' });
    const error = Object.assign(new Error('query failed'), { query: 'insert into users values ($1)', parameters: ['hunter2'], driverError });
    const { err } = redactFields({ err: error });
    expect(err).toMatchObject({ message: 'query failed', query: 'insert into users values ($1)', cause: { message: 'duplicate key', code: '23505' } });
    expect(JSON.stringify(err)).not.toContain('hunter2');
  });

  it('are bounded and survive cycles', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    const { big, long, wide, deep, ...rest } = redactFields({
      loop, big: 10n, long: 'x'.repeat(10_000), wide: Array.from({ length: 500 }, (_, index) => index), bytes: Buffer.from('secret'), never: () => 1,
      deep: JSON.parse('{"a":'.repeat(20) + '1' + '}'.repeat(20)) as object,
    });
    expect(rest).toEqual({ loop: { name: 'loop', self: '[circular]' }, bytes: '[6 bytes]', never: undefined });
    expect(big).toBe('10');
    expect((long as string).length).toBeLessThan(8300);
    expect(wide).toHaveLength(101);
    expect(JSON.stringify(deep)).toContain('[deeper]');
  });

  it('never show what stands under a secret name, wherever it stands', () => {
    const secret = 'n0t-for-anybodys-eyes';
    const structure = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 6 }, fc.constant({ client_secret: secret }), fc.constant({ nested: [{ Authorization: secret }] }), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }), fc.jsonValue()),
    })).value;
    fc.assert(fc.property(structure, (value) => {
      expect(JSON.stringify(redactFields({ value }))).not.toContain(secret);
    }));
  });
});

describe('logged text', () => {
  it.each([
    ['a machine secret, but not by what it is recognised', `refused ${CLIENT_SECRET}!`, 'refused lgt_client_AbCdEf123456_[hidden]!'],
    ['a mistyped machine secret', 'refused lgt_registration_abc', 'refused lgt_registration_[hidden]'],
    ['a signed JWT', `token ${JWT} expired`, 'token [hidden] expired'],
    ['an encrypted JWT', `token eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn end`, 'token [hidden] end'],
    ['parameters of a URL', 'GET /cb?code=abc&state=1&access_token=x', 'GET /cb?code=[hidden]&state=1&access_token=[hidden]'],
    ['parameters of a form', 'body client_id=a&client_secret=b', 'body client_id=a&client_secret=[hidden]'],
    ['credentials in a header', 'Authorization: Basic Y2xpZW50OnNlY3JldC1zZWNyZXQ=', 'Authorization: Basic [hidden]'],
    ['opaque bearer tokens', 'sent Bearer 0123456789abcdef0123', 'sent Bearer [hidden]'],
    ['the password of a connection URL', 'connect postgres://legate:hunter2@db:5432/x failed', 'connect postgres://legate:[hidden]@db:5432/x failed'],
    ['what stands at the start of an escaped line', String.raw`{"message":"x\ncode=abc\nBearer 0123456789abcdef0123\n${JWT}"}`, String.raw`{"message":"x\ncode=[hidden]\nBearer [hidden]\n[hidden]"}`],
    ['a private key', 'key -----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY----- end', 'key [hidden] end'],
    ['JSON quoted in a line of JSON', String.raw`{"message":"bad {\"password\":\"hunter2\",\"a\":\"b\"}"}`, String.raw`{"message":"bad {\"password\":\"[hidden]\",\"a\":\"b\"}"}`],
  ])('hides %s', (_, text, shown) => {
    expect(redactText(text)).toBe(shown);
  });

  it.each(['grant_type=client_credentials', 'a basic authentication failed', 'https://example.com:8443/x', 'token_id=019ac', 'Bearer tokens are welcome'])('leaves "%s" alone', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('leaves a line of JSON valid', () => {
    fc.assert(fc.property(fc.string(), fc.constantFrom(CLIENT_SECRET, JWT, '?code=', 'Bearer ', '\\"password\\":\\"', '-----BEGIN PRIVATE KEY-----', 'a://b:c@'), fc.string(), (before, middle, after) => {
      const line = JSON.stringify({ message: before + middle + after, other: { message: JSON.stringify({ password: before, b: after }) } });
      expect(typeof JSON.parse(redactText(line))).toBe('object');
    }), { numRuns: 2000 });
  });

  it('takes time in proportion to its length', () => {
    for (const attack of ['eyJ', 'a=', 'a://b', 'Bearer ', 'lgt_a_', '-----BEGIN PRIVATE KEY-----', '\\"ab\\":\\"', '\\n', 'x'.repeat(50), '-----BEGIN ']) {
      const started = performance.now();
      redactText(attack.repeat(100_000 / attack.length));
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});
