import { auditEventEntries, type AuditEventType } from '../audit/audit-catalogue.js';
import type { LoggedEvent } from '../audit/logged-event.js';
import { MOST_ALONE, securityEvents, SESSION_REVOKED, signalsOf, SIGNALLED_TYPES, TOKEN_CLAIMS_CHANGE, TOKENS_PER_SET } from './signal-events.js';

const ISSUER = 'https://legate.example';
const ORGANIZATION = '01990000-0000-7000-8000-000000000001';
const THING = '01990000-0000-7000-8000-000000000002';
const PERSON = '01990000-0000-7000-8000-000000000003';

function event(type: AuditEventType, more: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    sequence: 7, id: '01990000-0000-7000-8000-0000000000aa', time: '2026-01-02T03:04:05.678Z', type, outcome: 'success', organization_id: ORGANIZATION, actor: { kind: 'user', id: PERSON },
    target: { kind: 'thing', id: THING }, details: { ended: { tokens: 3 }, former_status: 'active', client_id: 'client', agent_id: 'agent', scope: 'a', scopes: ['a', 'b'], changed: ['scopes', 'status'], status: 'suspended', role: 'member' }, ...more,
  };
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `token-${index}`);

describe('what an event of the log tells receivers', () => {
  it('is something for every event by which something that was alive ended', () => {
    const ending = Object.entries(auditEventEntries).filter(([, { details }]) => details !== undefined && Object.keys(details).some((member) => member.startsWith('ended')) && !('file' in details)).map(([type]) => type as AuditEventType);
    expect(ending.length).toBeGreaterThan(7);
    expect(ending.filter((type) => !signalsOf(event(type, { subject: PERSON }), ISSUER).some((signal) => signal.event === SESSION_REVOKED))).toEqual([]);
  });

  it('is nothing for all others, and for what was refused', () => {
    const others = (Object.keys(auditEventEntries) as AuditEventType[]).filter((type) => !SIGNALLED_TYPES.includes(type));
    expect(others.flatMap((type) => signalsOf(event(type), ISSUER))).toEqual([]);
    expect(signalsOf(event('token.revoked', { outcome: 'refused' }), ISSUER)).toEqual([]);
  });

  it('is a change of claims beside the end of the tokens, when a person agrees to less', () => {
    const signals = signalsOf(event('consent.revoked', { subject: PERSON, reason: 'narrowed' }), ISSUER);
    const subject = { format: 'complex', user: { format: 'iss_sub', iss: ISSUER, sub: PERSON }, application: { format: 'opaque', id: 'client' } };
    const told = { event_timestamp: 1767323045, initiating_entity: 'user', reason_admin: { en: 'A consent ended. (narrowed)' } };
    expect(signals).toEqual([
      { event: SESSION_REVOKED, subject, members: told, endedBy: { kind: 'consent', id: THING, staysInside: false } },
      { event: TOKEN_CLAIMS_CHANGE, subject, members: { ...told, claims: { scope: 'a' } } },
    ]);
  });

  it('is the end of everything when the organization is suspended, and nothing when it is renamed', () => {
    expect(signalsOf(event('organization.updated'), ISSUER)).toMatchObject([{ event: SESSION_REVOKED, subject: { format: 'complex', tenant: { format: 'opaque', id: ORGANIZATION } } }]);
    expect(signalsOf(event('organization.updated', { details: { changed: ['name'], status: 'suspended' } }), ISSUER)).toEqual([]);
    expect(signalsOf(event('organization.updated', { details: { changed: ['status'], status: 'active' } }), ISSUER)).toEqual([]);
  });

  it('is what a kill switch was used on, and where that is nowhere named, the tokens themselves', () => {
    const used = (kind: string, organization: string | null = ORGANIZATION) => signalsOf(event('kill_switch.used', { organization_id: organization, details: { switch: kind } }), ISSUER)[0];
    expect(used('agent')).toMatchObject({ subject: { format: 'iss_sub', sub: THING }, endedBy: { kind: 'agent', id: THING, staysInside: false } });
    expect(used('user')).toMatchObject({ subject: { format: 'iss_sub', sub: THING }, endedBy: { kind: 'user', id: THING } });
    expect(used('task')).toMatchObject({ subject: { format: 'complex', session: { format: 'opaque', id: THING } }, endedBy: { kind: 'task', id: THING } });
    expect(used('organization')).toMatchObject({ subject: { format: 'complex', tenant: { format: 'opaque', id: THING } } });
    expect(used('issued_before')).toMatchObject({ endedBy: { kind: 'organization', id: ORGANIZATION, staysInside: true } });
    expect(used('issued_before')).not.toHaveProperty('subject');
    expect(used('issued_before', null)).toMatchObject({ endedBy: { kind: 'everything', staysInside: false } });
    expect(signalsOf(event('key.revoked', { organization_id: null }), ISSUER)[0]).toMatchObject({ endedBy: { kind: 'everything', staysInside: false } });
  });

  it('is nothing of an agent that was not active', () => {
    expect(signalsOf(event('agent.suspended', { details: { former_status: 'pending' } }), ISSUER)).toEqual([]);
  });

  it.each<[string, Partial<LoggedEvent>, string]>([
    ['a person for themselves', { actor: { kind: 'user', id: PERSON }, subject: PERSON }, 'user'], ['a person to somebody else', { actor: { kind: 'user', id: PERSON } }, 'admin'],
    ['a client for itself', { actor: { kind: 'client', id: THING } }, 'user'], ['the server', { actor: { kind: 'system' } }, 'system'], ['theft', { actor: { kind: 'client', id: 'x' }, reason: 'token_reused' }, 'policy'],
  ])('says who set it off: %s', (_who, more, initiator) => {
    expect(signalsOf(event('token.revoked', more), ISSUER)[0]!.members['initiating_entity']).toBe(initiator);
  });
});

