import type { ApplicationType } from './client.entity.js';

const LONGEST = 2048;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
/** RFC 3986 section 2: everything a URI may hold; `%` only before two hexadecimal digits. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()+,;=]|%[0-9A-Fa-f]{2})+$/;

/**
 * What is wrong with a redirect URI, to follow the URI in a sentence, or undefined when nothing is. URIs are compared
 * character by character later (RFC 9700 section 2.1), so nothing is allowed that two parsers read in two ways.
 *
 * - https, with any host;
 * - http, with a loopback host only (RFC 8252 section 7.3);
 * - for native applications also a private-use scheme that is a reversed domain name (RFC 8252 section 7.1).
 */
export function redirectUriProblem(uri: string, applicationType: ApplicationType): string | undefined {
  if (uri.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (uri.includes('*')) return 'has a wildcard; list every URI';
  if (!URI_CHARACTERS.test(uri)) return 'has characters that a URI does not have; percent-encode them';
  if (uri.includes('#')) return 'has a fragment';
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1];
  if (!scheme || !URL.canParse(uri)) return 'is not an absolute URI';
  if (/%(?:00|0a|0d|2e|5c)/i.test(uri)) return 'has percent-encoded dots, backslashes or control characters';
  if (/(^|\/)\.{1,2}(\/|$)/.test(pathOf(uri))) return 'has dot segments';
  return scheme.includes('.') ? privateUseProblem(uri, scheme, applicationType) : webProblem(uri, applicationType);
}

function webProblem(uri: string, applicationType: ApplicationType): string | undefined {
  const { protocol, hostname, username, password } = new URL(uri);
  if (protocol !== 'https:' && protocol !== 'http:') {
    return applicationType === 'native'
      ? 'must use https, http on a loopback address, or a private-use scheme with a dot in it, such as com.example.app'
      : 'must use https, or http on a loopback address';
  }
  const authority = /^https?:\/\/([^/?]*)/i.exec(uri)?.[1];
  if (!authority) return 'has no host';
  if (username !== '' || password !== '' || authority.includes('@')) return 'has user information';
  // The parser turns numbers, encoded letters and full stops of other scripts into hosts; what people read must be the host.
  if (!authority.toLowerCase().replace(/:\d*$/, '').startsWith(hostname) || authority.replace(/:\d*$/, '').length !== hostname.length) {
    return 'must spell its host plainly';
  }
  if (hostname.endsWith('.')) return 'has a dot at the end of its host';
  const isLoopback = LOOPBACK.has(hostname);
  if (protocol === 'http:' && !isLoopback) return 'uses http, which only a loopback address may';
  if (protocol === 'https:' && isLoopback && applicationType === 'native') return 'uses https on a loopback address, where a native application uses http';
  return undefined;
}

function privateUseProblem(uri: string, scheme: string, applicationType: ApplicationType): string | undefined {
  if (applicationType !== 'native') return 'uses a private-use scheme, which only a native application may (application_type native)';
  if (!/^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+$/.test(scheme)) return 'must use a scheme that is a domain name of yours, reversed and in lower case, such as com.example.app';
  if (/^[^:]+:\/\/[^/?]*@/.test(uri)) return 'has user information';
  return undefined;
}

/** The path as it is written; a URL object would already have resolved its dot segments. */
function pathOf(uri: string): string {
  return uri.replace(/[?#].*$/s, '').replace(/^[^:]+:(\/\/[^/]*)?/, '');
}
