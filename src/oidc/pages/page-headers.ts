import { randomBytes } from 'node:crypto';

/** A fresh value for the `nonce` of a page's one style (and, on `/setup`, one script): 128 random bits. */
export function newNonce(): string {
  return randomBytes(16).toString('base64url');
}

export interface PageHeaderOptions {
  /**
   * Origins besides our own that a form may end at; none unless given.
   *
   * `'any'` leaves `form-action` out, for the forms whose answer leads on to a client: sign-in, consent, sign-out.
   * Chromium applies the directive to every redirect that follows a POST, not only to the form's action, and a client's
   * callback commonly redirects once more, to an origin nobody registered (api.example → app.example). Naming only the
   * redirect URI's origin would end such sign-ins on a page that seems to do nothing. The directive guards against
   * injected forms; on these pages that rests on escaped output and on there being no script.
   */
  readonly formActionOrigins?: readonly string[] | 'any';
  /** Admits the page's one script, and requests from it to this server. Only `/setup` has one. */
  readonly allowScript?: boolean;
}

/**
 * The headers of every HTML page.
 *
 * `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with the forms, so whoever receives them must rely on
 * the CSRF token and may use `Sec-Fetch-Site`, but not `Origin`.
 *
 * @param nonce the one given to `Pages`; see {@link newNonce}
 */
export function pageHeaders(nonce: string, { formActionOrigins = [], allowScript = false }: PageHeaderOptions = {}): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    // No https: here: a client's logo on a third host would tell that host who signs in, where and when.
    "img-src 'self' data:",
    ...(allowScript ? [`script-src 'nonce-${nonce}'`, "connect-src 'self'"] : []),
    ...(formActionOrigins === 'any' ? [] : [`form-action ${["'self'", ...formActionOrigins].join(' ')}`]),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}
