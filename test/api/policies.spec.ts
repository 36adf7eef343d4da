import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { DataSource } from 'typeorm';
import { newId, type OrganizationId } from '../../src/kernel/ids.js';
import { RecordedDecisions } from '../../src/modules/audit/recorded-decisions.service.js';
import { PolicyDecisions, type DecisionRequest } from '../../src/modules/policies/policy-decisions.service.js';
import { bootstrapToken, call, type Answer } from '../support/api.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { registerAgent } from '../support/clients.js';

let folder: string;
let application: TestApplication;
let token: string;
let organizationId: OrganizationId;

/** Everything may be read, so that what denies it is seen. */
const INSTALLATION = `policies:
  - { id: issuing, effect: allow, who: { clients: ['*'] }, what: { actions: [issue], scopes: ['*'] } }
  - { id: reading, description: Reading is free., effect: allow, what: { actions: [read] } }
  - { id: elsewhere, effect: deny, who: { organizations: ['0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e'] } }
...
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'legate-policies-'));
  writeFileSync(join(folder, 'policies.yaml'), INSTALLATION);
  application = await startApplication({ LEGATE_POLICIES_DIR: folder });
  token = await bootstrapToken(application);
  organizationId = String(decodeJwt(token)['tenant_id']) as OrganizationId;
});

afterAll(async () => {
  await application.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface PolicyBody { id: string; name: string; version: number; rule: object; is_enabled: boolean }
const request = (method: string, path: string, body?: unknown) => call(application, method, `/api/policies${path}`, { token, body });
const sql = <T>(text: string, parameters: unknown[] = []) => application.inside(DataSource).query<T>(text, parameters);

const DENY_SECRETS = { effect: 'deny', what: { resources: [{ type: 'secret' }] } };
const ask = (change: Partial<DecisionRequest> = {}) => application.inside(PolicyDecisions).decide({ organizationId, subject: { type: 'user', id: 'alice' }, action: 'read', resource: { type: 'secret', id: '1' }, ...change });

async function make(name: string, rule: object, more: object = {}): Promise<PolicyBody> {
  const { status, body } = await request('POST', '', { name, rule, ...more });
  expect({ status, body }).toMatchObject({ status: 201 });
  return body as unknown as PolicyBody;
}

async function eventsOf(type: string): Promise<Record<string, unknown>[]> {
  const rows = await sql<{ body: string }[]>('SELECT body FROM audit_events WHERE type = $1 ORDER BY sequence', [type]);
  return rows.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !await holds(); waited += 50) {
    if (waited > 5000) throw new Error('it did not come about');
    await sleep(50);
  }
}

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
}

describe('a policy of an organization', () => {
  it('is made, shown, listed, changed, deleted, and each of these is on record', async () => {
    const made = await request('POST', '', { name: 'No secrets', description: 'They are secret.', rule: DENY_SECRETS });
    expect(made).toMatchObject({
      status: 201, body: { name: 'No secrets', description: 'They are secret.', is_enabled: true, version: 1, effect: 'deny', rule: DENY_SECRETS, cedar: 'forbid(principal, action, resource) when { resource.type == "secret" };' },
    });
    const { id } = made.body as { id: string };
    expect(made.headers.get('location')).toBe(`/api/policies/${id}`);
    expect((await request('GET', `/${id}`)).body).toEqual(made.body);
    expect((await request('GET', '?q=SECRETS&is_enabled=true')).body).toEqual({ data: [made.body], next_cursor: null });
    expect((await request('GET', '?is_enabled=false')).body).toEqual({ data: [], next_cursor: null });

    const changed = await request('PUT', `/${id}`, { name: 'No secrets at all', is_enabled: false, version: 1 });
    expect(changed).toMatchObject({ status: 200, body: { name: 'No secrets at all', is_enabled: false, version: 2, rule: DENY_SECRETS } });
    expect(await request('DELETE', `/${id}`)).toMatchObject({ status: 204 });
    expectRefusal(await request('GET', `/${id}`), 404, 'policy_not_found');
    expectRefusal(await request('PUT', `/${id}`, { name: 'x' }), 404, 'policy_not_found');
    expectRefusal(await request('DELETE', `/${id}`), 404, 'policy_not_found');

    const actor = { kind: 'client', id: 'bootstrap', client_id: 'bootstrap' };
    expect((await eventsOf('policy.created')).at(-1)).toMatchObject({ organization_id: organizationId, actor, target: { kind: 'policy', id }, details: { name: 'No secrets', version: 1 } });
    expect((await eventsOf('policy.updated')).at(-1)).toMatchObject({ target: { kind: 'policy', id }, details: { version: 2, is_enabled: false, changed: ['is_enabled', 'name'] } });
    expect((await eventsOf('policy.deleted')).at(-1)).toMatchObject({ target: { kind: 'policy', id }, details: { name: 'No secrets at all' } });
  });

  it('decides as soon as its making is answered, and no longer when it is disabled or deleted', async () => {
    expect(await ask()).toMatchObject({ isAllowed: true, policies: ['directory:reading'] });
    const { id } = await make('in force', DENY_SECRETS);
    expect(await ask()).toMatchObject({ isAllowed: false, reason: 'denied_by_policy', policies: [id] });
    expect(await ask({ organizationId: newId<OrganizationId>() })).toMatchObject({ isAllowed: true });
    await request('PUT', `/${id}`, { is_enabled: false });
    expect((await ask()).isAllowed).toBe(true);
    await request('PUT', `/${id}`, { is_enabled: true });
    expect((await ask()).isAllowed).toBe(false);
    await request('PUT', `/${id}`, { rule: { effect: 'deny', who: { users: ['mallory'] } } });
    expect([(await ask()).isAllowed, (await ask({ subject: { type: 'user', id: 'mallory' } })).isAllowed]).toEqual([true, false]);
    await request('DELETE', `/${id}`);
    expect((await ask({ subject: { type: 'user', id: 'mallory' } })).isAllowed).toBe(true);
  });

  it('has versions that never change, and becomes again what it was, even after it was deleted', async () => {
    const { id } = await make('versioned', DENY_SECRETS);
    await request('PUT', `/${id}`, { rule: { effect: 'allow', who: { agents: ['*'] } }, description: 'now it allows' });
    const versions = await request('GET', `/${id}/versions`);
    expect(versions.body).toMatchObject({ data: [{ version: 2, description: 'now it allows', created_by: 'bootstrap' }, { version: 1, description: null, rule: DENY_SECRETS }], next_cursor: null });
    const first = await request('GET', `/${id}/versions?limit=1`);
    expect((await request('GET', `/${id}/versions?limit=1&cursor=${String(first.body['next_cursor'])}`)).body['data']).toMatchObject([{ version: 1 }]);
    await expect(sql(`UPDATE policy_versions SET name = 'forged' WHERE policy_id = $1`, [id])).rejects.toThrow('versions of policies never change');

    expect(await request('POST', `/${id}/restore`, { version: 1 })).toMatchObject({ status: 200, body: { version: 3, rule: DENY_SECRETS, description: null } });
    expect((await ask()).policies).toEqual([id]);
    expect((await eventsOf('policy.restored')).at(-1)).toMatchObject({ target: { kind: 'policy', id }, details: { restored_version: 1, version: 3 } });
    await request('DELETE', `/${id}`);
    expect(await request('GET', `/${id}/versions`)).toMatchObject({ status: 200 });
    expectRefusal(await request('POST', `/${id}/restore`, { version: 9 }), 404, 'policy_version_not_found');
    expect(await request('POST', `/${id}/restore`, { version: 3 })).toMatchObject({ status: 200, body: { version: 4 } });
    expect((await ask()).policies).toEqual([id]);
    await request('DELETE', `/${id}`);
  });

  it('is refused when its rule is wrong, with the place, and nothing is written', async () => {
    const before = await sql<unknown[]>('SELECT * FROM policies');
    const wrong = await request('POST', '', { name: 'wrong', rule: { effect: 'permit', when: { attribute: 'x', equals: 1 } } });
    expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid_policy', detail: 'The policy is not valid: rule.effect must be one of allow, deny. One more thing is wrong.' } });
    expect(wrong.body['errors']).toEqual([
      { field: 'rule.effect', message: 'must be one of allow, deny' },
      { field: 'rule.when.attribute', message: 'must name an attribute of subject, resource, action or context, such as subject.agent_type' },
    ]);
    const cedar = await request('POST', '', { name: 'wrong', rule: { cedar: 'permit(principal, action, resource)\n  when { principal.color == "red" };' } });
    expect(cedar.body).toMatchObject({ code: 'invalid_policy', errors: [{ field: 'rule.cedar', message: expect.stringMatching(/^line 2, column 10: attribute `color` on entity type `Subject` not found/) as string }] });
    expectRefusal(await request('POST', '', { name: 'wrong', rule: { effect: 'deny', who: { organizations: [organizationId] } } }), 400, 'invalid_policy');
    expectRefusal(await request('POST', '', { name: 'wrong', rule: 'allow' }), 400, 'invalid_request');
    expect(await sql('SELECT * FROM policies')).toEqual(before);
  });

  it('cannot compare an attribute as another type than a policy beside it does', async () => {
    const { id } = await make('by label', { effect: 'deny', when: { attribute: 'resource.label', equals: 'red' } });
    const refused = await request('POST', '', { name: 'by labels', rule: { effect: 'deny', when: { attribute: 'resource.label', contains: 'red' } } });
    expect(refused.body).toMatchObject({ code: 'invalid_policy', errors: [{ message: 'compares resource.label as a list of texts, but the policy by label compares it as text' }] });
    expect(await request('PUT', `/${id}`, { rule: { effect: 'deny', when: { attribute: 'resource.label', contains: 'red' } } })).toMatchObject({ status: 200 });
    await request('DELETE', `/${id}`);
  });

  it('has a name of its own, and is not overwritten by who has not seen the last change', async () => {
    const { id } = await make('Mine', DENY_SECRETS, { is_enabled: false });
    expectRefusal(await request('POST', '', { name: 'MINE', rule: DENY_SECRETS }), 409, 'policy_name_taken');
    await request('PUT', `/${id}`, { description: 'changed', version: 1 });
    expectRefusal(await request('PUT', `/${id}`, { description: 'changed otherwise', version: 1 }), 409, 'policy_changed');
    await request('DELETE', `/${id}`);
    await request('DELETE', `/${(await make('mine', DENY_SECRETS)).id}`);
  });

  it('is one of a thousand at most', async () => {
    await sql(`INSERT INTO policies (id, organization_id, name, rule, is_enabled) SELECT gen_random_uuid(), $1, 'filler ' || n, '{"effect":"deny"}', false FROM generate_series(1, 1000) n`, [organizationId]);
    expectRefusal(await request('POST', '', { name: 'one more', rule: DENY_SECRETS }), 409, 'too_many_policies');
    await sql(`DELETE FROM policies WHERE name LIKE 'filler %'`);
  });
});

describe('policies that another node changed, or another version of the server wrote', () => {
  async function changeBehindOurBack(id: string, rule: object): Promise<void> {
    await sql('UPDATE policies SET rule = $2, version = version + 1 WHERE id = $1', [id, JSON.stringify(rule)]);
    await sql('UPDATE policy_sets SET version = version + 1 WHERE organization_id = $1', [organizationId]);
  }

  it('are in force here within a second or so, though nothing was heard of them', async () => {
    const { id } = await make('changed elsewhere', DENY_SECRETS);
    expect((await ask()).isAllowed).toBe(false);
    await changeBehindOurBack(id, { effect: 'deny', who: { users: ['mallory'] } });
    await until(async () => (await ask()).isAllowed);
    await request('DELETE', `/${id}`);
  });

  it('stay out of force when they cannot be read: the last ones stay, and it is on record once', async () => {
    const { id } = await make('damaged', DENY_SECRETS);
    expect((await ask()).policies).toEqual([id]);
    await changeBehindOurBack(id, { effect: 'someday' });
    await until(async () => {
      await ask();
      return (await eventsOf('policy_set.refused')).length > 0;
    });
    await sleep(1200);
    expect(await ask()).toMatchObject({ isAllowed: false, policies: [id] });
    expect(await eventsOf('policy_set.refused')).toEqual([expect.objectContaining({ organization_id: organizationId, outcome: 'refused', target: { kind: 'policy', id }, details: expect.objectContaining({ problems: ['effect: must be one of allow, deny'] }) as object })]);
    expect((await request('GET', `/${id}`)).body).toMatchObject({ effect: null, cedar: '' });
    await request('DELETE', `/${id}`);
    expect((await ask()).isAllowed).toBe(true);
  });

  it('leave an organization with nothing allowed when none of them was ever in force here', async () => {
    const other = newId<OrganizationId>();
    await sql('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [other, `damaged-${other}`]);
    await sql('INSERT INTO policies (id, organization_id, name, rule) VALUES ($1, $2, $3, $4)', [newId(), other, 'damaged', '{"effect":"someday"}']);
    await sql('INSERT INTO policy_sets (organization_id, version) VALUES ($1, 1)', [other]);
    expect(await ask({ organizationId: other })).toMatchObject({ isAllowed: false, policies: [], reason: 'policies_unavailable' });
  });
});

describe('the policies of the installation', () => {
  it('are shown as far as they concern the organization, and are no policies of it', async () => {
    const { status, body } = await request('GET', '/installation');
    expect({ status, body }).toEqual({
      status: 200, body: {
        data: [expect.objectContaining({ id: 'directory:issuing' }), { id: 'directory:reading', description: 'Reading is free.', effect: 'allow', rule: { effect: 'allow', what: { actions: ['read'] } }, cedar: 'permit(principal, action, resource) when { action == Action::"read" };' }],
        version: expect.stringMatching(/^[0-9a-f]{12}$/) as string, is_usable: true,
      },
    });
    expectRefusal(await request('GET', '/directory:reading'), 404, 'policy_not_found');
  });
});

describe('a check', () => {
  const CALENDAR = { subject: { type: 'user', id: 'alice', attributes: { department: 'sales' } }, action: 'read', resource: { type: 'secret', id: '7' } };

  it('says what each policy that concerns the request made of it, condition by condition, and is on record', async () => {
    const denial = await make('sales see no secrets', { effect: 'deny', what: { resources: [{ type: 'secret' }] }, when: { all: [{ attribute: 'subject.department', equals: 'sales' }, { not: { attribute: 'context.emergency', equals: true } }] } });
    const other = await make('robots see nothing', { effect: 'deny', who: { subjects: [{ type: 'robot', id: 'r2' }] } });
    const { status, body } = await request('POST', '/check', CALENDAR);
    expect({ status, body }).toEqual({
      status: 200, body: {
        decision: { id: expect.any(String) as string, is_allowed: false, reason: 'denied_by_policy', policies: [denial.id], version: expect.any(String) as string },
        policies: [
          { id: 'directory:reading', name: 'reading', source: 'installation', effect: 'allow', outcome: 'applies', error: null, conditions: [{ path: 'what.actions', holds: true, missing: [] }] },
          {
            id: denial.id, name: 'sales see no secrets', source: 'organization', effect: 'deny', outcome: 'applies', error: null,
            conditions: [{ path: 'what', holds: true, missing: [] }, { path: 'when.all.0', holds: true, missing: [] }, { path: 'when.all.1.not', holds: false, missing: ['context.emergency'] }],
          },
        ],
        unconcerned: 3,
      },
    });
    expect((await eventsOf('decision.made')).at(-1)).toMatchObject({
      outcome: 'refused', organization_id: organizationId, subject: 'alice', target: { kind: 'secret', id: '7' }, reason: 'denied_by_policy',
      details: { decision: { id: (body['decision'] as { id: string }).id, policies: [denial.id], is_allowed: false, request: { ...CALENDAR, context: { time: expect.any(String) as string } } } },
    });
    const calm = await request('POST', '/check', { ...CALENDAR, context: { emergency: true } });
    expect(calm.body).toMatchObject({ decision: { is_allowed: true, policies: ['directory:reading'] }, policies: [{ outcome: 'applies' }, { outcome: 'does_not_apply' }] });
    for (const { id } of [denial, other]) await request('DELETE', `/${id}`);
  });

  it('knows what the server knows of an agent, whatever the asker says', async () => {
    const { clientId } = await registerAgent(application, { agent_type: 'coding', scopes: ['weather:read'] });
    const { id } = await make('own things', { effect: 'allow', who: { agents: ['*'], attributes: { agent_type: 'coding', status: 'active' } }, what: { actions: ['issue'], scopes: ['*'] }, when: { attribute: 'resource.is_assigned', equals: true } });
    const check = async (scope: string, attributes: object) => (await request('POST', '/check', { subject: { type: 'agent', id: clientId, attributes }, action: 'issue', resource: { type: 'scope', id: scope } })).body['decision'];
    expect(await check('weather:read', {})).toMatchObject({ is_allowed: true, policies: [id] });
    expect(await check('stocks:read', { assigned_scopes: ['stocks:read'] })).toMatchObject({ is_allowed: false });
    expect(await check('weather:read', { status: 'suspended' })).toMatchObject({ is_allowed: true });
    await request('DELETE', `/${id}`);
  });

  it('puts no secret on record', async () => {
    const secret = `lgt_client_${'a'.repeat(12)}_${'b'.repeat(43)}`;
    await request('POST', '/check', { ...CALENDAR, context: { access_token: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl', note: `the key is ${secret}`, nested: { password: 'hunter2 hunter2' } } });
    const [last] = (await sql<{ body: string }[]>(`SELECT body FROM audit_events WHERE type = 'decision.made' ORDER BY sequence DESC LIMIT 1`));
    expect(last!.body).toContain('[hidden]');
    for (const leak of [secret, 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0', 'hunter2']) expect(last!.body).not.toContain(leak);
  });

  it.each([
    ['no subject', { action: 'read', resource: { type: 'x', id: '1' } }, 'subject'], ['a subject without an id', { ...CALENDAR, subject: { type: 'user' } }, 'subject.id'],
    ['an action that is none', { ...CALENDAR, action: 5 }, 'action'], ['a member that is not known', { ...CALENDAR, foo: 1 }, 'foo'],
    ['too many attributes', { ...CALENDAR, context: { x: 'x'.repeat(17_000) } }, 'context'], ['a control character', { ...CALENDAR, action: 'a\nb' }, 'action'],
  ])('with %s is refused', async (_what, body, field) => {
    const answer = await request('POST', '/check', body);
    expectRefusal(answer, 400, 'invalid_request');
    expect((answer.body['errors'] as { field: string }[]).map((one) => one.field)).toContain(field);
  });
});

describe('a simulation', () => {
  it('decides recorded requests again with a draft, and lists what would change', async () => {
    const check = async (user: string, kind: string) => (await request('POST', '/check', { subject: { type: 'user', id: user }, action: 'read', resource: { type: kind, id: 'sim' } })).body['decision'] as { id: string };
    const { id } = await make('no diaries', { effect: 'deny', what: { resources: [{ type: 'diary' }] } });
    const [alice, bob, diary] = [await check('sim-alice', 'book'), await check('sim-bob', 'book'), await check('sim-alice', 'diary')];

    const added = await request('POST', '/simulate', { add: { rule: { effect: 'deny', who: { users: ['sim-bob'] } } }, limit: 3 });
    expect({ status: added.status, body: added.body }).toEqual({
      status: 200, body: {
        replayed: 3, skipped: 0, unlisted: 0, left_out: 0,
        changes: [{
          decided_at: expect.any(String) as string, event: { id: expect.any(String) as string, sequence: expect.any(Number) as number, type: 'decision.made' }, replayed_with: 'recorded', decision: { ...bob, policies: ['directory:reading'], is_allowed: true, reason: 'allowed', version: expect.any(String) as string },
          subject: { type: 'user', id: 'sim-bob' }, action: 'read', resource: { type: 'book', id: 'sim' }, is_allowed_now: true, would_be_allowed: false, reason: 'denied_by_policy', policies: ['draft'],
        }],
      },
    });
    const removed = await request('POST', '/simulate', { remove: { policy_id: id }, limit: 3 });
    expect(removed.body['changes']).toMatchObject([{ decision: { id: diary.id, is_allowed: false }, is_allowed_now: false, would_be_allowed: true, policies: ['directory:reading'] }]);
    const replaced = await request('POST', '/simulate', { replace: { policy_id: id, rule: { effect: 'deny', what: { resources: [{ type: 'book' }] } } }, limit: 3 });
    expect((replaced.body['changes'] as { decision: { id: string }; policies: string[] }[]).map((change) => [change.decision.id, change.policies])).toEqual([[diary.id, ['directory:reading']], [bob.id, [id]], [alice.id, [id]]]);
    expect((await request('POST', '/simulate', { add: { rule: { effect: 'deny', who: { users: ['nobody'] } } }, limit: 1 })).body).toEqual({ replayed: 1, skipped: 0, changes: [], unlisted: 0, left_out: 0 });

    expect((await ask({ resource: { type: 'diary', id: '1' } })).policies).toEqual([id]);
    await request('DELETE', `/${id}`);
  });

  it('of a policy of another organization is refused as if there were none, and its decisions are looked at by nobody else', async () => {
    const other = newId<OrganizationId>();
    const theirs = newId();
    await sql('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [other, `other-${other}`]);
    await sql('INSERT INTO policies (id, organization_id, name, rule) VALUES ($1, $2, $3, $4)', [theirs, other, 'theirs', JSON.stringify(DENY_SECRETS)]);
    for (const draft of [{ remove: { policy_id: theirs } }, { replace: { policy_id: theirs, rule: DENY_SECRETS } }]) expectRefusal(await request('POST', '/simulate', draft), 404, 'policy_not_found');
    const decided = async () => application.inside(RecordedDecisions).newest(other, 10);
    expect(await decided()).toEqual([]);
  });

  it('leaves out what was recorded without what it was decided by', async () => {
    const event = { type: 'token.issued', details: { decision: { id: newId(), policies: [] } } };
    const [{ sequence }] = await sql<[{ sequence: string }]>('SELECT max(sequence) + 1 AS sequence FROM audit_events');
    await sql(`INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, body, leaf_hash) VALUES ($1, $2, $3, 'token.issued', 'success', now(), $4, '')`,
      [Number(sequence) + 10_000, newId(), organizationId, JSON.stringify(event)]);
    expect((await request('POST', '/simulate', { add: { rule: DENY_SECRETS }, limit: 1 })).body).toMatchObject({ replayed: 0, skipped: 1 });
  });

  it.each([
    [{}, 400, 'one_draft_only'], [{ add: { rule: DENY_SECRETS }, remove: { policy_id: '0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e' } }, 400, 'one_draft_only'], [{ remove: { policy_id: '0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e' } }, 404, 'policy_not_found'],
    [{ add: { rule: { effect: 'x' } } }, 400, 'invalid_policy'], [{ add: { rule: DENY_SECRETS }, limit: 1001 }, 400, 'invalid_request'],
  ])('of %j is refused', async (body, status, code) => {
    expectRefusal(await request('POST', '/simulate', body), status, code);
  });
});
