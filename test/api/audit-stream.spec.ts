import { once } from 'node:events';
import { useClock } from '../../src/kernel/clock.js';
import type { AuditEvent } from '../../src/modules/audit/audit-event.js';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { AuditStreams } from '../../src/modules/admin/audit-streams.service.js';
import { bootstrapToken, call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { EventStreamClient } from '../support/event-stream.js';
import { addPerson, signIn, type TestPerson } from '../support/people.js';
import { ADMIN, startServer } from '../support/server.js';

let server: TestApplication;
let administrator: string;
let operator: string;
let organizationId: string;
let opened: EventStreamClient[] = [];

beforeAll(async () => {
  server = await startApplication();
  administrator = (await signIn(server, ADMIN)).accessToken;
  operator = await bootstrapToken(server);
  organizationId = (await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: administrator })).body.organization.id;
});
afterAll(() => server.stop());

afterEach(async () => {
  for (const client of opened) client.hangUp();
  opened = [];
  const streams = server.inside(AuditStreams);
  streams.heartbeatMs = 15_000;
  while (streams.count > 0) await pause(10);
});

const pause = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function open(query = '', token = operator, headers: Record<string, string> = {}, options = {}): Promise<EventStreamClient> {
  const client = await EventStreamClient.open(server, query, token, headers, options);
  opened.push(client);
  return client;
}

let labels = 0;
/** Puts facts on record, each with a label, and answers the labels. */
async function record(count: number, more: Partial<AuditEvent> = {}): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    type: 'user.updated', outcome: 'success', organization_id: organizationId, actor: { kind: 'system' }, ...more, details: { ...more.details, label: `event ${labels += 1}` },
  } satisfies AuditEvent));
  await server.inside(AuditLog).record(...events);
  return events.map(({ details }) => details.label);
}

const labelsOf = ({ events }: EventStreamClient) => events.map(({ data }) => (data['details'] as { label?: string } | null)?.label).filter((label) => label !== undefined);

async function newAdmin(): Promise<{ person: TestPerson; token: string }> {
  const person = await addPerson(server, administrator, 'admin');
  return { person, token: (await signIn(server, person)).accessToken };
}

