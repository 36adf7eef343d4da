import { errors } from 'oidc-provider';
import { useClock } from '../kernel/clock.js';
import { assertAssertionAudience } from './client-assertion.js';

const ISSUER = 'https://issuer.example';
const AT = 1_900_000_000;

describe('what we ask of a client assertion beyond the library', () => {
  let restoreClock: () => void;
  beforeEach(() => { restoreClock = useClock({ now: () => AT * 1000 }); });
  afterEach(() => restoreClock());

  const check = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
    assertAssertionAudience(ISSUER)({} as never, { aud: ISSUER, iat: AT, exp: AT + 60, ...claims }, { alg: 'ES256', ...header }, {} as never);

  it.each<[string, Record<string, unknown>]>([
    ['it is for the issuer and short', {}],
    ['it lives for five minutes', { exp: AT + 300 }],
    ['the client\'s clock is a little ahead', { iat: AT + 10, exp: AT + 310 }],
    ['it does not say when it was made', { iat: undefined }],
  ])('takes it when %s', async (_name, claims) => {
    await expect(check(claims)).resolves.toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ['the token endpoint', { aud: `${ISSUER}/api/oauth/token` }],
    ['a list, be it of the issuer alone', { aud: [ISSUER] }],
    ['another server', { aud: 'https://elsewhere.example' }],
    ['the issuer with a slash', { aud: `${ISSUER}/` }],
    ['nobody', { aud: undefined }],
  ])('refuses one for %s', async (_name, claims) => {
    await expect(check(claims)).rejects.toThrow(errors.InvalidClientAuth);
  });

  it.each<[string, Record<string, unknown>]>([
    ['lives for longer', { exp: AT + 316 }],
    ['lives for a year and does not say since when', { iat: undefined, exp: AT + 31_536_000 }],
    ['was made next year', { iat: AT + 31_536_000, exp: AT + 31_536_060 }],
    ['never ends', { exp: undefined }],
    ['ends at a text', { exp: String(AT + 60) }],
  ])('refuses one that %s', async (_name, claims) => {
    await expect(check(claims)).rejects.toThrow(errors.InvalidClientAuth);
  });

  it.each(['JWT', 'jwt', 'client-authentication+jwt', 'application/client-authentication+jwt', undefined])('takes the kind %s', async (typ) => {
    await expect(check({}, { typ })).resolves.toBeUndefined();
  });

  it.each(['oauth-authz-req+jwt', 'dpop+jwt', 'at+jwt', 'logout+jwt', '', 7, null])('does not take a JWT of the kind %j for one', async (typ) => {
    await expect(check({}, { typ })).rejects.toThrow(errors.InvalidClientAuth);
  });
});
