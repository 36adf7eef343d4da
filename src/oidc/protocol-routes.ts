/** Where the protocol lives. Clients find these through discovery; the dispatcher finds them here. */
export const PROTOCOL_ROUTES = {
  authorization: '/api/oauth/authorize',
  token: '/api/oauth/token',
  introspection: '/api/oauth/introspect',
  revocation: '/api/oauth/revoke',
  pushed_authorization_request: '/api/oauth/par',
  userinfo: '/api/oauth/userinfo',
  end_session: '/api/oauth/logout',
  jwks: '/api/.well-known/jwks.json',
} as const;

export const INTERACTION_PATH = '/api/oauth/interaction';

const DISCOVERY = '/.well-known/openid-configuration';
const ALIASES: Readonly<Record<string, string>> = {
  '/api/.well-known/openid-configuration': DISCOVERY,
  '/api/discovery': DISCOVERY,
  '/.well-known/jwks.json': PROTOCOL_ROUTES.jwks,
};

const EXACT = new Set<string>([
  ...Object.values(PROTOCOL_ROUTES), DISCOVERY, '/.well-known/oauth-authorization-server',
  `${PROTOCOL_ROUTES.end_session}/confirm`, `${PROTOCOL_ROUTES.end_session}/success`,
]);

/** Routes that machines call: they answer JSON, whatever the Accept header says. */
const BACK_CHANNEL = new Set<string>([
  PROTOCOL_ROUTES.token, PROTOCOL_ROUTES.introspection, PROTOCOL_ROUTES.revocation, PROTOCOL_ROUTES.pushed_authorization_request, PROTOCOL_ROUTES.userinfo,
]);

const RESUME = new RegExp(`^${PROTOCOL_ROUTES.authorization}/[\\w-]{1,64}$`, 'i');

export interface ProtocolTarget {
  /** The path under which the library knows the route. */
  readonly path: string;
  readonly isBackChannel: boolean;
}

/**
 * Is this a request for the protocol? The library's router ignores case and a trailing slash, so this does too: what one
 * of them took for its own and the other did not would slip past the checks of both.
 */
export function protocolTarget(url: string): ProtocolTarget | undefined {
  const [path = ''] = url.split('?', 1);
  const normal = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  const lower = normal.toLowerCase();
  const target = ALIASES[lower] ?? lower;
  if (EXACT.has(target)) return { path: target, isBackChannel: BACK_CHANNEL.has(target) };
  return RESUME.test(normal) ? { path: `${PROTOCOL_ROUTES.authorization}${normal.slice(PROTOCOL_ROUTES.authorization.length)}`, isBackChannel: false } : undefined;
}
