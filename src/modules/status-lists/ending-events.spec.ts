import { ENDING_TYPES, endingOf } from './ending-events.js';

const HERE = 'organization';

describe('what an event means for tokens', () => {
  it('is that what it is about has ended, or come back, in the organization whose log tells of it', () => {
    expect(endingOf({ type: 'agent.suspended', organization_id: HERE, target: { kind: 'agent', id: 'a' } })).toEqual({ kind: 'agent', id: 'a', organizationId: HERE });
    expect(endingOf({ type: 'agent.resumed', organization_id: HERE, target: { kind: 'agent', id: 'a' } })).toEqual({ kind: 'agent', id: 'a', organizationId: HERE });
    expect(endingOf({ type: 'membership.removed', organization_id: HERE, target: { kind: 'user', id: 'u' } })).toEqual({ kind: 'user', id: 'u', organizationId: HERE });
  });

  it('is looked for everywhere where the log does not tell where', () => {
    expect(endingOf({ type: 'user.disabled', organization_id: HERE, target: { kind: 'user', id: 'u' } })).toEqual({ kind: 'user', id: 'u', organizationId: null });
    expect(endingOf({ type: 'client.deleted', organization_id: HERE, target: { kind: 'client', id: 'c' } })).toEqual({ kind: 'client', id: 'c', organizationId: null });
  });

  it('is nothing when an organization is renamed, and all of its tokens when it is suspended', () => {
    const updated = (changed: string[]) => endingOf({ type: 'organization.updated', organization_id: HERE, target: { kind: 'organization', id: 'o' }, details: { changed } });
    expect(updated(['name'])).toBeUndefined();
    expect(updated(['name', 'status'])).toEqual({ kind: 'organization', id: 'o', organizationId: 'o' });
  });

  it('is what a kill switch was used on; where that is nowhere named, all tokens of the organization, or all there are', () => {
    const used = (kind: string, organization: string | null, target?: { kind: string; id: string }) => endingOf({ type: 'kill_switch.used', organization_id: organization, target, details: { switch: kind } });
    expect(used('agent', HERE, { kind: 'agent', id: 'a' })).toEqual({ kind: 'agent', id: 'a', organizationId: HERE });
    expect(used('task', HERE, { kind: 'task', id: 't' })).toEqual({ kind: 'task', id: 't', organizationId: HERE });
    expect(used('user', HERE, { kind: 'user', id: 'u' })).toEqual({ kind: 'user', id: 'u', organizationId: null });
    expect(used('organization', HERE, { kind: 'organization', id: HERE })).toEqual({ kind: 'organization', id: HERE, organizationId: HERE });
    expect(used('issued_before', HERE, { kind: 'client', id: 'c' })).toEqual({ kind: 'organization', id: HERE, organizationId: HERE });
    expect(used('issued_before', null)).toEqual({ kind: 'everything', id: '', organizationId: null });
    expect(endingOf({ type: 'tokens.revoked', organization_id: HERE })).toEqual({ kind: 'organization', id: HERE, organizationId: HERE });
    expect(endingOf({ type: 'key.revoked', organization_id: null, target: { kind: 'signing_key', id: 'k' } })).toEqual({ kind: 'everything', id: '', organizationId: null });
  });

  it('is nothing for most of what happens, above all for tokens that are issued', () => {
    expect(ENDING_TYPES).not.toContain('token.issued');
    expect(ENDING_TYPES).toContain('token.revoked');
    expect(endingOf({ type: 'token.issued', organization_id: HERE, target: { kind: 'access_token', id: 't' } })).toBeUndefined();
  });
});
