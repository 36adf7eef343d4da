import { ValidationPipe } from '@nestjs/common';
import { openAgentRegistry, type AgentRegistry } from '../../../test/support/agent-registry.js';
import { eventsAbout, machineCaller, newOrganization, newPerson } from '../../../test/support/registry.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';
import { UpdateAgentDto } from './agents.dto.js';

let registry: AgentRegistry;
let ours: OrganizationId;
let admin: Caller & { email: string };
let member: Caller & { email: string };
let otherMember: Caller & { email: string };
let stranger: Caller;
let serial = 0;

beforeAll(async () => {
  registry = await openAgentRegistry();
  ours = await newOrganization(registry, 'default');
  admin = await newPerson(registry, ours, 'admin');
  member = await newPerson(registry, ours, 'member', ['agents:read', 'agents:write', 'weather:read']);
  otherMember = await newPerson(registry, ours, 'member', ['agents:read', 'agents:write']);
  stranger = await newPerson(registry, await newOrganization(registry, 'theirs'), 'owner');
});

afterAll(() => registry.database.drop());

async function activeAgent(by: Caller, scopes: string[] = []) {
  serial += 1;
  const { agent, credentials } = await registry.enrolment.register(by, { agent_name: `Agent ${serial}`, scopes });
  await registry.agents.activate(credentials.registration_token!);
  return { id: agent.id as string, secret: credentials.client_secret! };
}

describe('an agent', () => {
  it('is changed together with its client, and both are fresh at once', async () => {
    const { id } = await activeAgent(admin, ['weather:read']);
    await registry.agents.findCached(id);
    const { agent, client } = await registry.agentAdministration.update(admin, id, {
      agent_name: 'Renamed', description: 'New', scopes: ['weather:read', 'stocks:read'], default_scopes: ['stocks:read'], agent_type: 'coding', agent_model: 'm', trust_level: 'verified', capabilities: ['a'], metadata: { a: 1 },
    });
    expect(agent).toMatchObject({ name: 'Renamed', description: 'New', agentType: 'coding', trustLevel: 'verified', status: 'active', ownerUserId: admin.subject });
    expect(client).toMatchObject({ name: 'Renamed', scopes: ['weather:read', 'stocks:read'], defaultScopes: ['stocks:read'], status: 'active' });
    expect(await registry.agents.findCached(id)).toMatchObject({ name: 'Renamed', profile: { type: 'coding', model: 'm', trustLevel: 'verified', capabilities: ['a'] } });
    expect((await registry.clients.findCached(id))!.scopes).toEqual(new Set(['weather:read', 'stocks:read']));

    const less = await registry.agentAdministration.update(admin, id, { scopes: ['weather:read'], agent_model: null });
    expect(less.client).toMatchObject({ scopes: ['weather:read'], defaultScopes: [] });
    expect(less.agent).toMatchObject({ agentModel: null, description: 'New', metadata: { a: 1 } });
    expect(await eventsAbout(registry, id)).toEqual(['agent.registered', 'agent.activated', 'agent.updated', 'agent.updated']);
  });

  it('cannot take the name of another', async () => {
    const [one, other] = [await activeAgent(admin), await activeAgent(admin)];
    await registry.agentAdministration.update(admin, one.id, { agent_name: 'Taken' });
    await expect(registry.agentAdministration.update(admin, other.id, { agent_name: 'taken' })).rejects.toMatchObject({ code: 'agent_name_taken' });
    await registry.agentAdministration.deactivate(admin, one.id);
    await registry.agentAdministration.update(admin, other.id, { agent_name: 'taken' });
  });

  it('is suspended, resumed and deactivated with its client, each once on record', async () => {
    const { id, secret } = await activeAgent(admin);
    const statuses = async () => [(await registry.agents.findCached(id))!.status, (await registry.clients.findCached(id))!.status];
    await registry.agentAdministration.suspend(admin, id);
    expect((await registry.agentAdministration.suspend(admin, id)).agent.suspendedAt).toBeInstanceOf(Date);
    expect(await statuses()).toEqual(['suspended', 'suspended']);
    await registry.agentAdministration.resume(admin, id);
    expect((await registry.agentAdministration.resume(admin, id)).agent.suspendedAt).toBeNull();
    expect(await statuses()).toEqual(['active', 'active']);
    await registry.agentAdministration.deactivate(admin, id);
    await registry.agentAdministration.deactivate(admin, id);
    expect(await statuses()).toEqual(['deactivated', 'deactivated']);
    expect(registry.clients.verifySecret(await registry.clients.findCached(id), secret)).toBeUndefined();
    expect(await registry.directory.get(admin, id)).toMatchObject({ agent: { status: 'deactivated' } });
    expect(await eventsAbout(registry, id)).toEqual(['agent.registered', 'agent.activated', 'agent.suspended', 'agent.resumed', 'agent.deactivated']);
  });

  it('that is deactivated stays so', async () => {
    const { id } = await activeAgent(admin);
    await registry.agentAdministration.deactivate(admin, id);
    for (const attempt of [
      () => registry.agentAdministration.resume(admin, id), () => registry.agentAdministration.suspend(admin, id),
      () => registry.agentAdministration.update(admin, id, { agent_name: 'Back' }), () => registry.agentSecrets.add(admin, id, {}),
    ]) await expect(attempt()).rejects.toMatchObject({ kind: 'conflict', code: 'agent_deactivated' });
  });

  it('keeps working in one state when it is suspended and resumed by many at once', async () => {
    const { id } = await activeAgent(admin);
    await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 ? registry.agentAdministration.suspend(admin, id) : registry.agentAdministration.resume(admin, id))));
    const { agent, client } = await registry.directory.get(admin, id);
    expect(client.status).toBe(agent.status);
  });

  it('sees itself', async () => {
    const { id } = await activeAgent(admin);
    expect((await registry.directory.me(machineCaller('agent', id, ours, []))).agent.id).toBe(id);
    await expect(registry.directory.me(admin)).rejects.toMatchObject({ code: 'not_an_agent' });
    await expect(registry.directory.me(machineCaller('agent', id, stranger.organizationId, []))).rejects.toMatchObject({ kind: 'not_found' });
  });
});

