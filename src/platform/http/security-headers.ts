import type { SecurityHeadersOptions } from '@nestjs/common';
import type { Config } from '../config/config.js';

const TWO_YEARS = 2 * 365 * 24 * 3600;

/** HSTS (RFC 6797), for answers under https. Subdomains are not ours to promise anything for. */
export const STRICT_TRANSPORT = `max-age=${TWO_YEARS}`;

/**
 * The headers of everything that Nest serves. Its answers are data, so their policy allows a browser nothing at all, should one
 * ever be made to show them as a page. The protocol's own pages set theirs.
 */
export function securityHeaders(config: Pick<Config, 'issuer'>): SecurityHeadersOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"], 'base-uri': ["'none'"], 'form-action': ["'none'"] },
    },
    // The same as STRICT_TRANSPORT.
    strictTransportSecurity: config.issuer.startsWith('https:') ? { maxAge: TWO_YEARS, includeSubDomains: false } : false,
    // A client may open the sign-in page in a window of its own and wait there for the answer: cutting the two apart would break it.
    crossOriginOpenerPolicy: false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  };
}

/**
 * What the API browser (Swagger UI) needs beyond that: its own scripts and styles from this server, styles set by its script,
 * its icons as data, and requests to this server, whose origin is the issuer's.
 *
 * @param path of the request, without its query
 */
export function documentationHeaders(path: string, config: Pick<Config, 'issuer'>): Record<string, string> {
  return {
    'content-security-policy': [
      "default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", `connect-src 'self' ${config.issuer}`,
      "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
    ].join('; '),
    // The sign-in window hands its result to the page that opened it; a stricter policy would cut the two apart.
    'cross-origin-opener-policy': path.endsWith('/oauth2-redirect.html') ? 'unsafe-none' : 'same-origin-allow-popups',
  };
}
