import { DataSource } from 'typeorm';
import { MOST_SUBJECTS } from '../../src/modules/signals/signal-subjects.service.js';
import { call } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { addPerson, signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { endStreams, issue, makeAgent, makeStream, makeTrips, poll, pollAll, pushTo, receiverOf, recordedEvents, revokeOne, sitesOfReceivers, API, type Machine, type Receiver, type Stream } from '../support/signals.js';
import { until } from '../support/set-receiver.js';

type How = 'add' | 'remove';

describe('subjects of shared signals', () => {
  let server: TestApplication;
  let admin: string;
  let receiver: Receiver;
  const site = sitesOfReceivers();

  beforeAll(async () => {
    server = await startApplication();
    admin = (await signIn(server, ADMIN)).accessToken;
    await makeTrips(server, admin);
  });
  beforeEach(async () => { receiver = await receiverOf(server); });
  afterEach(() => endStreams(server, admin));
  afterAll(() => server.stop());

  const choose = (how: How, { stream_id: id }: Stream, subject: unknown, { token = receiver.token, ...more }: { token?: string; verified?: unknown } = {}) =>
    call(server, 'POST', `/ssf/v1/subjects/${how}`, { token, body: { stream_id: id, subject, ...more } });
  const itself = (sub: string) => ({ format: 'iss_sub', iss: server.issuer, sub });
  const suspend = async ({ id }: Machine) => expect((await call(server, 'POST', `/api/agents/${id}/suspend`, { token: admin })).status).toBe(200);
  const resume = async ({ id }: Machine) => expect((await call(server, 'POST', `/api/agents/${id}/resume`, { token: admin })).status).toBe(200);
  /** Something that is always told, so that what came before it was told or was not. */
  const mark = async () => revokeOne(server, await makeAgent(server));
  const subjectsTold = async (stream: Stream, count: number) => (await pollAll(server, receiver, stream, count)).map(({ sub_id: subject }) => subject);

  it('are taken off a stream where the metadata says, put back again, and each change is on record', async () => {
    const metadata = (await call(server, 'GET', '/.well-known/ssf-configuration')).body;
    expect(metadata).toMatchObject({ default_subjects: 'ALL', add_subject_endpoint: `${server.issuer}/ssf/v1/subjects/add`, remove_subject_endpoint: `${server.issuer}/ssf/v1/subjects/remove` });
    const stream = await makeStream(server, receiver);
    const [muted, other] = [await makeAgent(server), await makeAgent(server)];
    for (const agent of [muted, other]) await issue(server, agent.basic, { resource: API });
    const removed = await choose('remove', stream, itself(muted.id));
    expect({ status: removed.status, body: removed.body }).toEqual({ status: 204, body: {} });
    await suspend(muted);
    await suspend(other);
    expect(await subjectsTold(stream, 1)).toEqual([itself(other.id)]);
    await resume(muted);
    const added = await choose('add', stream, itself(muted.id), { verified: true });
    expect({ status: added.status, body: added.body }).toEqual({ status: 200, body: {} });
    await suspend(muted);
    expect(await subjectsTold(stream, 1)).toEqual([itself(muted.id)]);
    for (const type of ['signal_subject.removed', 'signal_subject.added']) {
      const events = (await recordedEvents(server, type)).filter(({ target }) => (target as { id: string }).id === stream.stream_id);
      expect(events).toMatchObject([{ outcome: 'success', actor: { id: receiver.id }, target: { kind: 'signal_stream', id: stream.stream_id }, details: { client_id: receiver.id, subject: itself(muted.id) } }]);
    }
  });

  it('that are off a stream are not pushed either, and what happened before is', async () => {
    const receiving = await site();
    const stream = await makeStream(server, receiver, pushTo(receiving.url));
    const agent = await makeAgent(server);
    await call(server, 'POST', '/ssf/v1/status', { token: receiver.token, body: { stream_id: stream.stream_id, status: 'paused' } });
    await suspend(agent);
    await choose('remove', stream, itself(agent.id));
    await resume(agent);
    await suspend(agent);
    const last = await mark();
    await call(server, 'POST', '/ssf/v1/status', { token: receiver.token, body: { stream_id: stream.stream_id, status: 'enabled' } });
    await until('both were pushed', () => receiving.tokens.length >= 2);
    expect((await receiving.sets(receiver.verify)).map(({ sub_id: subject }) => subject)).toEqual([itself(agent.id), { format: 'jwt_id', iss: server.issuer, jti: last }]);
  });

  it('of several members take off what has all of them, of which a part can be put back', async () => {
    const stream = await makeStream(server, receiver);
    const person = await addPerson(server, admin, 'owner');
    const { accessToken } = await signIn(server, person);
    const [first, second] = [await makeAgent(server), await makeAgent(server)];
    const user = itself(person.id);
    const delegateAndEnd = async ({ id }: Machine) => {
      const { body } = await call(server, 'POST', '/api/delegations', { token: accessToken, body: { agent_id: id, scopes: ['trips:read'] } });
      expect((await call(server, 'DELETE', `/api/delegations/${String(body['id'])}`, { token: accessToken })).status).toBe(204);
      return { format: 'complex', user, application: { format: 'opaque', id }, session: { format: 'opaque', id: body['id'] } };
    };
    expect((await choose('remove', stream, { format: 'complex', user })).status).toBe(204);
    await delegateAndEnd(first);
    expect((await choose('add', stream, { format: 'complex', user, application: { format: 'opaque', id: second.id } })).status).toBe(200);
    await delegateAndEnd(first);
    const told = await delegateAndEnd(second);
    const last = await mark();
    expect(await subjectsTold(stream, 2)).toEqual([told, { format: 'jwt_id', iss: server.issuer, jti: last }]);
  });

  it('of one stream are none of another', async () => {
    const [one, two] = [await makeStream(server, receiver), await makeStream(server, receiver)];
    const agent = await makeAgent(server);
    await choose('remove', one, itself(agent.id));
    await suspend(agent);
    const last = { format: 'jwt_id', iss: server.issuer, jti: await mark() };
    expect(await subjectsTold(two, 2)).toEqual([itself(agent.id), last]);
    expect(await subjectsTold(one, 1)).toEqual([last]);
  });

  it('that are chosen again change nothing, and are not recorded', async () => {
    const stream = await makeStream(server, receiver);
    const agent = await makeAgent(server);
    const count = async () => (await recordedEvents(server, 'signal_subject.added')).length + (await recordedEvents(server, 'signal_subject.removed')).length;
    const before = await count();
    expect((await choose('add', stream, itself(agent.id))).status).toBe(200);
    expect(await count()).toBe(before);
    for (let times = 0; times < 2; times += 1) expect((await choose('remove', stream, itself(agent.id))).status).toBe(204);
    expect(await count()).toBe(before + 1);
  });

  it.each<[string, unknown, number, string]>([
    ['nothing', undefined, 400, 'invalid_request'], ['a text', 'alice', 400, 'invalid_request'], ['a subject without a format', { email: 'a@example.com' }, 400, 'invalid_subject'], ['half a subject', { format: 'iss_sub', sub: 'a' }, 400, 'invalid_subject'],
    ['an address', { format: 'email', email: 'a@example.com' }, 404, 'subject_not_recognized'], ['a subject of another issuer', { format: 'iss_sub', iss: 'https://elsewhere.example', sub: 'a' }, 404, 'subject_not_recognized'],
  ])('are not %s', async (_what, subject, status, code) => {
    const stream = await makeStream(server, receiver);
    for (const how of ['add', 'remove'] as const) {
      const answer = await choose(how, stream, subject);
      expect({ how, status: answer.status, code: answer.body['code'] }).toEqual({ how, status, code });
    }
  });

  it('are chosen for their own streams by receivers and those who manage them, and by nobody else', async () => {
    const stream = await makeStream(server, receiver);
    const owner = await addPerson(server, admin, 'owner');
    const { body } = await call(server, 'POST', '/api/organizations', { token: admin, body: { name: 'Elsewhere', owner_user_id: owner.id } });
    await call(server, 'POST', `/api/organizations/${String(body['id'])}/switch`, { token: (await signIn(server, owner)).accessToken });
    const elsewhere = (await signIn(server, owner)).accessToken;
    const member = (await signIn(server, await addPerson(server, admin, 'member'))).accessToken;
    for (const how of ['add', 'remove'] as const) {
      for (const [token, status] of [[(await receiverOf(server)).token, 404], [elsewhere, 404], [member, 403], ['nonsense', 401]] as const) {
        expect({ how, status: (await choose(how, stream, itself('a'), { token })).status }).toEqual({ how, status });
      }
      expect((await choose(how, { ...stream, stream_id: 'nonsense' }, itself('a'))).body['code']).toBe('signal_stream_not_found');
    }
    expect((await choose('remove', stream, itself('a'), { token: admin })).status).toBe(204);
  });

  it(`are bounded: ${MOST_SUBJECTS} of a stream are off it at most, and one that is put back makes room`, async () => {
    const stream = await makeStream(server, receiver);
    await server.inside(DataSource).query(
      `INSERT INTO signal_subjects (stream_id, organization_id, subject, is_sent, first_sequence)
       SELECT id, organization_id, json_build_object('format', 'iss_sub', 'iss', $2::text, 'sub', 'nobody ' || number), false, 0 FROM signal_streams, generate_series(1, ${MOST_SUBJECTS}) number WHERE id = $1`, [stream.stream_id, server.issuer]);
    const refused = await choose('remove', stream, itself('one more'));
    expect({ status: refused.status, code: refused.body['code'] }).toEqual({ status: 403, code: 'too_many_subjects' });
    expect((await choose('add', stream, itself('nobody 7'))).status).toBe(200);
    expect((await choose('remove', stream, itself('one more'))).status).toBe(204);
    expect((await poll(server, receiver, stream)).status).toBe(200);
  });
});
