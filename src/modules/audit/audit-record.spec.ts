import { auditRecord } from './audit-record.js';
import type { AuditEvent } from './audit-event.js';
import { leafHash } from './merkle-log.js';
import { runWithRequestContext } from '../../platform/http/request-context.js';

const event = (details: AuditEvent['details']): AuditEvent =>
  ({ type: 'token.refused', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' }, details });

describe('an audit record', () => {
  it('holds the event with its id, its time and where the request came from, and the hash of exactly that text', () => {
    const record = runWithRequestContext({ requestId: 'r-1', ip: '192.0.2.1', userAgent: 'a'.repeat(300) }, () => auditRecord(event({ grant_type: 'x' })));
    expect(JSON.parse(record.body)).toEqual({
      ...event({ grant_type: 'x' }), id: record.eventId, time: record.occurredAt, source: { ip: '192.0.2.1', request_id: 'r-1', user_agent: 'a'.repeat(256) },
    });
    expect(record.leafHash).toBe(leafHash(record.body));
  });

  it.each([
    ['NUL', 'a\0b', 'a\uFFFDb'],
    ['the first half of a surrogate pair', 'a\uD83D', 'a\uFFFD'],
    ['the second half of one', '\uDE00b', '\uFFFDb'],
  ])('writes %s, which the database does not take, as U+FFFD wherever it stands', (_name, hostile, written) => {
    const { body } = auditRecord(event({ scope: hostile, list: [hostile, { deep: hostile }] }));
    expect(JSON.parse(body)).toMatchObject({ details: { scope: written, list: [written, { deep: written }] } });
  });

  it('leaves alone what only looks like them', () => {
    const harmless = { emoji: '😀', escaped: '\\u0000 \\ud83d', control: '\u0001\n' };
    expect(JSON.parse(auditRecord(event(harmless)).body)).toMatchObject({ details: harmless });
  });
});
