import { newNonce, pageHeaders } from './page-headers.js';

describe('page headers', () => {
  it('forbid framing, referrers, sniffing, caching and everything that a page does not need', () => {
    expect(pageHeaders('abc')).toEqual({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'nonce-abc'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
  });

  it('admit a script, and requests to this server, only when asked', () => {
    expect(pageHeaders('abc', { allowScript: true })['content-security-policy']).toContain("script-src 'nonce-abc'; connect-src 'self'");
    expect(pageHeaders('abc')['content-security-policy']).not.toMatch(/script-src|connect-src/);
  });

  it('name the origins that a form may end at, or leave them open where the answer leads on to a client', () => {
    expect(pageHeaders('abc', { formActionOrigins: ['https://atlas.example'] })['content-security-policy']).toContain("form-action 'self' https://atlas.example;");
    expect(pageHeaders('abc', { formActionOrigins: 'any' })['content-security-policy']).not.toContain('form-action');
  });

  it('carry a nonce that is never the same and fits the header', () => {
    const nonces = Array.from({ length: 100 }, newNonce);
    expect(new Set(nonces).size).toBe(100);
    for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });
});
