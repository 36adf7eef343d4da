/** Routes that the access guard never sees, each with the rule that stands in its place. Both lists are checked to be whole. */

export interface FrameworkRoute {
  readonly method: string;
  readonly path: string;
  readonly rule: string;
}

/** Told to the router without a controller. What stands below a path that ends with a slash is files alone. */
export const FRAMEWORK_ROUTES: readonly FrameworkRoute[] = [
  { method: 'GET', path: '/api/docs', rule: 'public' },
  { method: 'GET', path: '/api/docs/', rule: 'public' },
  { method: 'GET', path: '/api/openapi.json', rule: 'public' },
  { method: 'GET', path: '/metrics', rule: 'the metrics token' },
];

export function isFrameworkRoute(method: string, path: string): boolean {
  return FRAMEWORK_ROUTES.some((route) => route.method === method && (route.path === path || (route.path.endsWith('/') && path.startsWith(route.path))));
}

export interface ProtocolEndpoint {
  readonly methods: readonly string[];
  readonly path: string;
  readonly rule: string;
}

/** Answered by the protocol engine, before the router. */
export const PROTOCOL_ENDPOINTS: readonly ProtocolEndpoint[] = [
  { methods: ['GET'], path: '/.well-known/jwks.json', rule: 'public' },
  { methods: ['GET'], path: '/.well-known/oauth-authorization-server', rule: 'public' },
  { methods: ['GET'], path: '/.well-known/openid-configuration', rule: 'public' },
  { methods: ['GET'], path: '/api/.well-known/jwks.json', rule: 'public' },
  { methods: ['GET'], path: '/api/.well-known/openid-configuration', rule: 'public' },
  { methods: ['GET'], path: '/api/discovery', rule: 'public' },
  { methods: ['GET', 'POST'], path: '/api/oauth/authorize', rule: 'a browser, for a known client' },
  { methods: ['GET'], path: '/api/oauth/authorize/{uid}', rule: 'the browser that signed in' },
  { methods: ['POST'], path: '/api/oauth/introspect', rule: 'client authentication' },
  { methods: ['GET', 'POST'], path: '/api/oauth/logout', rule: 'a browser' },
  { methods: ['POST'], path: '/api/oauth/logout/confirm', rule: 'the browser that was asked' },
  { methods: ['GET'], path: '/api/oauth/logout/success', rule: 'a browser' },
  { methods: ['POST'], path: '/api/oauth/par', rule: 'client authentication' },
  { methods: ['POST'], path: '/api/oauth/revoke', rule: 'client authentication' },
  { methods: ['POST'], path: '/api/oauth/token', rule: 'client authentication' },
  { methods: ['GET', 'POST'], path: '/api/oauth/userinfo', rule: 'a token with openid' },
];
