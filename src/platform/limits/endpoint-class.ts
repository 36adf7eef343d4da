/** The kinds of request that have limits of their own. What a request costs, and whom it could harm, is much the same within one. */
export const ENDPOINT_CLASSES = ['token', 'verification', 'pages', 'registration', 'read', 'write'] as const;
export type EndpointClass = (typeof ENDPOINT_CLASSES)[number];

/** Whose requests are counted together. */
export type LimitedParty = 'source' | 'client' | 'user' | 'organization';

const BY_PATH: ReadonlyMap<string, EndpointClass> = new Map<string, EndpointClass>([
  ['/api/oauth/token', 'token'], ['/api/oauth/revoke', 'token'], ['/api/oauth/par', 'token'], ['/api/auth/login', 'token'], ['/api/auth/refresh', 'token'],
  ['/api/oauth/introspect', 'verification'], ['/api/oauth/userinfo', 'verification'], ['/api/oauth/verify', 'verification'],
  ['/api/oauth/verify-tool-access', 'verification'], ['/api/oauth/check_token_access', 'verification'], ['/api/oauth/agentinfo', 'verification'],
  ['/', 'pages'], ['/setup', 'pages'], ['/api/oauth/authorize', 'pages'], ['/api/oauth/logout', 'pages'],
  ['/api/agents/register', 'registration'], ['/api/agents/activate', 'registration'], ['/api/auth/register', 'registration'], ['/api/setup', 'registration'],
]);
const BY_PREFIX: readonly (readonly [string, EndpointClass])[] = [
  ['/api/oauth/authorize/', 'pages'], ['/api/oauth/interaction/', 'pages'], ['/api/oauth/logout/', 'pages'], ['/access/', 'verification'],
];
const PROBE = /^\/(health|metrics)(\/|$)/;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The class of a request; undefined for probes, which have no limits: whoever watches a server that is under attack has to reach it.
 *
 * @param path without its query
 */
export function endpointClass(method: string, path: string): EndpointClass | undefined {
  const known = BY_PATH.get(path);
  if (known) return known;
  for (const [prefix, kind] of BY_PREFIX) if (path.startsWith(prefix)) return kind;
  if (PROBE.test(path)) return undefined;
  return READING.has(method) ? 'read' : 'write';
}
