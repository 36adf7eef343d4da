import { call, post } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';
import { signIn } from '../support/people.js';
import { ADMIN, startServer, type TestServer } from '../support/server.js';
import { PushReceiver, until } from '../support/set-receiver.js';
import { API, endStreams, issue, makeAgent, makeStream, makeTrips, poll, pushTo, receiverOf, recordedEvents, revokeOne, sitesOfReceivers, statusOf, tokenIdOf, type Receiver } from '../support/signals.js';

describe('shared signals', () => {
  let server: TestApplication;
  let admin: string;
  let organizationId: string;
  let receiver: Receiver;
  const site = sitesOfReceivers();

  beforeAll(async () => {
    server = await startApplication();
    admin = (await signIn(server, ADMIN)).accessToken;
    organizationId = (await call<{ organization: { id: string } }>(server, 'GET', '/api/auth/me', { token: admin })).body.organization.id;
    await makeTrips(server, admin);
  });
  beforeEach(async () => { receiver = await receiverOf(server); });
  afterEach(() => endStreams(server, admin));
  afterAll(() => server.stop());

  const trail = (type: string) => recordedEvents(server, type);

  describe('a receiver that is down', () => {
    it('gets everything in order once it is up again, and the status says meanwhile how it is', async () => {
      const receiving = await site();
      receiving.answer = (_request, response) => { response.writeHead(503).end(); };
      const stream = await makeStream(server, receiver, pushTo(receiving.url));
      const by = await makeAgent(server);
      const tokens: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        tokens.push(await revokeOne(server, by));
      }
      await until('an attempt has failed', async () => {
        const body = await statusOf(server, receiver, stream);
        return Number(body['failures']) > 1 && body['waiting'] === 5;
      });
      expect((await statusOf(server, receiver, stream))).toMatchObject({ status: 'enabled', last_error: 'the receiver answered 503', last_delivered_at: null });
      const before = receiving.tokens.length;
      receiving.takeAll();
      await until('all were taken', () => receiving.tokens.length >= before + 5);
      const sets = await Promise.all(receiving.tokens.slice(before).map(receiver.verify));
      expect(sets.map(({ sub_id: subject }) => subject['jti'])).toEqual(tokens);
      // The first one came again and again under the same name.
      expect(new Set((await receiving.sets(receiver.verify)).map(({ jti }) => jti)).size).toBe(5);
      await until('the status says so', async () => {
        const body = await statusOf(server, receiver, stream);
        return body['waiting'] === 0 && body['failures'] === 0 && body['last_delivered_at'] !== null;
      });
    });

    it.each<[string, number, string | undefined]>([
      ['does not know the key', 400, '{"err":"invalid_key","description":"unknown key"}'], ['wants other credentials', 400, '{"err":"authentication_failed"}'],
      ['says nothing that can be understood', 400, '<html>'], ['redirects', 302, undefined], ['forbids it', 403, '{"err":"access_denied"}'],
    ])('gets it again when it %s', async (_what, status, body) => {
      const [receiving, elsewhere] = [await site(), await site()];
      receiving.answer = (_request, response) => { response.writeHead(status, { 'content-type': 'application/json', location: elsewhere.url }).end(body); };
      const stream = await makeStream(server, receiver, pushTo(receiving.url));
      await call(server, 'POST', '/ssf/v1/verify', { token: receiver.token, body: { stream_id: stream.stream_id } });
      await until('it was tried twice', () => receiving.tokens.length >= 2);
      receiving.takeAll();
      const before = receiving.tokens.length;
      await until('it was taken', () => receiving.tokens.length > before);
      expect(elsewhere.tokens).toEqual([]);
      expect(new Set((await receiving.sets(receiver.verify)).map(({ jti }) => jti)).size).toBe(1);
    });

    it.each(['push', 'poll'])('is not sent again what it refuses, which is kept on record: %s', async (method) => {
      const receiving = await site();
      receiving.answer = (_request, response) => { response.writeHead(400, { 'content-type': 'application/json' }).end('{"err":"invalid_request","description":"not for us"}'); };
      const stream = await makeStream(server, receiver, method === 'push' ? pushTo(receiving.url) : {});
      const by = await makeAgent(server);
      const refused = await issue(server, by.basic, { resource: API });
      await post(server, '/api/oauth/revoke', { token: refused }, { basic: by.basic });
      if (method === 'poll') {
        const { body } = await poll(server, receiver, stream, {});
        const [jti] = Object.keys(body.sets);
        expect((await poll(server, receiver, stream, { setErrs: { [jti!.toUpperCase()]: { err: 'invalid_request', description: 'not for us' } }, returnImmediately: true })).body.sets).toEqual({});
      }
      await until('the refusal is on record', async () => (await trail('signal.refused')).some(({ details }) => (details as { stream_id: string }).stream_id === stream.stream_id));
      const [record] = (await trail('signal.refused')).slice(-1);
      const [revoked] = (await trail('token.revoked')).slice(-1);
      expect(record).toMatchObject({
        outcome: 'refused', organization_id: organizationId, reason: 'invalid_request', actor: method === 'push' ? { kind: 'system' } : { kind: 'client', id: receiver.id },
        details: { stream_id: stream.stream_id, txn: revoked!['id'], description: 'not for us' },
      });
      if (method === 'push') {
        receiving.takeAll();
        await revokeOne(server, by);
        await until('the next one came', () => receiving.tokens.length > 1);
        const sets = await receiving.sets(receiver.verify);
        expect(sets.map(({ sub_id: subject }) => subject['jti'] === tokenIdOf(refused))).toEqual([true, false]);
      }
    });
  });
});

