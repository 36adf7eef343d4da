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

  it('is nothing for most of what happens, above all for tokens that are issued', () => {
    expect(ENDING_TYPES).not.toContain('token.issued');
    expect(ENDING_TYPES).toContain('token.revoked');
    expect(endingOf({ type: 'token.issued', organization_id: HERE, target: { kind: 'access_token', id: 't' } })).toBeUndefined();
  });
});