describe('the stream of the audit log', () => {
  it('sends each event as it is recorded, with its number and its type, as a search shows it', async () => {
    const client = await open();
    expect(client.response.headers['content-type']).toBe('text/event-stream');
    expect(client.response.headers['cache-control']).toBe('no-store');
    expect(client.response.headers['x-accel-buffering']).toBe('no');
    await call(server, 'POST', '/api/scopes', { token: administrator, body: { name: 'streamed:read' } });
    await client.until(({ events }) => events.length > 0);
    const [shown] = (await call<{ data: { sequence: number; type: string }[] }>(server, 'GET', '/api/admin/audit/logs?type=scope.created&limit=1', { token: operator })).body.data;
    expect(client.events).toEqual([{ id: String(shown!.sequence), event: 'scope.created', data: shown }]);
  });

  it('goes on behind the last event that the client has, so that nothing is lost or sent twice', async () => {
    const first = await open();
    const told = await record(3);
    await first.until(({ events }) => events.length === 3);
    first.hangUp();
    told.push(...await record(250));
    const second = await open('?after=0', operator, { 'last-event-id': first.events.at(-1)!.id });
    told.push(...await record(50));
    await second.until(({ events }) => events.length === 300);
    const third = await open(`?after=${first.events[0]!.id}`);
    await third.until(({ events }) => events.length === 302);
    expect([...labelsOf(first), ...labelsOf(second)]).toEqual(told);
    expect(labelsOf(third)).toEqual(told.slice(1));
    const all = await open('?after=-1&type=user.updated');
    await all.until((client) => labelsOf(client).length === 303);
    expect(labelsOf(all)).toEqual(told);
  });

  it('sends only what was asked for, and never what belongs to another organization', async () => {
    const elsewhere = (await call<{ id: string }>(server, 'POST', '/api/organizations', { token: administrator, body: { name: `Elsewhere ${Math.random()}` } })).body.id;
    const clients = await Promise.all(['?type=scope.,user.updated', '?actor=streamed-actor', '?agent=streamed-agent', '?task=01890000-0000-7000-8000-00000000ABCD', '?outcome=refused']
      .map((query) => open(query)));
    const all = await open('?organization=all', administrator);
    const [acted] = await record(1, { actor: { kind: 'agent', id: 'streamed-actor' } });
    const [chained] = await record(1, { type: 'scope.updated', act: { sub: 'x', act: { sub: 'streamed-agent' } } });
    const [tasked] = await record(1, { type: 'task.completed', outcome: 'refused', task_id: '01890000-0000-7000-8000-00000000abcd' });
    const [foreign] = await record(1, { organization_id: elsewhere, actor: { kind: 'agent', id: 'streamed-actor' }, outcome: 'refused' });
    const [ofInstallation] = await record(1, { organization_id: null });
    await all.until((client) => labelsOf(client).length === 5);
    await pause(50);
    expect(clients.map(labelsOf)).toEqual([[acted, chained], [acted], [chained], [tasked], [tasked]]);
    expect(labelsOf(all)).toEqual([acted, chained, tasked, foreign, ofInstallation]);
  });

  it('waits for a client that does not read, without keeping what it has not read, and loses nothing', async () => {
    const slow = await open('', operator, {}, { reads: false });
    const quick = await open();
    const told: string[] = [];
    for (let round = 0; round < 10; round += 1) told.push(...await record(200, { details: { filler: 'x'.repeat(10_000) } }));
    await quick.until((client) => labelsOf(client).length === 2000);
    const streams = [...(server.inside(AuditStreams) as unknown as { streams: Map<{ readableLength: number; position: number }, string> }).streams.keys()];
    // A page of events, and what the sockets take.
    for (const { readableLength } of streams) expect(readableLength).toBeLessThan(3_000_000);
    expect(Math.max(...streams.map(({ position }) => position)) - Math.min(...streams.map(({ position }) => position))).toBeGreaterThan(200);
    slow.read();
    await slow.until((client) => labelsOf(client).length === 2000);
    expect(labelsOf(slow)).toEqual(told);
  });

  it('shows that it is alive, and ends when the token is revoked, while others go on', async () => {
    server.inside(AuditStreams).heartbeatMs = 100;
    const { token } = await newAdmin();
    const [client, other] = [await open('', token), await open()];
    await client.until(({ comments }) => comments >= 2);
    const tokens = await call<{ data: { token_id: string }[] }>(server, 'GET', '/api/admin/tokens?active=true&limit=1', { token });
    await call(server, 'POST', `/api/admin/tokens/${tokens.body.data[0]!.token_id}/revoke`, { token: operator });
    await client.until(({ hasEnded }) => hasEnded);
    expect(client.failure).toBeUndefined();
    const [label] = await record(1);
    await other.until((one) => labelsOf(one).includes(label!));
    expect(labelsOf(client)).not.toContain(label);
  });

  it('ends when its reader may no longer read the log, and when the token expires', async () => {
    server.inside(AuditStreams).heartbeatMs = 100;
    const { person, token } = await newAdmin();
    const demoted = await open('', token);
    await demoted.until(({ comments }) => comments >= 1);
    await call(server, 'PUT', `/api/organizations/${organizationId}/members/${person.id}`, { token: administrator, body: { role: 'member' } });
    await demoted.until(({ hasEnded }) => hasEnded);
    const expiring = await open();
    await expiring.until(({ comments }) => comments >= 1);
    const restore = useClock({ now: () => Date.now() + 24 * 3600 * 1000 });
    try {
      await expiring.until(({ hasEnded }) => hasEnded);
    } finally {
      restore();
    }
    expect([demoted.failure, expiring.failure]).toEqual([undefined, undefined]);
  });

  it('is there for so many of an organization at once, and again for others when they hang up', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open()));
    const refused = await call(server, 'GET', '/api/admin/audit/stream', { token: operator });
    expect(refused).toMatchObject({ status: 503, body: { code: 'too_many_audit_streams' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    clients[0]!.hangUp();
    while (server.inside(AuditStreams).count === 20) await pause(10);
    const next = await open();
    const [label] = await record(1);
    await next.until((client) => labelsOf(client).includes(label!));
  });

  it('is not there for members, and not for all organizations but for platform administrators', async () => {
    const member = (await signIn(server, await addPerson(server, administrator, 'member'))).accessToken;
    expect(await call(server, 'GET', '/api/admin/audit/stream', { token: member })).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    expect((await call(server, 'GET', '/api/admin/audit/stream')).status).toBe(401);
    expect(await call(server, 'GET', '/api/admin/audit/stream?organization=all', { token: operator })).toMatchObject({ status: 403, body: { code: 'platform_administrator_required' } });
    expect(server.inside(AuditStreams).count).toBe(0);
  });

  it.each([
    ['?after=x', {}, 'invalid_request'], ['?after=-2', {}, 'invalid_request'], ['?after=', {}, 'invalid_request'], ['?after=1&after=2', {}, 'invalid_request'], ['?after=999999999999', {}, 'audit_position_unknown'],
    ['?type=nonsense', {}, 'invalid_request'], ['?text=x', {}, 'invalid_request'], ['', { 'last-event-id': 'x' }, 'invalid_request'], ['', { 'last-event-id': '999999999999' }, 'audit_position_unknown'],
  ])('does not begin with %s %j', async (query, headers, code) => {
    expect(await call(server, 'GET', `/api/admin/audit/stream${query}`, { token: operator, headers: headers as Record<string, string> })).toMatchObject({ status: 400, body: { code, detail: expect.stringMatching(/^.*\.$/) } });
  });

  it('is not begun for who asks for its head alone', async () => {
    const answer = await fetch(`${server.issuer}/api/admin/audit/stream`, { method: 'HEAD', headers: { authorization: `Bearer ${operator}` } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(server.inside(AuditStreams).count).toBe(0);
  });
});

it('a server that stops ends its streams, and does not wait for them', async () => {
  const own = await startServer();
  try {
    const client = await EventStreamClient.open(own, '', await bootstrapToken(own));
    const started = Date.now();
    const exited = once(own.process, 'exit');
    own.process.kill('SIGTERM');
    await client.until(({ hasEnded }) => hasEnded);
    expect(client.failure).toBeUndefined();
    expect((await exited)[0]).toBe(0);
    expect(Date.now() - started).toBeLessThan(9000);
  } finally {
    await own.stop();
  }
});
