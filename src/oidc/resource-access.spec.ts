import fc from 'fast-check';
import { errors } from 'oidc-provider';
import { ScopeGraph } from '../kernel/scope-graph.js';
import { covers } from '../kernel/scope-set.js';
import type { ClientRecord } from '../modules/clients/clients.service.js';
import type { ResolvedResource, ResourcesService } from '../modules/resources/resources.service.js';
import { assertImpersonal, grantedScopes, refusedOidcScopes, resolveResource, withoutOidcScopes } from './resource-access.js';

const names = ScopeGraph.EMPTY;
const client = (scopes: string[], defaultScopes: string[] = []) => ({ scopes: new Set(scopes), defaultScopes: new Set(defaultScopes) }) as unknown as ClientRecord;
const resource = (...scopes: string[]) => ({ scopes: new Set(scopes) }) as unknown as ResolvedResource;

describe('the scopes of a request', () => {
  it('are those asked for, in their order', () => {
    expect(grantedScopes(names, client(['a:read', 'b:read', 'c:read']), resource('a:read', 'b:read', 'c:read'), ['c:read', 'a:read'])).toEqual(['c:read', 'a:read']);
  });

  it('are the client\'s defaults when it asks for none, as far as the resource has them', () => {
    expect(grantedScopes(names, client(['a:read', 'b:read'], ['b:read', 'z:read']), resource('a:read', 'b:read'), [])).toEqual(['b:read']);
  });

  it('are all that the client may have there when it has no defaults', () => {
    expect(grantedScopes(names, client(['a:read', 'b:read', 'x:read']), resource('a:read', 'b:read', 'c:read'), [])).toEqual(['a:read', 'b:read']);
  });

  it.each([
    ['beyond the client', ['b:read']], ['beyond the resource', ['c:read']], ['beyond both', ['nothing:known']], ['one of them beyond', ['a:read', 'b:read']],
    ['wider than what the client has', ['calendar:read']], ['a bare resource', ['calendar']],
  ])('are refused when they are %s: nothing is dropped in silence', (_name, requested) => {
    expect(() => grantedScopes(names, client(['a:read', 'c:read', 'calendar:read:freebusy']), resource('a:read', 'b:read', 'calendar:read'), requested)).toThrow(errors.InvalidScope);
  });

  it('may be narrower than what the client has', () => {
    expect(grantedScopes(names, client(['calendar:read']), resource('calendar:read'), ['calendar:read:freebusy'])).toEqual(['calendar:read:freebusy']);
  });

  it('never go beyond what both the client and the resource cover', () => {
    const scope = fc.constantFrom('a:read', 'a:read:x', 'a:write', 'b:read', 'b:read:y', 'b');
    const scopes = fc.uniqueArray(scope, { maxLength: 5 });
    fc.assert(fc.property(scopes, scopes, scopes, scopes, (held, defaults, offered, requested) => {
      const [asker, target] = [client(held, defaults), resource(...offered)];
      let granted: string[];
      try {
        granted = grantedScopes(names, asker, target, requested);
      } catch (error) {
        return error instanceof errors.InvalidScope && requested.some((name) => !covers(asker.scopes, name) || !covers(target.scopes, name));
      }
      return granted.every((name) => covers(asker.scopes, name) && covers(target.scopes, name)) && (requested.length === 0 || granted.length === requested.length);
    }));
  });
});

describe('scopes that only a person may grant', () => {
  const graph = new ScopeGraph(new Map([['pay:all', ['pay:send']]]), new Set(), { requiringApproval: new Set(['pay:send']) });

  it('are refused by name to a client that speaks for itself', () => {
    expect(() => assertImpersonal(graph, ['pay:read', 'pay:send:eu', 'pay:all'])).toThrow(expect.objectContaining({ error: 'invalid_scope', scope: 'pay:send:eu pay:all' }));
    assertImpersonal(graph, ['pay:read']);
  });

  it('may be asked of a person', () => {
    expect(grantedScopes(graph, client(['pay:all']), resource('pay:send'), ['pay:send'])).toEqual(['pay:send']);
  });
});

describe('the scopes of OpenID Connect', () => {
  it('are kept apart from what a client may do', () => {
    expect(withoutOidcScopes(['openid', 'a:read', 'profile', 'email', 'offline_access', 'address'])).toEqual(['a:read', 'address']);
  });

  it('are refused to a client that is not registered for them', () => {
    expect(refusedOidcScopes(client(['openid', 'a:read']), ['openid', 'email', 'offline_access', 'b:read'])).toEqual(['email', 'offline_access']);
  });
});

describe('the resource of a request (RFC 8707)', () => {
  const resources = (found: ResolvedResource | undefined) => {
    const asked: unknown[][] = [];
    const resolve = (...of: unknown[]) => { asked.push(of); return Promise.resolve(found); };
    return { asked, service: { resolve, peek: () => undefined } as unknown as ResourcesService };
  };

  it('is looked for in the client\'s organization', async () => {
    const api = resource('a:read');
    const { service, asked } = resources(api);
    await expect(resolveResource(service, { organizationId: 'o-1' } as never, 'https://api.example')).resolves.toBe(api);
    expect(asked).toEqual([['https://api.example', 'o-1']]);
  });

  it('is looked for in no organization when the client belongs to none', async () => {
    const { service, asked } = resources(resource());
    await resolveResource(service, { organizationId: null } as never, 'https://api.example');
    expect(asked).toEqual([['https://api.example', '00000000-0000-0000-0000-000000000000']]);
  });

  it('is refused when the client cannot know it', async () => {
    await expect(resolveResource(resources(undefined).service, { organizationId: 'o-1' } as never, 'https://elsewhere.example')).rejects.toThrow(errors.InvalidTarget);
  });
});
