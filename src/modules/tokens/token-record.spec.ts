import { useClock } from '../../kernel/clock.js';
import { isId, newId, type TokenId } from '../../kernel/ids.js';
import { tokenRecord, type Issuance } from './token-record.js';

const ISSUED_AT = 1_900_000_000;
const TOKEN = newId<TokenId>();
const TASK = newId();
const ORGANIZATION = newId();
const PERSON = newId();
const AGENT = newId();

const common = {
  format: 'jwt', grantType: 'client_credentials', issuer: 'https://issuer.example', organizationId: ORGANIZATION, audience: 'https://api.example', decision: { id: 'd-0', policies: ['default'] },
  issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + 600, tokenId: TOKEN, taskId: TASK,
} as const satisfies Partial<Issuance>;

const ofClient: Issuance = { ...common, clientId: 'machine', subject: { kind: 'client', id: 'machine' }, scopes: ['a:read', 'b:write'] };
const ofAgent: Issuance = {
  ...common, clientId: AGENT, subject: { kind: 'agent', id: AGENT }, scopes: ['a:read'],
  agent: { type: 'assistant', model: 'm-1', version: '2', provider: 'example', trustLevel: 'verified', capabilities: ['search', 'mail'] },
};
const ofPerson: Issuance = {
  ...common, grantType: 'authorization_code', clientId: 'app', subject: { kind: 'user', id: PERSON }, role: 'admin', scopes: [], authTime: ISSUED_AT - 30,
  acr: 'urn:example:pwd', consentGrantId: newId(), cnf: { jkt: 'thumbprint' },
};

/** What JSON makes of it, since that is what is signed. */
const written = (claims: object) => JSON.parse(JSON.stringify(claims)) as unknown;

