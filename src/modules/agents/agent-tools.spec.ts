import { openAgentRegistry, type AgentRegistry } from '../../../test/support/agent-registry.js';
import { eventsAbout, machineCaller, newOrganization, newPerson } from '../../../test/support/registry.js';
import { newId, type OrganizationId } from '../../kernel/ids.js';
import type { Caller } from '../../platform/http/caller.js';

let registry: AgentRegistry;
let ours: OrganizationId;
let admin: Caller;
let member: Caller;
let stranger: Caller;
let serial = 0;

beforeAll(async () => {
  registry = await openAgentRegistry();
  ours = await newOrganization(registry, 'default');
  admin = await newPerson(registry, ours, 'admin');
  member = await newPerson(registry, ours, 'member', ['agents:read', 'agents:write', 'weather:read']);
  stranger = await newPerson(registry, await newOrganization(registry, 'theirs'), 'owner');
  await registry.database.dataSource.transaction((manager) => registry.scopes.ensure(manager, ours, ['cal:read', 'cal:write']));
});

afterAll(() => registry.database.drop());

async function tool(permissions: string[] = [], by = admin) {
  serial += 1;
  return registry.toolAdministration.create(by, { name: `tool_${String(serial).padStart(3, '0')}`, permissions_required: permissions });
}

async function agent(by: Caller = admin, fields: object = {}): Promise<string> {
  serial += 1;
  return (await registry.enrolment.register(by, { agent_name: `Agent ${serial}`, scopes: [], ...fields })).agent.id;
}

const namesOf = async (id: string) => (await registry.tools.ofAgent(id)).map(({ name }) => name);

describe('the tools of an agent', () => {
  it('are given and taken away, each once on record, and are fresh at once', async () => {
    const [id, one, two] = [await agent(), await tool(['cal:read']), await tool()];
    expect(await namesOf(id)).toEqual([]);
    await registry.agentTools.assign(admin, id, two.id);
    await registry.agentTools.assign(admin, id, one.id);
    await registry.agentTools.assign(admin, id, one.id);
    expect(await registry.tools.ofAgent(id)).toEqual([one, two].map(({ id: toolId, name, permissionsRequired }) => ({ id: toolId, name, permissionsRequired, resourceIdentifier: null, costMicros: 0 })));
    expect((await registry.agentTools.list(admin, id)).map(({ name }) => name)).toEqual([one.name, two.name]);
    await registry.agentTools.remove(admin, id, one.id);
    await expect(registry.agentTools.remove(admin, id, one.id)).rejects.toMatchObject({ kind: 'not_found', code: 'tool_not_assigned' });
    expect(await namesOf(id)).toEqual([two.name]);
    expect(await eventsAbout(registry, id)).toEqual(['agent.registered', 'agent.tool_assigned', 'agent.tool_assigned', 'agent.tool_removed']);
  });

  it('are told to every node', async () => {
    const [id, one] = [await agent(), await tool()];
    const heard: string[] = [];
    const stopListening = await registry.database.listen('legate_changed', (payload) => heard.push(payload));
    await registry.agentTools.assign(admin, id, one.id);
    await registry.agentTools.remove(admin, id, one.id);
    await stopListening();
    expect(heard).toEqual([`agent_tools:${id}`, `agent_tools:${id}`]);
  });

  it('are none that are out of use or deleted; those out of use come back', async () => {
    const [id, one, two] = [await agent(), await tool(), await tool()];
    for (const { id: toolId } of [one, two]) await registry.agentTools.assign(admin, id, toolId);
    await registry.toolAdministration.deactivate(admin, one.id);
    expect(await namesOf(id)).toEqual([two.name]);
    expect((await registry.agentTools.list(admin, id)).map(({ isActive }) => isActive)).toEqual([false, true]);
    await registry.toolAdministration.activate(admin, one.id);
    expect(await namesOf(id)).toEqual([one.name, two.name]);
    await registry.toolAdministration.delete(admin, one.id);
    expect(await namesOf(id)).toEqual([two.name]);
  });

  it('can be given together with the agent', async () => {
    const [one, two] = [await tool(['weather:read']), await tool()];
    const id = await agent(member, { tool_ids: [two.id, one.id] });
    expect(await namesOf(id)).toEqual([one.name, two.name]);
    expect(await eventsAbout(registry, id)).toEqual(['agent.registered', 'agent.tool_assigned', 'agent.tool_assigned']);
  });

  it('are as many as a token can name', async () => {
    const { dataSource } = registry.database;
    const id = await agent();
    await dataSource.query(`INSERT INTO tools (id, organization_id, name) SELECT gen_random_uuid(), $1, 'many_' || n FROM generate_series(1, 200) n`, [ours]);
    await dataSource.query(`INSERT INTO agent_tools (agent_id, tool_id) SELECT $1, id FROM tools WHERE name LIKE 'many\\_%'`, [id]);
    const one = await tool();
    await expect(registry.agentTools.assign(admin, id, one.id)).rejects.toMatchObject({ kind: 'conflict', code: 'too_many_tools' });
    expect(await registry.agentTools.list(admin, id)).toHaveLength(200);
  });
});