describe('members', () => {
  it('see and manage their own agents only', async () => {
    const { id } = await activeAgent(member);
    expect((await registry.directory.list(member, {})).data.map(({ agent }) => agent.ownerUserId)).toEqual([member.subject]);
    expect((await registry.directory.list(otherMember, {})).data).toEqual([]);
    await registry.agentAdministration.suspend(member, id);
    await registry.agentAdministration.resume(member, id);
    await registry.agentSecrets.add(member, id, {});
    await expect(everythingWith(otherMember, id)).resolves.toEqual(Array.from({ length: 8 }, () => 'not_found'));
    await registry.agentAdministration.update(admin, id, { owner_email: otherMember.email });
    await expect(everythingWith(member, id)).resolves.toEqual(Array.from({ length: 8 }, () => 'not_found'));
    expect((await registry.directory.get(otherMember, id)).agent.ownerUserId).toBe(otherMember.subject);
  });

  it('give their agents nothing that they do not hold, no trust, and no other owner', async () => {
    const { id } = await activeAgent(member, ['weather:read']);
    await expect(registry.agentAdministration.update(member, id, { scopes: ['weather:read', 'stocks:read'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
    await expect(registry.agentAdministration.update(member, id, { trust_level: 'verified' })).rejects.toMatchObject({ code: 'trust_level_not_yours' });
    await expect(registry.agentAdministration.update(member, id, { owner_email: admin.email })).rejects.toMatchObject({ code: 'owner_not_yours' });
    await registry.agentAdministration.update(member, id, { owner_email: member.email, description: 'Mine' });

    // Somebody else gave it more than its owner holds: being the owner is no way to that.
    await registry.agentAdministration.update(admin, id, { scopes: ['weather:read', 'audit:read'] });
    await expect(registry.agentSecrets.add(member, id, {})).rejects.toMatchObject({ code: 'scopes_not_held', details: { missing_scopes: ['audit:read'] } });
    await expect(registry.agentAdministration.update(member, id, { redirect_uris: ['https://mine.example/cb'], grant_types: ['authorization_code'] })).rejects.toMatchObject({ code: 'scopes_not_held' });
    await registry.agentAdministration.update(member, id, { description: 'Still mine' });
    await registry.agentAdministration.update(member, id, { scopes: ['weather:read'] });
  });
});

/** What each thing one can do with one agent is refused with. */
async function everythingWith(caller: Caller, id: string): Promise<string[]> {
  const [secret] = await registry.directory.listSecrets(admin, id).catch(() => registry.directory.listSecrets(stranger, id));
  const attempts = await Promise.allSettled([
    registry.directory.get(caller, id), registry.directory.listSecrets(caller, id), registry.agentAdministration.update(caller, id, { description: 'Mine' }),
    registry.agentAdministration.suspend(caller, id), registry.agentAdministration.resume(caller, id), registry.agentAdministration.deactivate(caller, id),
    registry.agentSecrets.add(caller, id, {}), registry.agentSecrets.retire(caller, id, secret!.id),
  ]);
  return attempts.map((attempt) => (attempt.status === 'rejected' ? (attempt.reason as { kind: string }).kind : 'done'));
}

describe('another organization', () => {
  it('has nothing to do with an agent, whatever the role', async () => {
    const { id } = await activeAgent(admin);
    for (const caller of [stranger, machineCaller('client', 'x', stranger.organizationId, ['agents:read', 'agents:write']), machineCaller('agent', newId(), stranger.organizationId, ['agents:read', 'agents:write'])]) {
      expect(await everythingWith(caller, id)).toEqual(Array.from({ length: 8 }, () => 'not_found'));
      expect((await registry.directory.list(caller, {})).data).toEqual([]);
    }
    await expect(registry.directory.get(admin, 'no-such-id')).rejects.toMatchObject({ kind: 'not_found' });
    await expect(registry.agentAdministration.suspend(admin, newId())).rejects.toMatchObject({ kind: 'not_found' });
  });
});

describe('secrets of an agent', () => {
  it('overlap and are retired one by one', async () => {
    const { id, secret } = await activeAgent(admin);
    const added = await registry.agentSecrets.add(admin, id, { label: 'next' });
    const [first] = await registry.directory.listSecrets(admin, id);
    expect(registry.clients.verifySecret(await registry.clients.findCached(id), secret)).toBe(first!.id);
    expect(registry.clients.verifySecret(await registry.clients.findCached(id), added.text)).toBe(added.secret.id);
    await registry.agentSecrets.retire(admin, id, first!.id);
    expect(registry.clients.verifySecret(await registry.clients.findCached(id), secret)).toBeUndefined();
    expect(registry.clients.verifySecret(await registry.clients.findCached(id), added.text)).toBe(added.secret.id);
    expect((await eventsAbout(registry, id)).slice(-2)).toEqual(['client.secret_added', 'client.secret_retired']);
    const other = await activeAgent(admin);
    await expect(registry.agentSecrets.retire(admin, other.id, added.secret.id)).rejects.toMatchObject({ code: 'secret_not_found' });
  });
});

describe('the list', () => {
  it('is filtered by status, type, owner and text, wildcards taken literally', async () => {
    const organizationId = await newOrganization(registry, 'listed');
    const owner = await newPerson(registry, organizationId, 'owner');
    const names = async (query: Parameters<typeof registry.directory.list>[1]) => (await registry.directory.list(owner, query)).data.map(({ agent }) => agent.name).sort();
    const one = await registry.enrolment.register(owner, { agent_name: '100% sure', agent_type: 'coding' });
    await registry.enrolment.register(owner, { agent_name: 'a_b', description: 'under_score', owner_email: 'Ops@Example.org' });
    const gone = await registry.enrolment.register(owner, { agent_name: 'axb' });
    await registry.agentAdministration.deactivate(owner, gone.agent.id);
    await registry.agents.activate(one.credentials.registration_token!);

    expect(await names({})).toEqual(['100% sure', 'a_b']);
    expect(await names({ status: 'deactivated' })).toEqual(['axb']);
    expect(await names({ status: 'active' })).toEqual(['100% sure']);
    expect(await names({ agent_type: 'coding' })).toEqual(['100% sure']);
    expect(await names({ owner: owner.subject })).toEqual(['100% sure']);
    expect(await names({ owner: 'ops@example.ORG' })).toEqual(['a_b']);
    expect(await names({ q: '%' })).toEqual(['100% sure']);
    expect(await names({ q: 'A_B' })).toEqual(['a_b']);
    expect(await names({ q: 'r_s' })).toEqual(['a_b']);
    expect(await names({ q: one.agent.id })).toEqual(['100% sure']);
    const first = await registry.directory.list(owner, { limit: 1 });
    const second = await registry.directory.list(owner, { limit: 1, cursor: first.next_cursor! });
    expect([first.data[0]!.agent.name, second.data[0]!.agent.name, second.next_cursor]).toEqual(['100% sure', 'a_b', null]);
    expect(first.data[0]!.client.id).toBe(first.data[0]!.agent.id);
  });
});

describe('bodies of changes', () => {
  const pipe = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });

  it.each([['status', 'active'], ['organization_id', newId()], ['owner_user_id', newId()], ['enrolment_token', 'x'], ['client_id', newId()], ['activated_at', '2030-01-01T00:00:00Z'], ['limits', {}]])('may not hold %s', async (member, value) => {
    await expect(pipe.transform({ [member]: value }, { type: 'body', metatype: UpdateAgentDto })).rejects.toMatchObject({ status: 400 });
  });
});