describe('the record of a token', () => {
  it('says of a client that speaks for itself no more than RFC 9068 and its place ask', () => {
    expect(written(tokenRecord(ofClient).claims)).toEqual({
      iss: 'https://issuer.example', sub: 'machine', aud: 'https://api.example', client_id: 'machine', scope: 'a:read b:write', iat: ISSUED_AT, exp: ISSUED_AT + 600,
      jti: TOKEN, tenant_id: ORGANIZATION, token_id: TOKEN, task_id: TASK,
    });
  });

  it('says of an agent what it is, as one object and as the flat claims of OIDC-A', () => {
    expect(written(tokenRecord(ofAgent).claims)).toMatchObject({
      sub: AGENT, client_id: AGENT, role: 'agent',
      agent: { type: 'assistant', model: 'm-1', version: '2', provider: 'example', trust_level: 'verified', capabilities: ['search', 'mail'] },
      agent_type: 'assistant', agent_model: 'm-1', agent_version: '2', agent_provider: 'example', agent_trust_level: 'verified', agent_capabilities: ['search', 'mail'],
    });
  });

  it('says in which status list it stands, and the row says the same', () => {
    const { claims, row } = tokenRecord({ ...ofClient, status: { entry: 3 * 2 ** 20 + 17, index: 17, uri: 'https://issuer.example/api/status-lists/x' } });
    expect(written(claims)).toMatchObject({ status: { status_list: { idx: 17, uri: 'https://issuer.example/api/status-lists/x' } } });
    expect(row.status_entry).toBe(3 * 2 ** 20 + 17);
    expect(tokenRecord(ofClient).row.status_entry).toBeUndefined();
  });

  it('says of a person their role, when and how they signed in, and to which key the token is bound', () => {
    const claims = written(tokenRecord(ofPerson).claims);
    expect(claims).toMatchObject({ sub: PERSON, client_id: 'app', role: 'admin', auth_time: ISSUED_AT - 30, acr: 'urn:example:pwd', cnf: { jkt: 'thumbprint' } });
    expect(claims).not.toHaveProperty('scope');
    expect(claims).not.toHaveProperty('agent');
  });

  it('names the agent that a person acts through, without taking it for the subject', () => {
    const { claims, row } = tokenRecord({ ...ofPerson, agent: ofAgent.agent });
    expect(claims).toMatchObject({ sub: PERSON, role: 'admin', agent_type: 'assistant' });
    expect(row).toMatchObject({ user_id: PERSON, agent_id: undefined });
  });

  it('says for whom an agent acts, by which chain, with which tools, in which task', () => {
    const chain = [{ iss: 'https://issuer.example', sub: PERSON, aud: AGENT, delegated_at: ISSUED_AT - 100, scope: 'a:read', purpose: 'A trip.' }];
    const onBehalf: Issuance = {
      ...ofAgent, subject: { kind: 'user', id: PERSON }, role: 'member', act: { sub: AGENT }, tools: ['search'], instanceId: 'pod-7', mayAct: { sub: 'next' }, parentTaskId: TOKEN,
      delegation: { grantId: ORGANIZATION, delegatorSub: PERSON, purpose: 'A trip.', constraints: { max_token_ttl: 60 }, chain }, launchReason: 'agent_delegated',
      decision: { id: 'd-1', policies: ['default'] },
    };
    const { claims, row, event } = tokenRecord(onBehalf);
    expect(written(claims)).toMatchObject({
      sub: PERSON, role: 'member', act: { sub: AGENT }, may_act: { sub: 'next' }, tools: ['search'], delegation_grant_id: ORGANIZATION, delegator_sub: PERSON,
      delegation_purpose: 'A trip.', delegation_constraints: { max_token_ttl: 60 }, delegation_chain: chain, agent_instance_id: 'pod-7', agent_context_id: TASK, parent_task_id: TOKEN,
      agent: { instance_id: 'pod-7' },
    });
    expect(row).toMatchObject({ user_id: PERSON, delegation_grant_id: ORGANIZATION, act: { sub: AGENT }, launch_reason: 'agent_delegated' });
    expect(event).toMatchObject({
      actor: { kind: 'agent', id: AGENT }, subject: PERSON, act: { sub: AGENT },
      details: { delegation_grant_id: ORGANIZATION, tools: ['search'], instance_id: 'pod-7', launch_reason: 'agent_delegated', purpose: 'A trip.', decision: { id: 'd-1', policies: ['default'] } },
    });
  });

  it('has a row that agrees with what the token says', () => {
    expect(tokenRecord(ofPerson).row).toEqual({
      token_id: TOKEN, kind: 'access_token', format: 'jwt', grant_type: 'authorization_code', organization_id: ORGANIZATION, client_id: 'app',
      subject: PERSON, user_id: PERSON, audience: 'https://api.example', scope: '', task_id: TASK, root_token_id: TOKEN, consent_grant_id: ofPerson.consentGrantId,
      cnf: { jkt: 'thumbprint' }, authenticated_at: new Date((ISSUED_AT - 30) * 1000).toISOString(),
      issued_at: new Date(ISSUED_AT * 1000).toISOString(), expires_at: new Date((ISSUED_AT + 600) * 1000).toISOString(),
    });
    expect(tokenRecord(ofAgent).row).toMatchObject({ subject: AGENT, agent_id: AGENT, user_id: undefined, scope: 'a:read' });
    expect(tokenRecord(ofClient).row).toMatchObject({ subject: 'machine', agent_id: undefined, user_id: undefined });
  });

  it('has one event that tells who, for whom, what and under which ids, and holds no token', () => {
    expect(tokenRecord(ofPerson).event).toEqual({
      type: 'token.issued', outcome: 'success', organization_id: ORGANIZATION, actor: { kind: 'user', id: PERSON, client_id: 'app' }, subject: PERSON,
      target: { kind: 'access_token', id: TOKEN }, token_id: TOKEN, task_id: TASK,
      details: { grant_type: 'authorization_code', audience: 'https://api.example', scope: '', expires_at: ISSUED_AT + 600, consent_grant_id: ofPerson.consentGrantId, acr: ofPerson.acr, decision: { id: 'd-0', policies: ['default'] } },
    });
    expect(tokenRecord(ofClient).event.actor).toEqual({ kind: 'client', id: 'machine' });
    expect(tokenRecord(ofAgent).event.actor).toEqual({ kind: 'agent', id: AGENT, client_id: AGENT });
  });

  it('stands below its parent, at the end of a lineage that begins with the root', () => {
    const [root, parent] = [newId(), newId()];
    const { row, claims, event } = tokenRecord({ ...ofAgent, parent: { tokenId: parent, rootTokenId: root, ancestors: [root] }, parentTaskId: TASK });
    expect(row).toMatchObject({ parent_token_id: parent, root_token_id: root, ancestors: [root, parent], parent_task_id: TASK });
    expect(claims).toMatchObject({ parent_token_id: parent, parent_task_id: TASK });
    expect(event.details).toMatchObject({ parent_token_id: parent });
  });

  it('keeps of an opaque token the hash and what introspection will say, and never the token', () => {
    const { row, claims } = tokenRecord({ ...ofClient, format: 'opaque', opaqueHash: Buffer.from('00ff10', 'hex') });
    expect(row).toMatchObject({ format: 'opaque', opaque_hash: '\\x00ff10', claims });
  });

  it('keeps of a refresh token no claims: it says nothing to anybody', () => {
    const { row, event } = tokenRecord({ ...ofPerson, kind: 'refresh_token', format: 'opaque' });
    expect(row).toMatchObject({ kind: 'refresh_token', claims: undefined });
    expect(event.target).toEqual({ kind: 'refresh_token', id: TOKEN });
  });

  it('makes ids of its own, by the clock, when none are given', () => {
    const restore = useClock({ now: () => ISSUED_AT * 1000 });
    const { tokenId, taskId, row, claims, event } = tokenRecord({ ...ofClient, tokenId: undefined, taskId: undefined });
    restore();
    expect(isId(tokenId)).toBe(true);
    expect(Number.parseInt(tokenId.replaceAll('-', '').slice(0, 12), 16)).toBe(ISSUED_AT * 1000);
    expect([row.token_id, row.root_token_id, claims['jti'], claims['token_id'], event.token_id]).toEqual(Array(5).fill(tokenId));
    // A token that continues nothing begins a task, which goes by its id.
    expect([taskId, row.task_id, claims['task_id'], event.task_id]).toEqual(Array(4).fill(tokenId));
  });
});
