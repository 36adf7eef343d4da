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

const PAGE = ['GET', 'HEAD'] as const;
const DOCUMENT = ['GET', 'HEAD', 'OPTIONS'] as const;
const CALL = ['POST', 'OPTIONS'] as const;

/** The methods that the library answers on each path; those that scripts of other origins may call take preflights. */
const METHODS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  [DISCOVERY, DOCUMENT], ['/.well-known/oauth-authorization-server', DOCUMENT], [PROTOCOL_ROUTES.jwks, DOCUMENT],
  [PROTOCOL_ROUTES.token, CALL], [PROTOCOL_ROUTES.introspection, CALL], [PROTOCOL_ROUTES.revocation, CALL], [PROTOCOL_ROUTES.pushed_authorization_request, CALL],
  [PROTOCOL_ROUTES.userinfo, ['GET', 'HEAD', 'POST', 'OPTIONS']],
  [PROTOCOL_ROUTES.authorization, PAGE], [PROTOCOL_ROUTES.end_session, PAGE], [`${PROTOCOL_ROUTES.end_session}/success`, PAGE], [`${PROTOCOL_ROUTES.end_session}/confirm`, ['POST']],
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
  readonly methods: readonly string[];
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
  const methods = METHODS.get(target);
  if (methods) return { path: target, isBackChannel: BACK_CHANNEL.has(target), methods };
  return RESUME.test(normal) ? { path: `${PROTOCOL_ROUTES.authorization}${normal.slice(PROTOCOL_ROUTES.authorization.length)}`, isBackChannel: false, methods: PAGE } : undefined;
}
