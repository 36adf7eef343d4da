import { DataSource } from 'typeorm';
import { SignalPoll } from '../../src/modules/signals/signal-poll.service.js';
import { SignalUpkeep } from '../../src/modules/signals/signal-upkeep.service.js';
import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { auditTrail } from '../support/directory.js';
import { signIn } from '../support/people.js';
import { ADMIN } from '../support/server.js';
import { SESSION_REVOKED, STREAM_UPDATED, TOKEN_CLAIMS_CHANGE, until } from '../support/set-receiver.js';
import { endStreams, idsOf, makeAgent, makeStream, makeTrips, POLL, poll, pollAll, PUSH, pushTo, receiverOf, recordedEvents, revokeOne, sitesOfReceivers, statusOf, type Receiver, type Stream } from '../support/signals.js';

describe('streams of shared signals', () => {
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

  const trail = (type: string) => recordedEvents(server, type);

  describe('a stream', () => {
    const read = (token: string, id: string) => call(server, 'GET', `/ssf/v1/streams?stream_id=${id}`, { token });

    it('is read, changed, replaced and ended by its receiver, and each change is on record', async () => {
      const receiving = await site();
      const stream = await makeStream(server, receiver, { ...pushTo(receiving.url, { authorization_header: 'Bearer secret of the receiver' }), events_requested: [SESSION_REVOKED], description: 'Trips' });
      const shown = await read(receiver.token, stream.stream_id);
      expect(shown.body).toEqual(stream);
      expect(JSON.stringify(shown.body)).not.toContain('secret');
      expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: receiver.token })).body).toEqual([stream]);

      const patched = await call(server, 'PATCH', '/ssf/v1/streams', { token: receiver.token, body: { ...stream, delivery: undefined, events_requested: [TOKEN_CLAIMS_CHANGE], events_delivered: undefined } });
      expect({ status: patched.status, body: patched.body }).toEqual({ status: 200, body: { ...stream, events_requested: [TOKEN_CLAIMS_CHANGE], events_delivered: [TOKEN_CLAIMS_CHANGE] } });
      const replaced = await call(server, 'PUT', '/ssf/v1/streams', { token: receiver.token, body: { stream_id: stream.stream_id } });
      expect(replaced.body).toMatchObject({ delivery: { method: POLL, endpoint_url: `${server.issuer}/ssf/v1/streams/${stream.stream_id}/poll` }, events_delivered: [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE] });
      expect(replaced.body).not.toHaveProperty('description');
      expect((await call(server, 'PUT', '/ssf/v1/streams', { token: receiver.token, body: replaced.body })).body).toEqual(replaced.body);
      expect((await call(server, 'DELETE', `/ssf/v1/streams?stream_id=${stream.stream_id}`, { token: receiver.token })).status).toBe(204);
      expect((await read(receiver.token, stream.stream_id)).status).toBe(404);
      expect((await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: receiver.token })).body).toEqual([]);

      const about = (await auditTrail(server.inside(DataSource))).filter(({ target }) => (target as { id?: string } | undefined)?.id === stream.stream_id);
      expect(about.map(({ type }) => type)).toEqual(['signal_stream.created', 'signal_stream.updated', 'signal_stream.updated', 'signal_stream.updated', 'signal_stream.deleted']);
      expect(JSON.stringify(about)).not.toContain('secret of the receiver');
    });

    it.each<[string, object, number, string]>([
      ['another issuer', { iss: 'https://evil.example' }, 400, 'transmitter_decides'], ['another audience', { aud: 'somebody' }, 400, 'transmitter_decides'],
      ['other events than there are', { events_supported: [] }, 400, 'transmitter_decides'], ['a pace of its own', { min_verification_interval: 0 }, 400, 'transmitter_decides'],
      ['a place of its own to poll', { delivery: { method: POLL, endpoint_url: 'https://elsewhere.example' } }, 400, 'endpoint_not_yours'],
      ['no place to push to', { delivery: { method: PUSH } }, 400, 'endpoint_required'], ['subjects', { subject: { format: 'email', email: 'a@example.com' } }, 400, 'invalid_request'],
    ])('is not given %s', async (_what, change, status, code) => {
      const stream = await makeStream(server, receiver);
      const answer = await call(server, 'PATCH', '/ssf/v1/streams', { token: receiver.token, body: { stream_id: stream.stream_id, ...change } });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
      expect((await read(receiver.token, stream.stream_id)).body).toEqual(stream);
    });

    it.each([
      'http://receiver.example/events', 'https://127.0.0.1/events', 'https://localhost/events', 'https://api.localhost/events', 'https://10.0.0.1/', 'https://169.254.169.254/latest/meta-data', 'https://[::1]/',
      'https://[::ffff:127.0.0.1]/', 'https://2130706433/', 'https://user:password@receiver.example/', 'https://receiver.example/#part', 'ftp://receiver.example/', 'http://127.0.0.1.receiver.example/', 'nonsense', 'file:///etc/passwd',
    ])('is not pushed to %s', async (url) => {
      const answer = await call(server, 'POST', '/ssf/v1/streams', { token: receiver.token, body: pushTo(url) });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status: 400, code: 'endpoint_refused' });
    });

    it('belongs to one client: another one finds nothing, and people see it, pause it and end it, but do not receive it', async () => {
      const stream = await makeStream(server, receiver);
      const other = await receiverOf(server);
      const attempts: [string, string, object | undefined][] = [
        ['GET', `/ssf/v1/streams?stream_id=${stream.stream_id}`, undefined], ['GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, undefined], ['DELETE', `/ssf/v1/streams?stream_id=${stream.stream_id}`, undefined],
        ['PATCH', '/ssf/v1/streams', { stream_id: stream.stream_id }], ['PUT', '/ssf/v1/streams', { stream_id: stream.stream_id }], ['POST', '/ssf/v1/status', { stream_id: stream.stream_id, status: 'disabled' }],
        ['POST', '/ssf/v1/verify', { stream_id: stream.stream_id }], ['POST', `/ssf/v1/streams/${stream.stream_id}/poll`, { returnImmediately: true }],
      ];
      for (const [method, path, body] of attempts) {
        const answer = await call(server, method, path, { token: other.token, body });
        expect({ method, path, status: answer.status, code: answer.body['code'] }).toEqual({ method, path, status: 404, code: 'signal_stream_not_found' });
      }
      expect((await call(server, 'GET', '/ssf/v1/streams', { token: other.token })).body).toEqual([]);
      expect((await read(admin, stream.stream_id)).body).toEqual(stream);
      expect((await poll(server, { token: admin }, stream)).status).toBe(404);
      const made = await call(server, 'POST', '/ssf/v1/streams', { token: admin, body: {} });
      expect({ status: made.status, code: made.body['code'] }).toEqual({ status: 403, code: 'receiver_required' });

      expect((await call(server, 'POST', '/ssf/v1/status', { token: admin, body: { stream_id: stream.stream_id, status: 'paused', reason: 'The licence ended.' } })).body).toMatchObject({ status: 'paused', reason: 'The licence ended.' });
      const [told] = await pollAll(server, receiver, stream, 1);
      expect(told).toMatchObject({ sub_id: { format: 'opaque', id: stream.stream_id }, events: { [STREAM_UPDATED]: { status: 'paused', reason: 'The licence ended.' } } });
    });

    it('that is paused keeps what happens, and one that is disabled begins anew', async () => {
      const stream = await makeStream(server, receiver);
      const by = await makeAgent(server);
      const set = async (status: string) => expect((await call(server, 'POST', '/ssf/v1/status', { token: receiver.token, body: { stream_id: stream.stream_id, status } })).status).toBe(200);
      await set('paused');
      const held = await revokeOne(server, by);
      await until('it is held', async () => (await statusOf(server, receiver, stream))['waiting'] === 1);
      expect((await poll(server, receiver, stream)).body.sets).toEqual({});
      await set('enabled');
      expect(idsOf(await pollAll(server, receiver, stream, 1))).toEqual([held]);
      await set('disabled');
      await revokeOne(server, by);
      const asked = await call(server, 'POST', '/ssf/v1/verify', { token: receiver.token, body: { stream_id: stream.stream_id } });
      expect(asked.body['code']).toBe('signal_stream_disabled');
      await set('enabled');
      const next = await revokeOne(server, by);
      expect(idsOf(await pollAll(server, receiver, stream, 1))).toEqual([next]);
    });

    it.each<['not_taken' | 'too_many', { most?: number; longest?: number }]>([['not_taken', { longest: 0 }], ['too_many', { most: 2 }]])('that nobody takes from is stopped, which it says, and which is on record: %s', async (reason, limits) => {
      const stream = await makeStream(server, receiver);
      const by = await makeAgent(server);
      for (let count = 0; count < 3; count += 1) await revokeOne(server, by);
      await until('all wait', async () => (await statusOf(server, receiver, stream))['waiting'] === 3);
      const upkeep = server.inside(SignalUpkeep);
      const usual = upkeep.limits;
      upkeep.limits = { ...usual, ...limits };
      try {
        await server.inside(DataSource).transaction((manager) => upkeep.tidy(manager));
      } finally {
        upkeep.limits = usual;
      }
      expect(await statusOf(server, receiver, stream)).toMatchObject({ status: 'disabled', reason: expect.stringContaining('dropped'), waiting: 1 });
      expect((await trail('signal_stream.stopped')).at(-1)).toMatchObject({ actor: { kind: 'system' }, target: { id: stream.stream_id }, reason, details: { client_id: receiver.id, dropped: 3 } });
      const [told] = await pollAll(server, receiver, stream, 1);
      expect(told!.events).toMatchObject({ [STREAM_UPDATED]: { status: 'disabled' } });
    });

    it('ends with its client', async () => {
      const stream = await makeStream(server, receiver);
      await call(server, 'DELETE', `/api/clients/${receiver.id}`, { token: admin });
      await server.inside(DataSource).transaction((manager) => server.inside(SignalUpkeep).tidy(manager));
      expect((await read(admin, stream.stream_id)).status).toBe(404);
      expect((await trail('signal_stream.deleted')).at(-1)).toMatchObject({ actor: { kind: 'system' }, target: { id: stream.stream_id } });
    });

    it('is one of five at most', async () => {
      for (let count = 0; count < 5; count += 1) await makeStream(server, receiver);
      const one = await call(server, 'POST', '/ssf/v1/streams', { token: receiver.token, body: {} });
      expect({ status: one.status, code: one.body['code'] }).toEqual({ status: 409, code: 'too_many_signal_streams' });
    });
  });

  describe('a poll', () => {
    const untilOneWaits = () => until('a receiver waits', () => server.inside(SignalPoll).waitingCount === 1);

    it('waits for what comes, and a second one on the same stream ends the wait of the first', async () => {
      const stream = await makeStream(server, receiver);
      const first = poll(server, receiver, stream, {});
      await untilOneWaits();
      const second = poll(server, receiver, stream, {});
      expect((await first).body).toEqual({ sets: {}, moreAvailable: false });
      await untilOneWaits();
      const by = await makeAgent(server);
      const id = await revokeOne(server, by);
      const sets = await Promise.all(Object.values((await second).body.sets).map(receiver.verify));
      expect(idsOf(sets)).toEqual([id]);
    });

    it('ends after a while when nothing comes', async () => {
      const polling = server.inside(SignalPoll);
      const usual = polling.longestWaitMs;
      polling.longestWaitMs = 100;
      try {
        expect((await poll(server, receiver, await makeStream(server, receiver), {})).body).toEqual({ sets: {}, moreAvailable: false });
      } finally {
        polling.longestWaitMs = usual;
      }
    });

    it('gets nothing any more once its token was revoked, however long it has waited', async () => {
      const stream = await makeStream(server, receiver);
      const waiting = poll(server, receiver, stream, {});
      await untilOneWaits();
      await post(server, '/api/oauth/revoke', { token: receiver.token }, { basic: receiver.basic });
      expect((await waiting).body).toEqual({ sets: {}, moreAvailable: false });
    });

    it('gets as many as it asks for, in order, and is told when there are more', async () => {
      const stream = await makeStream(server, receiver);
      const by = await makeAgent(server);
      const tokens: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        tokens.push(await revokeOne(server, by));
      }
      await until('all wait', async () => (await statusOf(server, receiver, stream))['waiting'] === 3);
      const two = await poll(server, receiver, stream, { maxEvents: 2 });
      expect(idsOf(await Promise.all(Object.values(two.body.sets).map(receiver.verify)))).toEqual(tokens.slice(0, 2));
      expect(two.body.moreAvailable).toBe(true);
      expect((await poll(server, receiver, stream, { maxEvents: 0 })).body).toEqual({ sets: {}, moreAvailable: true });
      const last = await poll(server, receiver, stream, { ack: [...Object.keys(two.body.sets), 'nonsense'] });
      expect(idsOf(await Promise.all(Object.values(last.body.sets).map(receiver.verify)))).toEqual(tokens.slice(2));
      expect(last.body.moreAvailable).toBe(false);
    });

    it.each<[object, string]>([
      [{ maxEvents: -1 }, 'invalid_request'], [{ maxEvents: '3' }, 'invalid_request'], [{ returnImmediately: 'yes' }, 'invalid_request'], [{ ack: 'all' }, 'invalid_request'], [{ ack: [1] }, 'invalid_request'],
      [{ setErrs: [] }, 'invalid_request'], [{ setErrs: { a: 'wrong' } }, 'invalid_set_errors'], [{ setErrs: { a: { err: 7 } } }, 'invalid_set_errors'], [{ setErrs: { a: {} } }, 'invalid_set_errors'], [{ nonsense: 1 }, 'invalid_request'],
    ])('that is not one is refused: %j', async (body, code) => {
      const answer = await poll(server, receiver, await makeStream(server, receiver), body);
      expect({ status: answer.status, code: (answer.body as unknown as Record<string, unknown>)['code'] }).toEqual({ status: 400, code });
    });

    it('is not for a stream that is pushed', async () => {
      const stream = await makeStream(server, receiver, pushTo((await site()).url));
      const answer = await poll(server, receiver, stream);
      expect({ status: answer.status, code: (answer.body as unknown as Record<string, unknown>)['code'] }).toEqual({ status: 409, code: 'stream_not_polled' });
    });
  });
});
