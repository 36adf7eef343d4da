import { ValidationPipe } from '@nestjs/common';
import { openAgentRegistry, type AgentRegistry } from '../../../test/support/agent-registry.js';
import { eventsAbout, machineCaller, newOrganization, newPerson, outcomes } from '../../../test/support/registry.js';
import { useClock } from '../../kernel/clock.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { TOKEN_EXCHANGE } from '../clients/client-registration.service.js';
import { AgentDto, RegisterAgentDto } from './agents.dto.js';

let registry: AgentRegistry;
let ours: OrganizationId;
let admin: Caller & { email: string };
let member: Caller & { email: string };
let stranger: Caller;

beforeAll(async () => {
  registry = await openAgentRegistry();
  ours = await newOrganization(registry, 'default');
  admin = await newPerson(registry, ours, 'admin');
  member = await newPerson(registry, ours, 'member', ['agents:read', 'agents:write', 'weather:read']);
  stranger = await newPerson(registry, await newOrganization(registry, 'theirs'), 'owner');
});

afterAll(() => registry.database.drop());

async function enrolmentToken(organizationId: OrganizationId): Promise<string> {
  const { text, hash } = registry.machineSecrets.mint('enrolment');
  await registry.database.dataSource.query('UPDATE organizations SET enrolment_token_hash = $2 WHERE id = $1', [organizationId, hash]);
  return text;
}

