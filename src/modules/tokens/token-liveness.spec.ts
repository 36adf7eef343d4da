import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { epochSeconds, now, useClock } from '../../kernel/clock.js';
import { newId, type TokenId } from '../../kernel/ids.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { TokenLedger } from './token-ledger.service.js';
import { DEATHS, judgedColumns, LIVENESS_JOINS, refusedBecause, standingOfAll, standingOfRows, type Death } from './token-liveness.js';
import { tokenRecord, type Issuance, type TokenRecord } from './token-record.js';

/** An organization with a person, who consented to a client, and with an agent. */
interface World {
  readonly organization: string;
  readonly user: string;
  readonly client: string;
  readonly agent: string;
  readonly consent: string;
  /** From the person to the agent, on to another one and back. */
  readonly delegations: readonly [first: string, second: string];
  readonly otherAgent: string;
  /** A task and one below it. */
  readonly tasks: readonly [first: string, second: string];
}

describe('whether a token is alive', () => {
  let database: ThrowawayDatabase;
  let ledger: TokenLedger;
  let restoreClock: (() => void) | undefined;

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    ledger = new TokenLedger(database.dataSource, database.pool, new AuditLog(database.dataSource, database.pool));
    await ledger.onModuleInit();
  });

  afterEach(() => restoreClock?.());
  afterAll(() => database.drop());

  const sql = (text: string, ...values: unknown[]) => database.dataSource.query(text, values);

  async function world(): Promise<World> {
    const [organization, user, client, agent, consent] = [newId(), newId(), `client-${newId()}`, newId(), newId()];
    await sql('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', organization, `slug-${organization}`);
    await sql('INSERT INTO users (id, email) VALUES ($1, $2)', user, `${user}@example.com`);
    await sql(`INSERT INTO memberships (organization_id, user_id, role) VALUES ($1, $2, 'member')`, organization, user);
    await sql(`INSERT INTO clients (id, organization_id, kind, name) VALUES ($1, $2, 'application', 'app'), ($3, $2, 'agent', 'agent')`, client, organization, agent);
    await sql(`INSERT INTO agents (id, client_id, organization_id, name, status) VALUES ($1::uuid, $1::text, $2, $1::text, 'active')`, agent, organization);
    await sql(`INSERT INTO consent_grants (id, organization_id, client_id, user_id, payload, expires_at) VALUES ($1, $2, $3, $4, '{}', now() + interval '1 day')`, consent, organization, client, user);
    const otherAgent = newId();
    await sql(`INSERT INTO clients (id, organization_id, kind, name) VALUES ($1, $2, 'agent', 'other agent')`, otherAgent, organization);
    await sql(`INSERT INTO agents (id, client_id, organization_id, name, status) VALUES ($1::uuid, $1::text, $2, $1::text, 'active')`, otherAgent, organization);
    const delegations = [newId(), newId()] as const;
    const delegate = `INSERT INTO delegation_grants (id, organization_id, origin, principal_kind, principal_id, subject_kind, subject_id, agent_id, parent_grant_id, ancestors, scopes, max_depth, created_at)
      VALUES ($1, $2, $3, $4, $5, 'user', $6, $7, $8, $9, '{a:read}', 1, now())`;
    await sql(delegate, delegations[0], organization, 'principal', 'user', user, user, otherAgent, null, []);
    await sql(delegate, delegations[1], organization, 'delegate', 'agent', otherAgent, user, agent, delegations[0], [delegations[0]]);
    const tasks = [newId(), newId()] as const;
    const open = 'INSERT INTO tasks (id, organization_id, client_id, parent_task_id, root_task_id, ancestors, created_at) VALUES ($1, $2, $3, $4, $5, $6, now())';
    await sql(open, tasks[0], organization, agent, null, tasks[0], []);
    await sql(open, tasks[1], organization, agent, tasks[0], tasks[0], [tasks[0]]);
    return { organization, user, client, agent, consent, delegations, otherAgent, tasks };
  }

  const common = ({ organization }: World) =>
    ({ format: 'jwt', issuer: 'https://issuer.example', organizationId: organization, audience: 'https://api.example', scopes: ['a:read'], decision: { id: 'd', policies: [] }, issuedAt: epochSeconds(), expiresAt: epochSeconds() + 600 }) as const;

  const ofPerson = (of: World, more: Partial<Issuance> = {}): TokenRecord => tokenRecord({
    ...common(of), grantType: 'authorization_code', clientId: of.client, subject: { kind: 'user', id: of.user }, role: 'member', consentGrantId: of.consent, authTime: epochSeconds() - 60, ...more,
  });
  const ofAgent = (of: World, more: Partial<Issuance> = {}): TokenRecord =>
    tokenRecord({ ...common(of), grantType: 'client_credentials', clientId: of.agent, subject: { kind: 'agent', id: of.agent }, ...more });
  /** By the agent, for the person, in a task of another. */
  const onBehalf = (of: World, more: Partial<Issuance> = {}): TokenRecord => ofAgent(of, {
    subject: { kind: 'user', id: of.user }, role: 'member', act: { sub: of.agent, act: { sub: of.otherAgent } }, taskId: of.tasks[1],
    delegation: { grantId: of.delegations[1], delegatorSub: of.otherAgent, chain: [] }, ...more,
  });
  const below = ({ tokenId, row }: TokenRecord): Pick<Issuance, 'parent'> => ({ parent: { tokenId, rootTokenId: row.root_token_id, ancestors: row.ancestors ?? [] } });

  const issue = async (record: TokenRecord): Promise<TokenRecord> => {
    await ledger.commit(record.row, record.event);
    return record;
  };
  /** Asked of the token alone, of many at once, and of rows that are at hand: that has to be the same. */
  const deathOf = async ({ tokenId }: Pick<TokenRecord, 'tokenId'>) => {
    const { dead } = (await ledger.standing(tokenId))!;
    expect(await sql(`WITH asked AS (SELECT unnest($1::uuid[]) AS token_id), ${standingOfAll('asked', 'to_timestamp($2)')} SELECT dead FROM standing`, [tokenId], epochSeconds())).toEqual([{ dead }]);
    expect(await sql(`WITH asked AS (SELECT ${judgedColumns('t')} FROM tokens t WHERE t.token_id = ANY ($1)), ${standingOfRows('asked', 'to_timestamp($2)')} SELECT dead FROM standing`, [tokenId], epochSeconds())).toEqual([{ dead }]);
    return dead;
  };
  const refusal = (reason: Death) => expect.objectContaining({ code: 'row_refused', details: { reason } });

  it('goes on when its task is done, and is in a task of its own when nobody names one', async () => {
    const of = await world();
    const token = await issue(onBehalf(of));
    await sql(`UPDATE tasks SET state = 'completed', ended_at = now() WHERE id = ANY ($1)`, of.tasks);
    expect(await deathOf(token)).toBeNull();
    expect((await issue(ofAgent(of))).row).toMatchObject({ task_id: expect.any(String) as string });
    const own = ofAgent(of);
    expect(own.taskId).toBe(own.tokenId);
  });

  it.each<[name: string, place: (of: World) => Partial<Issuance>]>([
    ['in it', ({ tasks }) => ({ taskId: tasks[1] })], ['below it', ({ tasks }) => ({ parentTaskId: tasks[1] })],
  ])('does not begin in a task that is done, nor below it: %s', async (_name, place) => {
    const of = await world();
    const made = await issue(ofAgent(of, place(of)));
    await sql(`UPDATE tasks SET state = 'completed', ended_at = now() WHERE id = $1`, of.tasks[0]);
    const refused = expect.objectContaining({ code: 'row_refused', details: { reason: 'task_over' } }) as object;
    await expect(issue(ofAgent(of, place(of)))).rejects.toEqual(refused);
    await expect(issue(ofAgent(of, below(made)))).rejects.toEqual(refused);
    expect(await deathOf(made)).toBeNull();
  });

  it('is unknown of what the ledger does not hold', async () => {
    expect(await ledger.standing(newId())).toBeUndefined();
  });

  it('is told with the role that the person has now, and the consent it stands on', async () => {
    const of = await world();
    const token = await issue(ofPerson(of));
    expect(await ledger.standing(token.tokenId)).toEqual({ dead: null, organizationId: of.organization, role: 'member', isPlatformAdministrator: false, consentGrantId: of.consent });
    await sql(`UPDATE memberships SET role = 'owner' WHERE user_id = $1`, of.user);
    await sql('UPDATE users SET is_platform_administrator = true WHERE id = $1', of.user);
    expect(await ledger.standing(token.tokenId)).toMatchObject({ dead: null, role: 'owner', isPlatformAdministrator: true });
    expect(await ledger.standing((await issue(ofAgent(of))).tokenId)).toEqual({ dead: null, organizationId: of.organization, role: undefined, isPlatformAdministrator: false, consentGrantId: undefined });
  });

  /** What ends a token, by what ends with it: the sign-in of the person is 60 seconds ago. */
  const ENDS: readonly [name: string, kind: 'person' | 'agent' | 'delegate', death: Death, end: (of: World) => Promise<unknown>][] = [
    ['the client is suspended', 'person', 'client_inactive', (of) => sql(`UPDATE clients SET status = 'suspended' WHERE id = $1`, of.client)],
    ['the client is deactivated', 'agent', 'client_inactive', (of) => sql(`UPDATE clients SET status = 'deactivated' WHERE id = $1`, of.agent)],
    ['the client waits for its activation', 'agent', 'client_inactive', (of) => sql(`UPDATE clients SET status = 'pending' WHERE id = $1`, of.agent)],
    ['the client is gone', 'person', 'client_inactive', (of) => sql('DELETE FROM clients WHERE id = $1', of.client)],
    ['the organization is suspended', 'agent', 'organization_inactive', (of) => sql(`UPDATE organizations SET status = 'suspended' WHERE id = $1`, of.organization)],
    ['all that the organization issued so far was ended', 'agent', 'issued_before_cutoff', (of) => sql('UPDATE organizations SET tokens_not_before = $2 WHERE id = $1', of.organization, new Date(now() + 1000))],
    ['all that goes back to a sign-in before was ended in the organization', 'person', 'issued_before_cutoff', (of) => sql('UPDATE organizations SET tokens_not_before = $2 WHERE id = $1', of.organization, new Date(now() - 30_000))],
    ['all that goes back to a sign-in before was ended for the client', 'person', 'issued_before_cutoff', (of) => sql('UPDATE clients SET tokens_not_before = $2 WHERE id = $1', of.client, new Date(now() - 30_000))],
    ['all that the agent got so far was ended', 'delegate', 'issued_before_cutoff', (of) => sql('UPDATE clients SET tokens_not_before = $2 WHERE id = $1', of.agent, new Date(now() + 1000))],
    ['the person is disabled', 'person', 'subject_inactive', (of) => sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, of.user)],
    ['the person is gone', 'person', 'subject_inactive', (of) => sql('DELETE FROM users WHERE id = $1', of.user)],
    ['the person left the organization', 'person', 'subject_inactive', (of) => sql('DELETE FROM memberships WHERE user_id = $1', of.user)],
    ['all sign-ins of the person so far were ended', 'person', 'subject_inactive', (of) => sql('UPDATE users SET sign_ins_ended_at = $2 WHERE id = $1', of.user, new Date(now() - 30_000))],
    ['the agent is suspended', 'agent', 'subject_inactive', (of) => sql(`UPDATE agents SET status = 'suspended' WHERE id = $1`, of.agent)],
    ['the agent is deactivated', 'agent', 'subject_inactive', (of) => sql(`UPDATE agents SET status = 'deactivated' WHERE id = $1`, of.agent)],
    ['the agent is gone', 'agent', 'subject_inactive', (of) => sql('DELETE FROM agents WHERE id = $1', of.agent)],
    ['the consent is revoked', 'person', 'consent_revoked', (of) => sql('UPDATE consent_grants SET revoked_at = now() WHERE id = $1', of.consent)],
    ['the consent is gone', 'person', 'consent_revoked', (of) => sql('DELETE FROM consent_grants WHERE id = $1', of.consent)],
    ['the delegation is revoked', 'delegate', 'delegation_over', (of) => sql('UPDATE delegation_grants SET revoked_at = now() WHERE id = $1', of.delegations[1])],
    ['the delegation expires', 'delegate', 'delegation_over', (of) => sql('UPDATE delegation_grants SET expires_at = now() - interval \'1 second\' WHERE id = $1', of.delegations[1])],
    ['the delegation above it is revoked', 'delegate', 'delegation_over', (of) => sql('UPDATE delegation_grants SET revoked_at = now() WHERE id = $1', of.delegations[0])],
    ['the agent that handed on is suspended', 'delegate', 'delegation_over', (of) => sql(`UPDATE agents SET status = 'suspended' WHERE id = $1`, of.otherAgent)],
    ['the person who delegated is disabled', 'delegate', 'subject_inactive', (of) => sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, of.user)],
    ['the delegation is gone', 'delegate', 'delegation_over', (of) => sql('DELETE FROM delegation_grants WHERE id = $1', of.delegations[0])],
    ['the task is cancelled', 'delegate', 'task_cancelled', (of) => sql(`UPDATE tasks SET state = 'cancelled' WHERE id = $1`, of.tasks[1])],
    ['the task above it is cancelled', 'delegate', 'task_cancelled', (of) => sql(`UPDATE tasks SET state = 'cancelled' WHERE id = $1`, of.tasks[0])],
  ];

  it('has a case here for everything that can end one', () => {
    const shown = new Set<Death>([...ENDS.map(([, , death]) => death), 'token_revoked', 'token_expired', 'ancestor_inactive']);
    expect([...shown].sort()).toEqual([...DEATHS].sort());
  });

  it.each(ENDS)('ends when %s, and nothing further is issued', async (_name, kind, death, end) => {
    const of = await world();
    const make = { person: ofPerson, agent: ofAgent, delegate: onBehalf }[kind];
    const token = await issue(make(of));
    expect(await deathOf(token)).toBeNull();
    await end(of);
    expect(await deathOf(token)).toBe(death);
    await expect(issue(make(of))).rejects.toEqual(refusal(death));
  });

  it('ends when it is revoked, alone', async () => {
    const of = await world();
    const [token, sibling] = [await issue(ofAgent(of)), await issue(ofAgent(of))];
    await sql('UPDATE tokens SET revoked_at = now() WHERE token_id = $1', token.tokenId);
    expect([await deathOf(token), await deathOf(sibling)]).toEqual(['token_revoked', null]);
  });

  it('ends with the second in which it expires', async () => {
    const of = await world();
    const at = now();
    const token = await issue(ofAgent(of));
    restoreClock = useClock({ now: () => at + 599_000 });
    expect(await deathOf(token)).toBeNull();
    restoreClock();
    restoreClock = useClock({ now: () => at + 600_000 });
    expect(await deathOf(token)).toBe('token_expired');
  });

  it('does not begin when it would have expired already', async () => {
    const of = await world();
    await expect(issue(ofAgent(of, { expiresAt: epochSeconds() }))).rejects.toEqual(refusal('token_expired'));
  });

  it('outlives an end of all sign-ins before its own, and the last membership of a platform administrator', async () => {
    const of = await world();
    const token = await issue(ofPerson(of));
    await sql('UPDATE users SET sign_ins_ended_at = $2 WHERE id = $1', of.user, new Date(now() - 90_000));
    expect(await deathOf(token)).toBeNull();
    await sql('UPDATE users SET is_platform_administrator = true WHERE id = $1', of.user);
    await sql('DELETE FROM memberships WHERE user_id = $1', of.user);
    expect(await deathOf(token)).toBeNull();
  });

  it('counts from its issue for an end of all sign-ins when nobody said when the person signed in', async () => {
    const of = await world();
    const token = await issue(ofPerson(of, { authTime: undefined, issuedAt: epochSeconds() - 60 }));
    await sql('UPDATE users SET sign_ins_ended_at = $2 WHERE id = $1', of.user, new Date(now() - 90_000));
    expect(await deathOf(token)).toBeNull();
    await sql('UPDATE users SET sign_ins_ended_at = $2 WHERE id = $1', of.user, new Date(now() - 30_000));
    expect(await deathOf(token)).toBe('subject_inactive');
  });

  it('is told by the first reason when there are several', async () => {
    const of = await world();
    const token = await issue(ofPerson(of));
    await sql('UPDATE consent_grants SET revoked_at = now() WHERE id = $1', of.consent);
    expect(await deathOf(token)).toBe('consent_revoked');
    await sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, of.user);
    expect(await deathOf(token)).toBe('subject_inactive');
    await sql(`UPDATE organizations SET status = 'suspended' WHERE id = $1`, of.organization);
    expect(await deathOf(token)).toBe('organization_inactive');
    await sql(`UPDATE clients SET status = 'suspended' WHERE id = $1`, of.client);
    expect(await deathOf(token)).toBe('client_inactive');
    await sql('UPDATE tokens SET revoked_at = now() WHERE token_id = $1', token.tokenId);
    expect(await deathOf(token)).toBe('token_revoked');
  });

  describe('below others', () => {
    /** A token of `above` with, two steps below it, one of another world's agent. */
    async function lineage(kind: 'person' | 'agent' | 'delegate' = 'agent') {
      const [above, between, of] = [await world(), await world(), await world()];
      const root = await issue({ person: ofPerson, agent: ofAgent, delegate: onBehalf }[kind](above));
      const middle = await issue(ofAgent(between, below(root)));
      const leaf = await issue(ofAgent(of, below(middle)));
      return { above, between, of, root, middle, leaf };
    }

    it('knows its whole lineage, root first', async () => {
      const { root, middle, leaf } = await lineage();
      expect(leaf.row).toMatchObject({ parent_token_id: middle.tokenId, root_token_id: root.tokenId, ancestors: [root.tokenId, middle.tokenId] });
      expect(await deathOf(leaf)).toBeNull();
    });

    it.each<[name: string, kind: 'person' | 'agent' | 'delegate', end: (above: World, token: TokenId) => Promise<unknown>]>([
      ['is revoked', 'agent', (_above, token) => sql('UPDATE tokens SET revoked_at = now() WHERE token_id = $1', token)],
      ['loses its client', 'agent', (above) => sql(`UPDATE clients SET status = 'suspended' WHERE id = $1`, above.agent)],
      ['loses its agent', 'agent', (above) => sql(`UPDATE agents SET status = 'suspended' WHERE id = $1`, above.agent)],
      ['loses its consent', 'person', (above) => sql('UPDATE consent_grants SET revoked_at = now() WHERE id = $1', above.consent)],
      ['loses the record of its consent', 'person', (above) => sql('DELETE FROM consent_grants WHERE id = $1', above.consent)],
      ['loses its organization', 'agent', (above) => sql(`UPDATE organizations SET status = 'suspended' WHERE id = $1`, above.organization)],
      ['loses its person', 'person', (above) => sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, above.user)],
      ['loses its delegation', 'delegate', (above) => sql('UPDATE delegation_grants SET revoked_at = now() WHERE id = $1', above.delegations[0])],
      ['loses its task', 'delegate', (above) => sql(`UPDATE tasks SET state = 'cancelled' WHERE id = $1`, above.tasks[0])],
      ['loses the sign-in of its person', 'person', (above) => sql('UPDATE users SET sign_ins_ended_at = $2 WHERE id = $1', above.user, new Date(now() - 30_000))],
      ['loses the place of its person', 'person', (above) => sql('DELETE FROM memberships WHERE user_id = $1', above.user)],
      ['is no longer in the ledger', 'agent', (_above, token) => sql('DELETE FROM tokens WHERE token_id = $1', token)],
    ])('ends, however far below, when one above %s', async (_name, kind, end) => {
      const { above, of, root, middle, leaf } = await lineage(kind);
      await end(above, root.tokenId);
      expect([await deathOf(middle), await deathOf(leaf)]).toEqual(['ancestor_inactive', 'ancestor_inactive']);
      await expect(issue(ofAgent(of, below(middle)))).rejects.toEqual(refusal('ancestor_inactive'));
      await expect(issue(ofAgent(of, below(leaf)))).rejects.toEqual(refusal('ancestor_inactive'));
    });

    it('ends with the one in the middle, while the one at the top goes on', async () => {
      const { root, middle, leaf } = await lineage();
      await sql('UPDATE tokens SET revoked_at = now() WHERE token_id = $1', middle.tokenId);
      expect([await deathOf(root), await deathOf(middle), await deathOf(leaf)]).toEqual([null, 'token_revoked', 'ancestor_inactive']);
    });

    it('outlives the expiry of those above, which is a matter of time and not of trust', async () => {
      const of = await world();
      const root = await issue(ofAgent(of, { expiresAt: epochSeconds() + 10 }));
      const leaf = await issue(ofAgent(of, below(root)));
      const later = now() + 60_000;
      restoreClock = useClock({ now: () => later });
      expect([await deathOf(root), await deathOf(leaf)]).toEqual(['token_expired', null]);
    });

    it('does not begin below what nobody knows', async () => {
      const of = await world();
      const stranger = newId();
      await expect(issue(ofAgent(of, { parent: { tokenId: stranger, rootTokenId: stranger, ancestors: [] } }))).rejects.toEqual(refusal('ancestor_inactive'));
    });

    it('is found by the index, though the ledger was empty when the database last counted it', async () => {
      const { of, middle } = await lineage();
      const asked: { text: string; values: unknown[] }[] = [];
      const { pool } = database.pool;
      const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
      const spied = new TokenLedger(database.dataSource, { pool: { query: (statement: typeof asked[number]) => { asked.push(statement); return query(statement); } } as never, isEmbedded: true }, new AuditLog(database.dataSource, database.pool));
      await spied.standing(middle.tokenId);
      await spied.find(middle.tokenId);
      asked.push({ text: `SELECT ${refusedBecause('t.issued_at')} FROM json_populate_recordset(NULL::tokens, $1::json) t ${LIVENESS_JOINS}`, values: [JSON.stringify([ofAgent(of, below(middle)).row])] });
      for (const { text, values } of asked) {
        const plan = (await sql(`EXPLAIN ${text}`, ...values) as Record<string, string>[]).map((line) => line['QUERY PLAN']).join('\n');
        expect(plan).toMatch(/Index Scan using tokens_\d/);
        expect(plan).not.toMatch(/Seq Scan on tokens_/);
      }
      expect(asked).toHaveLength(3);
    });

    it('does not begin in a transaction that another one outran', async () => {
      const { of, root, middle } = await lineage();
      await sql('UPDATE tokens SET revoked_at = now() WHERE token_id = $1', root.tokenId);
      const record = ofAgent(of, below(middle));
      await expect(database.dataSource.transaction((manager) => ledger.commitIn(manager, [record]))).rejects.toEqual(refusal('ancestor_inactive'));
      expect(await ledger.standing(record.tokenId)).toBeUndefined();
    });
  });
});