describe('signals of a server that is killed', () => {
  const servers: TestServer[] = [];
  let receiving: PushReceiver;

  beforeAll(async () => {
    servers.push(await startServer());
    receiving = await PushReceiver.open();
  });
  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
    await receiving.close();
  });

  it('all arrive, in order, when another one goes on', async () => {
    const server = servers[0]!;
    const receiver = await receiverOf(server);
    const stream = await makeStream(server, receiver, pushTo(receiving.url));
    const { clientId, clientSecret } = await registerAgent(server);
    const revoked: string[] = [];
    const revokeOne = async () => {
      const token = await issue(server, [clientId, clientSecret], { scope: 'weather:read' });
      expect((await post(server, '/api/oauth/revoke', { token }, { basic: [clientId, clientSecret] })).status).toBe(200);
      revoked.push(tokenIdOf(token));
    };
    await revokeOne();
    await until('the first one was taken', () => receiving.tokens.length === 1);
    // The keys are known from now on: their address goes with the server.
    await receiver.verify(receiving.tokens[0]!);
    receiving.answer = (_request, response, token) => { response.writeHead(receiving.tokens.indexOf(token) % 2 === 0 ? 202 : 500).end(); };
    for (let count = 0; count < 20; count += 1) await revokeOne();
    await server.kill('SIGKILL');
    receiving.takeAll();
    servers.push(await startServer({ beside: server }));
    const arrived = async () => (await receiving.sets(receiver.verify)).reduce<string[]>((known, { sub_id: { jti } }) => (known.includes(String(jti)) ? known : [...known, String(jti)]), []);
    await until('all have arrived', async () => (await arrived()).length === revoked.length);
    expect(await arrived()).toEqual(revoked);
    const names = new Map((await receiving.sets(receiver.verify)).map(({ sub_id: { jti }, jti: name }) => [`${String(jti)} ${name}`, name]));
    expect(names.size).toBe(revoked.length);
    expect((await call(servers[1]!, 'GET', `/ssf/v1/status?stream_id=${stream.stream_id}`, { token: receiver.token })).body).toMatchObject({ status: 'enabled' });
  });
});

describe.runIf(process.env['TEST_DATABASE_URL'])('signals of two nodes', () => {
  const servers: TestServer[] = [];
  let receiving: PushReceiver;

  beforeAll(async () => {
    servers.push(await startServer());
    servers.push(await startServer({ beside: servers[0]! }));
    receiving = await PushReceiver.open();
  });
  afterAll(async () => {
    for (const server of [...servers].reverse()) await server.stop();
    await receiving.close();
  });

  it('are sent by one of them: each arrives once, in the order of the log, wherever it ended, and wakes a receiver that waits at the other', async () => {
    const [one, other] = servers as [TestServer, TestServer];
    const receiver = await receiverOf(one);
    await makeStream(one, receiver, pushTo(receiving.url));
    const polled = await makeStream(other, receiver);
    const { clientId, clientSecret } = await registerAgent(one);
    const basic: [string, string] = [clientId, clientSecret];
    const waiting = poll(other, receiver, polled, {});
    const revoked: string[] = [];
    for (let count = 0; count < 30; count += 1) {
      const server = count % 2 === 0 ? one : other;
      const token = await issue(server, basic, { scope: 'weather:read' });
      expect((await post(server, '/api/oauth/revoke', { token }, { basic })).status).toBe(200);
      revoked.push(tokenIdOf(token));
    }
    await until('all have arrived', () => receiving.tokens.length >= revoked.length);
    expect((await receiving.sets(receiver.verify)).map(({ sub_id: { jti } }) => jti)).toEqual(revoked);
    expect(Object.keys((await waiting).body.sets).length).toBeGreaterThan(0);
  });
});