describe('a caller with agents:write', () => {
  it('registers an agent that is one with its client and waits to be activated', async () => {
    const { agent, client, credentials } = await registry.enrolment.register(admin, {
      agent_name: 'Weather watcher', description: 'Watches the weather.', scopes: ['weather:read'], agent_type: 'retrieval', agent_model: 'model-x', agent_version: '2', agent_provider: 'example.com',
      capabilities: ['acme:forecast'], trust_level: 'verified', metadata: { team: 'sky' },
    });
    expect(credentials).toEqual({ client_id: agent.id, client_secret: expect.stringMatching(/^lgt_client_/), registration_token: expect.stringMatching(/^lgt_registration_/) });
    expect(AgentDto.of({ agent, client })).toMatchObject({
      id: agent.id, client_id: agent.id, organization_id: ours, agent_name: 'Weather watcher', status: 'pending', owner_user_id: admin.subject, owner_email: admin.email,
      agent_type: 'retrieval', trust_level: 'verified', scopes: ['weather:read'], grant_types: ['client_credentials', TOKEN_EXCHANGE], token_endpoint_auth_method: 'client_secret_basic', activated_at: null,
    });
    expect(await registry.clients.findCached(agent.id)).toMatchObject({ kind: 'agent', status: 'pending', name: 'Weather watcher', scopes: new Set(['weather:read']) });
    expect(await registry.agents.findCached(agent.id)).toEqual({
      id: agent.id, organizationId: ours, isLimited: false, hasLimitedTasks: false, name: 'Weather watcher', status: 'pending', ownerUserId: admin.subject,
      profile: { type: 'retrieval', model: 'model-x', version: '2', provider: 'example.com', trustLevel: 'verified', capabilities: ['acme:forecast'] },
    });
    expect(await eventsAbout(registry, agent.id)).toEqual(['agent.registered']);
  });

  it('makes people its owner who are members, and notes the address of others', async () => {
    const ofMember = await registry.enrolment.register(admin, { agent_name: 'Of a member', owner_email: member.email.toUpperCase() });
    expect(ofMember.agent).toMatchObject({ ownerUserId: member.subject, ownerEmail: member.email });
    const client = machineCaller('client', 'bootstrap', ours, ['agents:write']);
    const ofNobody = await registry.enrolment.register(client, { agent_name: 'Of nobody here', owner_email: 'ops@example.org' });
    expect(ofNobody.agent).toMatchObject({ ownerUserId: null, ownerEmail: 'ops@example.org' });
  });

  it('takes no name twice in an organization, in whatever letters and however fast', async () => {
    const attempts = Array.from({ length: 5 }, (_, index) => registry.enrolment.register(admin, { agent_name: index % 2 ? 'Unique' : 'UNIQUE' }));
    expect(await outcomes(attempts)).toEqual({ succeeded: 1, refusedWith: ['agent_name_taken'] });
    await registry.enrolment.register(stranger, { agent_name: 'Unique' });
    const [{ count }] = await registry.database.dataSource.query(`SELECT count(*) FROM clients WHERE lower(name) = 'unique'`);
    expect(Number(count)).toBe(2);
  });

  it('hands out only what they hold, and members vouch for nothing and nobody', async () => {
    await registry.enrolment.register(member, { agent_name: 'Held', scopes: ['weather:read'] });
    await expect(registry.enrolment.register(member, { agent_name: 'Not held', scopes: ['stocks:read'] })).rejects.toMatchObject({ code: 'scopes_not_held', details: { missing_scopes: ['stocks:read'] } });
    await expect(registry.enrolment.register(member, { agent_name: 'Vouched', trust_level: 'verified' })).rejects.toMatchObject({ code: 'trust_level_not_yours' });
    await expect(registry.enrolment.register(member, { agent_name: 'Not mine', owner_email: admin.email })).rejects.toMatchObject({ code: 'owner_not_yours' });
    const agent = machineCaller('agent', newId(), ours, ['agents:write', 'weather:read']);
    await registry.enrolment.register(agent, { agent_name: 'Child', scopes: ['weather:read'] });
    await expect(registry.enrolment.register(agent, { agent_name: 'Child 2', scopes: ['audit:read'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
    await expect(registry.enrolment.register(agent, { agent_name: 'Child 3', trust_level: 'verified' })).rejects.toMatchObject({ code: 'trust_level_not_yours' });
    await expect(registry.enrolment.register(admin, { agent_name: 'Unknown', scopes: ['nobody:knows'] })).rejects.toMatchObject({ code: 'unknown_scope' });
  });

  it.each([
    ['redirect URIs', { redirect_uris: ['https://agent.example.com/cb'] }, ['client_credentials', TOKEN_EXCHANGE, 'authorization_code', 'refresh_token'], true],
    ['redirect URIs and no way to authenticate', { redirect_uris: ['https://agent.example.com/cb'], token_endpoint_auth_method: 'none' as const }, ['authorization_code', 'refresh_token'], false],
    ['keys', { token_endpoint_auth_method: 'private_key_jwt' as const, jwks_uri: 'https://agent.example.com/jwks' }, ['client_credentials', TOKEN_EXCHANGE], false],
  ])('gets grants and credentials that fit %s', async (what, body, grantTypes, hasSecret) => {
    const { client, credentials } = await registry.enrolment.register(admin, { agent_name: `With ${what}`, ...body });
    expect(client.grantTypes).toEqual(grantTypes);
    expect(credentials.client_secret !== undefined).toBe(hasSecret);
    expect(credentials.registration_token).toBeDefined();
  });

  it('is told what is wrong with the way the agent shall authenticate, and nothing is left behind', async () => {
    await expect(registry.enrolment.register(admin, { agent_name: 'Left behind', token_endpoint_auth_method: 'none' })).rejects.toMatchObject({ code: 'invalid_client_metadata' });
    await expect(registry.enrolment.register(admin, { agent_name: 'Left behind', redirect_uris: ['http://evil.example'] })).rejects.toMatchObject({ code: 'invalid_redirect_uri' });
    await expect(registry.enrolment.register(admin, { agent_name: 'Left behind', token_endpoint_auth_method: 'private_key_jwt' })).rejects.toMatchObject({ code: 'invalid_client_metadata' });
    expect((await registry.directory.list(admin, { q: 'Left behind' })).data).toEqual([]);
  });
});

describe('the holder of the enrolment token', () => {
  it('registers an agent without scopes, owner or trust, which somebody then approves', async () => {
    const token = await enrolmentToken(ours);
    const { agent, client, credentials } = await registry.enrolment.register(undefined, { agent_name: 'Enrolled', enrolment_token: token, scopes: ['keys:write'], default_scopes: ['keys:write'], owner_email: admin.email });
    expect(agent).toMatchObject({ organizationId: ours, status: 'pending', ownerUserId: null, ownerEmail: admin.email, trustLevel: 'unverified' });
    expect(client).toMatchObject({ scopes: [], defaultScopes: [] });
    const [{ body }] = await registry.database.dataSource.query(`SELECT body FROM audit_events WHERE body::json -> 'target' ->> 'id' = $1`, [agent.id]);
    expect(JSON.parse(body as string)).toMatchObject({ actor: { kind: 'anonymous' }, details: { registered_by: 'enrolment_token', requested_scopes: ['keys:write'], scopes: [] } });
    expect(body).not.toContain(token.slice(-10));

    await registry.agents.activate(credentials.registration_token!);
    expect((await registry.clients.findCached(agent.id))!.scopes.size).toBe(0);
    await registry.agentAdministration.update(admin, agent.id, { scopes: ['weather:read'] });
    expect((await registry.clients.findCached(agent.id))!.scopes).toEqual(new Set(['weather:read']));
  });

  it('may not say how far the agent is trusted', async () => {
    await expect(registry.enrolment.register(undefined, { agent_name: 'Sure', enrolment_token: await enrolmentToken(ours), trust_level: 'verified' })).rejects.toMatchObject({ code: 'trust_level_not_yours' });
  });

  it('is turned away with a wrong, withdrawn or foreign one', async () => {
    const token = await enrolmentToken(ours);
    await enrolmentToken(ours);
    for (const enrolment_token of ['x', token, registry.machineSecrets.mint('enrolment').text, registry.machineSecrets.mint('client').text]) {
      await expect(registry.enrolment.register(undefined, { agent_name: 'Refused', enrolment_token })).rejects.toMatchObject({ kind: 'unauthenticated', code: 'invalid_enrolment_token' });
    }
  });
});

describe('anybody else', () => {
  it('is turned away while registration is closed', async () => {
    await expect(registry.enrolment.register(undefined, { agent_name: 'Stranger' })).rejects.toMatchObject({ kind: 'unauthenticated', code: 'registration_closed' });
    const reader = machineCaller('client', 'x', ours, ['agents:read']);
    await expect(registry.enrolment.register(reader, { agent_name: 'Stranger' })).rejects.toMatchObject({ kind: 'forbidden', code: 'insufficient_scope' });
  });

  it('registers an agent without scopes where it is open, in the organization named or the default one', async () => {
    const { agent, client } = await registry.openEnrolment.register(undefined, { agent_name: 'Walk-in', scopes: ['weather:read'] });
    expect(agent).toMatchObject({ organizationId: ours, trustLevel: 'unverified', ownerUserId: null });
    expect(client.scopes).toEqual([]);
    const there = await registry.openEnrolment.register(undefined, { agent_name: 'Walk-in', organization: 'theirs' });
    expect(there.agent.organizationId).toBe(stranger.organizationId);
    await expect(registry.openEnrolment.register(undefined, { agent_name: 'Walk-in', organization: 'nowhere' })).rejects.toMatchObject({ code: 'unknown_organization' });
    await expect(registry.openEnrolment.register(undefined, { agent_name: 'Sure', trust_level: 'verified' })).rejects.toMatchObject({ code: 'trust_level_not_yours' });
  });
});

describe('activation', () => {
  it('works once, however many try at the same time', async () => {
    const { agent, credentials } = await registry.enrolment.register(admin, { agent_name: 'Raced' });
    const attempts = Array.from({ length: 20 }, () => registry.agents.activate(credentials.registration_token!));
    expect(await outcomes(attempts)).toEqual({ succeeded: 1, refusedWith: ['invalid_registration_token'] });
    expect(await eventsAbout(registry, agent.id)).toEqual(['agent.registered', 'agent.activated']);
    expect((await registry.agents.findCached(agent.id))!.status).toBe('active');
    expect(await registry.clients.findCached(agent.id)).toMatchObject({ status: 'active', version: 2 });
  });

  it('is over after 24 hours', async () => {
    let at = Date.now();
    const putBack = useClock({ now: () => at });
    try {
      const inTime = await registry.enrolment.register(admin, { agent_name: 'In time' });
      const late = await registry.enrolment.register(admin, { agent_name: 'Late' });
      at += 24 * 3600 * 1000 - 1;
      expect((await registry.agents.activate(inTime.credentials.registration_token!)).agent).toMatchObject({ status: 'active', registrationTokenHash: null });
      at += 1;
      await expect(registry.agents.activate(late.credentials.registration_token!)).rejects.toMatchObject({ code: 'invalid_registration_token' });
    } finally {
      putBack();
    }
  });

  it('takes nothing but a registration token, and answers all else alike', async () => {
    const suspended = await registry.enrolment.register(admin, { agent_name: 'Suspended early' });
    await registry.agentAdministration.suspend(admin, suspended.agent.id);
    const gone = await registry.enrolment.register(admin, { agent_name: 'Gone early' });
    await registry.agentAdministration.deactivate(admin, gone.agent.id);
    for (const token of [
      '', 'x', suspended.credentials.client_secret!, registry.machineSecrets.mint('registration').text, suspended.credentials.registration_token!, gone.credentials.registration_token!,
      suspended.credentials.registration_token!.replace(/.$/, '!'),
    ]) await expect(registry.agents.activate(token)).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_registration_token', message: 'The registration token is not valid, was used before, or has expired.' });

    // Resumed, it waits where it stood.
    expect((await registry.agentAdministration.resume(admin, suspended.agent.id)).agent.status).toBe('pending');
    await registry.agents.activate(suspended.credentials.registration_token!);
  });

  it('does not happen in a suspended organization', async () => {
    const closing = await newOrganization(registry, 'closing');
    const { agent, credentials } = await registry.enrolment.register(await newPerson(registry, closing, 'owner'), { agent_name: 'Closed out' });
    await registry.database.dataSource.query(`UPDATE organizations SET status = 'suspended' WHERE id = $1`, [closing]);
    await expect(registry.agents.activate(credentials.registration_token!)).rejects.toMatchObject({ code: 'invalid_registration_token' });
    await registry.database.dataSource.query(`UPDATE agents SET status = 'active' WHERE id = $1`, [agent.id]);
    expect((await registry.agents.findCached(agent.id))!.status).not.toBe('active');
  });
});

describe('registration inside another transaction', () => {
  it('makes an agent that works from the start, with a password if it has one', async () => {
    const { credentials } = await registry.database.dataSource.transaction((manager) => registry.agents.register(
      manager, { organizationId: ours, name: 'Quick', scopes: ['weather:read'], passwordHash: 'first', isActive: true }, { actor: { kind: 'anonymous' } }));
    expect(credentials.registration_token).toBeUndefined();
    expect(await registry.agents.findByName('default', 'QUICK')).toMatchObject({ agent: { id: credentials.client_id, status: 'active' }, passwordHash: 'first' });
    await registry.database.dataSource.transaction((manager) => registry.agents.setPassword(manager, credentials.client_id as never, 'second'));
    expect(await registry.agents.findByName('default', 'quick')).toMatchObject({ passwordHash: 'second' });
    expect(await registry.agents.findByName('theirs', 'quick')).toBeUndefined();
    expect(await registry.agents.findByName('default', 'qui_k')).toBeUndefined();
    expect(await registry.agents.findByName('default', 'qui\0k')).toBeUndefined();
    await registry.agentAdministration.deactivate(admin, credentials.client_id);
    expect(await registry.agents.findByName('default', 'quick')).toBeUndefined();
  });
});

describe('bodies of registrations', () => {
  const pipe = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  const register = (body: unknown) => pipe.transform(body, { type: 'body', metatype: RegisterAgentDto }) as Promise<RegisterAgentDto>;

  it('are taken as they are when they are right', async () => {
    const body = { agent_name: 'A', owner_email: 'a@example.com', capabilities: ['acme:x'], metadata: { a: [1] }, agent_type: 'coding', organization: 'default', enrolment_token: 'x' };
    expect(await register(body)).toEqual(body);
  });

  it.each([
    ['an organization id', { organization_id: newId() }],
    ['an owner', { owner_user_id: newId() }],
    ['a status', { status: 'active' }],
    ['an id of their own', { client_id: newId() }],
    ['a role', { role: 'owner' }],
    ['limits', { limits: { requests_per_hour: 1e9 } }],
    ['a password hash', { password_hash: 'x' }],
    ['an unknown type', { agent_type: 'overlord' }],
    ['an unknown trust level', { trust_level: 'absolute' }],
    ['a capability with a space', { capabilities: ['a b'] }],
    ['51 capabilities', { capabilities: Array.from({ length: 51 }, (_, index) => `c${index}`) }],
    ['a name with a bidi override', { agent_name: 'A\u202Etxt' }],
    ['a name with a NUL', { agent_name: 'A\0' }],
    ['an address that is none', { owner_email: 'somebody' }],
    ['too much metadata', { metadata: { text: 'x'.repeat(16_384) } }],
    ['half a character in metadata', { metadata: { text: '\uD800' } }],
    ['metadata that is a string', { metadata: 'x' }],
    ['a list for a name', { agent_name: ['A'] }],
  ])('are refused with %s', async (_what, members) => {
    await expect(register({ agent_name: 'A', ...members })).rejects.toMatchObject({ status: 400 });
  });

  it('lose what reaches a prototype', async () => {
    const { metadata } = await register(JSON.parse('{"agent_name":"A","metadata":{"constructor":5,"a":{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"kept":1}}}'));
    expect(metadata).toEqual({ a: { kept: 1 } });
    expect(({} as { x?: number; y?: number }).x).toBeUndefined();
  });
});