describe('the security events of a signal', () => {
  const [revoked] = signalsOf(event('task.cancelled'), ISSUER);
  const about = event('task.cancelled');

  it('name what ended, how much there was, and every token, with the event of the log that it was', () => {
    expect(securityEvents(revoked!, about, ISSUER, true, { ids: ids(2), areAll: true })).toEqual([{
      txn: about.id, sub_id: revoked!.subject, events: { [SESSION_REVOKED]: { ...revoked!.members, ended: { tokens: 3 }, token_ids: ids(2) } },
    }]);
  });

  it('are one when nothing was alive', () => {
    expect(securityEvents(revoked!, about, ISSUER, true, { ids: [], areAll: true })).toHaveLength(1);
  });

  it('are several when there are more tokens than one names, each with its part', () => {
    const sets = securityEvents(revoked!, about, ISSUER, true, { ids: ids(2 * TOKENS_PER_SET + 1), areAll: false });
    const told = sets.map(({ events }) => events[SESSION_REVOKED] as { token_ids: string[]; part: number; parts: number; token_ids_complete: boolean });
    expect(told.map(({ token_ids: { length }, part, parts, token_ids_complete: isComplete }) => ({ length, part, parts, isComplete }))).toEqual([
      { length: TOKENS_PER_SET, part: 1, parts: 3, isComplete: false }, { length: TOKENS_PER_SET, part: 2, parts: 3, isComplete: false }, { length: 1, part: 3, parts: 3, isComplete: false },
    ]);
    expect(told.flatMap(({ token_ids: list }) => list)).toEqual(ids(2 * TOKENS_PER_SET + 1));
  });

  it('tell another organization of its own tokens, one by one, and of nothing else', () => {
    const sets = securityEvents(revoked!, about, ISSUER, false, { ids: ids(2), areAll: true });
    expect(sets.map(({ sub_id: subject }) => subject)).toEqual(ids(2).map((jti) => ({ format: 'jwt_id', iss: ISSUER, jti })));
    expect(JSON.stringify(sets)).not.toMatch(new RegExp(`${ORGANIZATION}|${THING}|"ended"`));
    expect(securityEvents(revoked!, about, ISSUER, false, { ids: [], areAll: true })).toEqual([]);
  });

  it('stay few, however many tokens nothing else names', () => {
    const many = securityEvents(revoked!, about, ISSUER, false, { ids: ids(MOST_ALONE + 1), areAll: true });
    expect(many).toHaveLength(1);
    expect(many[0]!.events[SESSION_REVOKED]).toMatchObject({ token_ids: ids(MOST_ALONE + 1) });
  });
});