describe('whoever gives a tool', () => {
  it('could hand out every scope that it requires', async () => {
    const [mine, free, weather, calendar, api] = [await agent(member), await tool(), await tool(['weather:read']), await tool(['cal:read', 'weather:read']), await tool(['users:write'])];
    await registry.agentTools.assign(member, mine, free.id);
    await registry.agentTools.assign(member, mine, weather.id);
    for (const { id } of [calendar, api]) await expect(registry.agentTools.assign(member, mine, id)).rejects.toMatchObject({ kind: 'forbidden', code: 'scopes_not_held' });
    await expect(agent(member, { tool_ids: [free.id, calendar.id] })).rejects.toMatchObject({ code: 'scopes_not_held', details: { missing_scopes: ['cal:read'] } });
    // Whoever defines the organization's scopes hands them out; the server's own they must hold.
    const narrow = { ...admin, scopes: new Set(['agents:write', 'agents:read']) };
    await registry.agentTools.assign(narrow, mine, calendar.id);
    await expect(registry.agentTools.assign(narrow, mine, api.id)).rejects.toMatchObject({ code: 'scopes_not_held', details: { missing_scopes: ['users:write'] } });
    await registry.agentTools.assign(admin, mine, api.id);
    expect(await namesOf(mine)).toEqual([free.name, weather.name, calendar.name, api.name]);
  });

  it('may take it away without holding anything', async () => {
    const [mine, api] = [await agent(member), await tool(['users:write'])];
    await registry.agentTools.assign(admin, mine, api.id);
    await registry.agentTools.remove(member, mine, api.id);
    expect(await namesOf(mine)).toEqual([]);
  });

  it('manages the agent, which is not deactivated', async () => {
    const [theAdmins, one] = [await agent(), await tool()];
    for (const attempt of [() => registry.agentTools.assign(member, theAdmins, one.id), () => registry.agentTools.remove(member, theAdmins, one.id), () => registry.agentTools.list(member, theAdmins), () => registry.agentTools.assign(admin, newId(), one.id)]) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'not_found', code: 'agent_not_found' });
    }
    await registry.agentAdministration.deactivate(admin, theAdmins);
    await expect(registry.agentTools.assign(admin, theAdmins, one.id)).rejects.toMatchObject({ code: 'agent_deactivated' });
  });

  it('is of the organization of both', async () => {
    const [mine, theirs, theirTool] = [await agent(), await agent(stranger), await tool([], stranger)];
    for (const attempt of [() => registry.agentTools.assign(admin, mine, theirTool.id), () => registry.agentTools.remove(admin, mine, theirTool.id), () => registry.agentTools.assign(admin, mine, newId()), () => registry.agentTools.assign(admin, mine, 'nothing')]) {
      await expect(attempt()).rejects.toMatchObject({ kind: 'not_found', code: 'tool_not_found' });
    }
    await expect(registry.agentTools.assign(stranger, mine, theirTool.id)).rejects.toMatchObject({ code: 'agent_not_found' });
    await expect(agent(admin, { tool_ids: [theirTool.id] })).rejects.toMatchObject({ kind: 'invalid', code: 'unknown_tool', details: { tools: [theirTool.id] } });
    expect([await namesOf(mine), await namesOf(theirs)]).toEqual([[], []]);
    const machine = machineCaller('client', 'robot', ours, ['agents:write', 'agents:read', 'scopes:write']);
    await expect(registry.agentTools.assign(machine, theirs, (await tool()).id)).rejects.toMatchObject({ code: 'agent_not_found' });
  });
});

describe('an agent that registers itself', () => {
  it('gets no tools, and what it asked for is on record', async () => {
    const one = await tool();
    serial += 1;
    const { agent: { id } } = await registry.openEnrolment.register(undefined, { agent_name: `Agent ${serial}`, tool_ids: [one.id] });
    expect(await namesOf(id)).toEqual([]);
    const [event] = await registry.database.dataSource.query<{ body: string }[]>(`SELECT body FROM audit_events WHERE body::json -> 'target' ->> 'id' = $1`, [id]);
    expect(JSON.parse(event!.body)).toMatchObject({ type: 'agent.registered', details: { requested_tools: [one.id] } });
  });
});
