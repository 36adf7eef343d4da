/** Protocol endpoints by path, without `/api/oauth/`. */
const PROTOCOL = new Set(['authorize', 'token', 'introspect', 'revoke', 'par', 'device', 'ciba', 'register', 'userinfo', 'logout', 'interaction']);
/** First segments below `/api` that stand for one group of routes each. */
const RESOURCES = new Set([
  'agents', 'auth', 'tools', 'scopes', 'resources', 'policies', 'users', 'organizations', 'delegations', 'tasks', 'oauth', 'approvals', 'admin', 'clients', 'keys',
  'tokens', 'audit', 'stats', 'demo', 'setup',
]);
const WELL_KNOWN = new Map([
  ['openid-configuration', 'discovery'], ['oauth-authorization-server', 'discovery'], ['jwks.json', 'jwks'], ['authzen-configuration', 'decisions'], ['ssf-configuration', 'signals'],
]);

/**
 * The kind of endpoint a path belongs to, out of a closed list, for labels of metrics: whatever clients ask for, the number of
 * time series stays the same.
 */
export function routeClass(path: string): string {
  const segments = path.toLowerCase().split('/', 5);
  const [, first = '', second = '', third = ''] = segments;
  switch (first) {
    case 'api':
      if (second === 'oauth') return PROTOCOL.has(third) ? third : 'api/oauth';
      if (second === '.well-known') return WELL_KNOWN.get(third) ?? 'other';
      if (second === 'discovery') return 'discovery';
      if (second === 'docs' || second === 'openapi.json') return 'docs';
      return RESOURCES.has(second) ? `api/${second}` : 'other';
    case '.well-known': return WELL_KNOWN.get(second) ?? 'other';
    case 'health': case 'metrics': return 'probe';
    case 'access': return 'decisions';
    case 'ssf': return 'signals';
    case '': case 'setup': return 'pages';
    default: return 'other';
  }
}
