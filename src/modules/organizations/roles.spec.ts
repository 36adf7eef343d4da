import type { OrganizationId } from '../../kernel/ids.js';
import type { Caller, Role } from '../../platform/http/caller.js';
import { assertMayActOn, assertMayHandOut } from './role-ceiling.js';
import { API_SCOPES, ROLES, scopesOfRole, standingOf } from './roles.js';

const caller = (changes: Partial<Caller>): Caller => ({
  kind: 'user', subject: 'somebody', clientId: 'console', organizationId: 'here' as OrganizationId, role: 'owner',
  scopes: scopesOfRole('owner'), isPlatformAdministrator: false, tokenId: 'token', ...changes,
});

function outcome(act: () => void): string {
  try {
    act();
    return 'allowed';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('roles', () => {
  it('say in one sentence what each scope allows', () => {
    for (const [name, sentence] of Object.entries(API_SCOPES)) {
      // Those of shared signals have the names that their standard gives them.
      expect(name).toMatch(/^([a-z]+:[a-z]+|ssf\.(read|manage))$/);
      expect(sentence).toMatch(/^[A-Z][^.]+\.$/);
    }
  });

  it('hold every scope as owner and admin', () => {
    expect([...scopesOfRole('owner')]).toEqual(Object.keys(API_SCOPES));
    expect(scopesOfRole('admin')).toEqual(scopesOfRole('owner'));
  });

  it('hold as member nothing that changes what others share', () => {
    expect([...scopesOfRole('member')].sort()).toEqual([
      'agents:read', 'agents:write', 'approvals:decide', 'approvals:read', 'delegations:read', 'delegations:write', 'organizations:read', 'resources:read',
      'scopes:read', 'tasks:read', 'tasks:write', 'tokens:read', 'tokens:revoke', 'tools:read', 'users:read',
    ]);
  });
});

describe('the ceiling', () => {
  it.each<[Role, string[]]>([
    ['owner', ['allowed', 'allowed', 'allowed']],
    ['admin', ['role_above_own', 'allowed', 'allowed']],
    ['member', ['role_above_own', 'role_above_own', 'allowed']],
  ])('of a person who is %s is their own role', (role, expected) => {
    const person = caller({ role, scopes: scopesOfRole('owner') });
    expect(ROLES.map((other) => outcome(() => assertMayActOn(person, other)))).toEqual(expected);
    expect(ROLES.map((other) => outcome(() => assertMayHandOut(person, other)))).toEqual(expected);
  });

  it.each(['client', 'agent'] as const)('of a %s is admin, whatever its scopes', (kind) => {
    expect(standingOf(caller({ kind, role: undefined }))).toBe('admin');
    expect(outcome(() => assertMayHandOut(caller({ kind, role: undefined }), 'owner'))).toBe('role_above_own');
    expect(outcome(() => assertMayHandOut(caller({ kind, role: undefined }), 'admin'))).toBe('allowed');
  });

  it('lets a narrow token admit members but hand out no role that brings more than it carries', () => {
    const narrow = caller({ scopes: new Set(['users:write', 'organizations:write']) });
    expect(ROLES.map((role) => outcome(() => assertMayHandOut(narrow, role)))).toEqual(['role_beyond_scopes', 'role_beyond_scopes', 'allowed']);
    expect(ROLES.map((role) => outcome(() => assertMayActOn(narrow, role)))).toEqual(['allowed', 'allowed', 'allowed']);
  });

  it('of a platform administrator is owner, wherever they are a mere member', () => {
    expect(outcome(() => assertMayHandOut(caller({ role: 'member', isPlatformAdministrator: true }), 'owner'))).toBe('allowed');
  });
});
