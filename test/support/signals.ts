import { DataSource } from 'typeorm';
import { afterEach, expect } from 'vitest';
import type { TestApplication } from './application.js';
import { bootstrapToken, call, post, type Answer } from './api.js';
import { registerAgent } from './clients.js';
import { auditTrail } from './directory.js';
import type { ServerAddress } from './server.js';
import { PushReceiver, setVerifier, until, type ReceivedSet } from './set-receiver.js';

/** A resource of the tests, with the scope `trips:read`. */
export const API = 'https://trips.example/api';
export const PUSH = 'urn:ietf:rfc:8935';
export const POLL = 'urn:ietf:rfc:8936';

export interface Stream { stream_id: string; aud: string; delivery: { method: string; endpoint_url: string } }
export interface Machine { readonly id: string; readonly basic: [string, string] }
/** A client that receives, with a token of its own. */
export interface Receiver extends Machine { readonly token: string; readonly verify: (token: string) => Promise<ReceivedSet> }

/** Opens sites that events are pushed to. They close after the test, when its streams have ended. */
export function sitesOfReceivers(): () => Promise<PushReceiver> {
  const opened: PushReceiver[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });
  return async () => {
    const receiving = await PushReceiver.open();
    opened.push(receiving);
    return receiving;
  };
}

/** What the log has of one type. */
export async function recordedEvents(server: TestApplication, type: string): Promise<Record<string, unknown>[]> {
  return (await auditTrail(server.inside(DataSource))).filter((event) => event['type'] === type);
}

export async function receiverOf(server: ServerAddress, token?: string): Promise<Receiver> {
  const fields = { client_name: `receiver ${Math.random()}`, grant_types: ['client_credentials'], scopes: ['ssf.manage', 'ssf.read'] };
  const { body } = await call(server, 'POST', '/api/admin/clients/register', { token: token ?? await bootstrapToken(server), body: fields });
  const basic: [string, string] = [String(body['client_id']), String(body['client_secret'])];
  const issued = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', resource: `${server.issuer}/api` }, { basic });
  return { id: basic[0], basic, token: String(issued.body['access_token']), verify: await setVerifier(server, basic[0]) };
}

export async function makeStream(server: ServerAddress, { token }: Receiver, body: object = {}): Promise<Stream> {
  const answer = await call<Stream & Record<string, unknown>>(server, 'POST', '/ssf/v1/streams', { token, body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

export const pushTo = (url: string, more: object = {}) => ({ delivery: { method: PUSH, endpoint_url: url, ...more } });

export interface Polled { sets: Record<string, string>; moreAvailable: boolean }

export function poll(server: ServerAddress, { token }: Pick<Receiver, 'token'>, { stream_id: id }: Stream, body: object = { returnImmediately: true }): Promise<Answer<Polled>> {
  return call<Polled>(server, 'POST', `/ssf/v1/streams/${id}/poll`, { token, body });
}

/** Polls and acknowledges until this many have come, and answers them in order. */
export async function pollAll(server: ServerAddress, receiver: Receiver, stream: Stream, count: number): Promise<ReceivedSet[]> {
  const got: ReceivedSet[] = [];
  let ack: string[] = [];
  await until(`${count} tokens were polled`, async () => {
    const { status, body } = await poll(server, receiver, stream, { ack, maxEvents: 7 });
    expect(status).toBe(200);
    ack = Object.keys(body.sets);
    got.push(...await Promise.all(Object.values(body.sets).map(receiver.verify)));
    return got.length >= count;
  });
  await poll(server, receiver, stream, { ack, maxEvents: 0 });
  return got;
}

export function tokenIdOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { jti: string }).jti;
}

export async function issue(server: ServerAddress, basic: [string, string], form: Record<string, string> = {}): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...form }, { basic });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body['access_token']);
}

export const payloadOf = (set: ReceivedSet) => Object.values(set.events)[0]!;
export const typeOf = (set: ReceivedSet) => Object.keys(set.events)[0]!;
export const idsOf = (sets: readonly ReceivedSet[]) => sets.flatMap((set) => (payloadOf(set)['token_ids'] ?? []) as string[]);


/** Where the tokens of the tests are good. */
export async function makeTrips(server: ServerAddress, token: string): Promise<void> {
  await call(server, 'POST', '/api/scopes', { token, body: { name: 'trips:read', description: 'Trips' } });
  await call(server, 'POST', '/api/resources', { token, body: { identifier: API, name: 'Trips', scopes: ['trips:read'] } });
}

export async function makeAgent(server: ServerAddress, scopes = ['trips:read', 'delegations:write']): Promise<Machine> {
  const { clientId, clientSecret } = await registerAgent(server, { scopes });
  return { id: clientId, basic: [clientId, clientSecret] };
}

/** Issues a token and revokes it; answers its id. */
export async function revokeOne(server: ServerAddress, { basic }: Machine): Promise<string> {
  const token = await issue(server, basic, { resource: API });
  const { status } = await post(server, '/api/oauth/revoke', { token }, { basic });
  expect(status).toBe(200);
  return tokenIdOf(token);
}

export async function statusOf(server: ServerAddress, { token }: Pick<Receiver, 'token'>, { stream_id: id }: Stream): Promise<Record<string, unknown>> {
  return (await call(server, 'GET', `/ssf/v1/status?stream_id=${id}`, { token })).body;
}

/** Ends all streams of the organization. */
export async function endStreams(server: ServerAddress, admin: string): Promise<void> {
  for (const { stream_id: id } of (await call<Stream[]>(server, 'GET', '/ssf/v1/streams', { token: admin })).body) await call(server, 'DELETE', `/ssf/v1/streams?stream_id=${id}`, { token: admin });
}
