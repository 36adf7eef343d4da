import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { now, useClock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Background } from '../../platform/database/background.js';
import type { AuditEvent } from './audit-event.js';
import type { AuditFilter } from './audit-filter.js';
import { AuditIndex } from './audit-index.service.js';
import { AuditLog } from './audit-log.service.js';
import { SPAN } from './audit-mentions.js';
import { AuditSearch, LOOKED_AT } from './audit-search.service.js';
import type { LogReach } from './logged-event.js';

const HERE = newId();
const THERE = newId();
const [AGENT, CLIENT, PERSON, FIRST_ACTOR, MIDDLE_ACTOR, TASK, PARENT_TASK, TOKEN, PARENT_TOKEN, CHECKED_TOKEN, DELEGATE] = Array.from({ length: 11 }, () => newId());

let database: ThrowawayDatabase;
let log: AuditLog;
let index: AuditIndex;
let search: AuditSearch;
let restoreClock: (() => void) | undefined;

beforeAll(async () => {
  database = await throwawayDatabase([]);
  log = new AuditLog(database.dataSource, database.pool);
  index = new AuditIndex({ every: () => undefined } as unknown as Background);
  search = new AuditSearch(database.dataSource, new MasterKey(Buffer.alloc(32, 7)));
});
afterAll(() => database.drop());
afterEach(() => restoreClock?.());

const here: LogReach = { organizationId: HERE };
const plain = (more: Partial<AuditEvent> = {}): AuditEvent => ({ type: 'user.updated', outcome: 'success', organization_id: HERE, actor: { kind: 'system' }, ...more });

/** A fact that names somebody or something in every part there is. */
const FULL = plain({
  type: 'token.issued', actor: { kind: 'agent', id: AGENT, client_id: CLIENT }, act: { sub: MIDDLE_ACTOR!, act: { sub: FIRST_ACTOR! } }, subject: PERSON,
  target: { kind: 'access_token', id: TOKEN! }, token_id: TOKEN, task_id: TASK, details: { parent_task_id: PARENT_TASK, parent_token_id: PARENT_TOKEN, checked_token_id: CHECKED_TOKEN, agent_id: DELEGATE },
});

/** Has the index read all that there is so far: events of others make its last span complete. */
async function readAll(): Promise<void> {
  const [head] = await database.dataSource.query<[{ size: string }]>(`SELECT size FROM audit_heads WHERE log = 'main'`);
  await fill(newId(), SPAN - Number(head.size) % SPAN);
  await readOn();
}

async function readOn(): Promise<void> {
  while (await database.dataSource.transaction((manager) => index.readOn(manager)));
}

async function found(filter: AuditFilter, reach = here): Promise<(string | undefined)[]> {
  return (await everything(filter, reach)).map(({ details }) => details?.['label'] as string | undefined);
}

async function everything(filter: AuditFilter, reach = here, limit = 200) {
  const events = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await search.list(reach, filter, { limit, cursor });
    events.push(...page.data);
    cursor = page.next_cursor;
  }
  return events;
}

let labels = 0;
/** Records facts with a label each, and answers the labels. */
async function record(...events: AuditEvent[]): Promise<string[]> {
  const named = events.map((event) => ({ ...event, details: { ...event.details, label: `event ${labels += 1}` } }));
  for (const event of named) await log.record(event);
  return named.map(({ details }) => details.label);
}

describe('a search of the log', () => {
  const parties: [string, AuditFilter][] = [
    ['its actor', { actor: AGENT }], ['the client of its actor', { actor: CLIENT }], ['the last of the chain behind the actor', { actor: MIDDLE_ACTOR }],
    ['the first of that chain', { actor: FIRST_ACTOR }], ['its subject', { subject: PERSON }], ['an agent that acted', { agent: AGENT }], ['an agent in the chain', { agent: FIRST_ACTOR }],
    ['an agent that it was for', { agent: PERSON }], ['an agent to whom something is delegated', { agent: DELEGATE }], ['what it was done to', { target: TOKEN }], ['its task', { task: TASK }], ['the task above', { task: PARENT_TASK }],
    ['its token', { token: TOKEN }], ['the token above', { token: PARENT_TOKEN }], ['a token that was checked', { token: CHECKED_TOKEN }],
    ['several of them at once', { actor: FIRST_ACTOR, subject: PERSON, task: TASK, token: TOKEN, types: ['token.issued'], outcome: 'success' }],
  ];

  describe.each([['that the index has read', true], ['that no index has read yet', false]])('finds an event %s', (_name, isIndexed) => {
    let label: string[];
    beforeAll(async () => {
      await readAll();
      label = await record(FULL);
      if (isIndexed) await readAll();
    });

    it.each(parties)('by %s', async (_what, filter) => {
      expect((await found(filter))[0]).toBe(label[0]);
    });

    it('by nothing that it does not name', async () => {
      for (const filter of [{ actor: PERSON }, { subject: AGENT }, { task: PARENT_TOKEN }, { token: TASK }, { target: TASK }, { target: DELEGATE }, { agent: TASK }, { actor: AGENT!.slice(0, -1) }] as AuditFilter[]) {
        expect({ filter, found: await found(filter) }).toEqual({ filter, found: [] });
      }
    });

    it('for its own organization and for whoever sees all, and for nobody else', async () => {
      for (const [, filter] of parties) {
        expect(await found(filter, { organizationId: THERE })).toEqual([]);
        expect((await found(filter, 'all'))[0]).toBe(label[0]);
      }
    });
  });

  it('shows what is in the index and what is not yet as one, the newest first', async () => {
    const agent = newId();
    const events = Array.from({ length: 7 }, () => plain({ actor: { kind: 'agent', id: agent } }));
    const first = await record(...events);
    await readAll();
    const second = await record(...events);
    expect(await found({ actor: agent })).toEqual([...first, ...second].reverse());
    expect((await everything({ agent }, here, 3)).map(({ details }) => details!['label'])).toEqual([...first, ...second].reverse());
  });

  it('goes on from where a page ended while events are added and the index reads on', async () => {
    const agent = newId();
    const events = Array.from({ length: 6 }, () => plain({ actor: { kind: 'agent', id: agent } }));
    const before = await record(...events);
    const first = await search.list(here, { agent }, { limit: 4 });
    await record(...events);
    await readAll();
    await record(...events);
    const second = await search.list(here, { agent }, { limit: 4, cursor: first.next_cursor! });
    expect([...first.data, ...second.data].map(({ details }) => details!['label'])).toEqual(before.reverse());
    expect(second.next_cursor).toBeNull();
  });

  it('shows one event once, however many parts somebody has in it', async () => {
    const agent = newId();
    const [label] = await record(plain({ actor: { kind: 'agent', id: agent, client_id: agent }, act: { sub: agent }, subject: agent, target: { kind: 'agent', id: agent } }));
    expect(await found({ agent })).toEqual([label]);
    await readAll();
    expect(await found({ agent })).toEqual([label]);
    expect(await found({ agent }, 'all')).toEqual([label]);
  });

  it('finds somebody in the events of every organization and of the installation, for who sees all', async () => {
    const client = newId();
    const labelsOfAll = await record(...[HERE, THERE, null, ...Array.from({ length: 12 }, () => newId())].map((organization) => plain({ organization_id: organization, actor: { kind: 'client', id: client } })));
    await readAll();
    expect(await found({ actor: client }, 'all')).toEqual(labelsOfAll.toReversed());
    expect(await found({ actor: client })).toEqual([labelsOfAll[0]]);
  });

  it('filters by type, outcome, reason and text, in which no character is a wildcard', async () => {
    const actor = newId();
    const by = (more: Partial<AuditEvent>) => plain({ actor: { kind: 'user', id: actor }, ...more });
    const [created, refused, percent, odd] = await record(
      by({ type: 'scope.created' }), by({ type: 'access.refused', outcome: 'refused', reason: 'insufficient_scope' }),
      by({ details: { note: '100% sure_ly' } }), by({ target: { kind: 'tool', id: 'the "odd"\\ one é' } }),
    );
    for (const step of [() => Promise.resolve(), readAll]) {
      await step();
      expect(await found({ actor, types: ['scope.created', 'access.refused'] })).toEqual([refused, created]);
      expect(await found({ actor, outcome: 'refused' })).toEqual([refused]);
      expect(await found({ actor, reason: 'insufficient_scope' })).toEqual([refused]);
      expect(await found({ actor, reason: 'insufficient' })).toEqual([]);
      expect(await found({ actor, text: '100% sure_ly' })).toEqual([percent]);
      expect(await found({ actor, text: '100%ly' })).toEqual([]);
      expect(await found({ actor, text: 'sure-ly' })).toEqual([]);
      expect(await found({ actor, text: 'the "odd"\\ one é' })).toEqual([odd]);
      expect(await found({ actor, target: 'the "odd"\\ one é' })).toEqual([odd]);
      expect(await found({ text: `"id":"${actor}"`, types: ['scope.created'] })).toEqual([created]);
    }
  });

  it('filters by time, from the first moment on and up to before the last, whatever the order in which clocks had it', async () => {
    const actor = newId();
    const at = Date.UTC(2040, 0, 1);
    const told: string[] = [];
    for (const offset of [0, 2000, 1000, 3000]) {
      restoreClock = useClock({ now: () => at + offset });
      told.push(...await record(plain({ actor: { kind: 'user', id: actor } })));
      restoreClock();
    }
    const [zero, two, one, three] = told;
    const time = (offset: number) => new Date(at + offset);
    for (const step of [() => Promise.resolve(), readAll]) {
      await step();
      expect(await found({ actor, from: time(1000) })).toEqual([three, one, two]);
      expect(await found({ actor, to: time(2000) })).toEqual([one, zero]);
      expect(await found({ actor, from: time(1000), to: time(2000) })).toEqual([one]);
      expect(await found({ from: time(0), to: time(1) })).toEqual([zero]);
      expect(await found({ actor, from: time(3001) })).toEqual([]);
      expect(await found({ actor, to: time(0) })).toEqual([]);
    }
  });

  it('looks at a bounded number of events for a page, and still comes to all', async () => {
    const organization = newId();
    const reach = { organizationId: organization };
    const [rare] = await record(plain({ organization_id: organization, type: 'organization.created' }));
    await fill(organization, LOOKED_AT + 300);
    const first = await search.list(reach, { types: ['organization.created'] }, {});
    expect({ data: first.data, isLast: first.next_cursor === null }).toEqual({ data: [], isLast: false });
    const second = await search.list(reach, { types: ['organization.created'] }, { cursor: first.next_cursor! });
    expect({ labels: second.data.map(({ details }) => details!['label']), next: second.next_cursor }).toEqual({ labels: [rare], next: null });
    await readAll();
    expect(await found({ types: ['organization.created'] }, reach)).toEqual([rare]);
    expect(await found({ actor: 'filler', types: ['organization.created'] }, reach)).toEqual([]);
    expect((await search.list(reach, { actor: 'filler' }, { limit: 5 })).data).toHaveLength(5);
  });

  it('finds an event by its id, read or not, for its own organization alone', async () => {
    await record(plain());
    for (const step of [() => Promise.resolve(), readAll]) {
      await step();
      const [event] = (await search.list(here, {}, { limit: 1 })).data;
      await expect(search.get(here, event!.id)).resolves.toEqual(event);
      await expect(search.get('all', event!.id)).resolves.toEqual(event);
      await expect(search.get({ organizationId: THERE }, event!.id)).rejects.toMatchObject({ code: 'audit_event_not_found' });
    }
    for (const id of [newId(), 'nonsense', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) {
      await expect(search.get(here, id)).rejects.toMatchObject({ code: 'audit_event_not_found' });
    }
  });
});

describe('the index of the log', () => {
  it('is the same when it is thrown away and the log is read anew', async () => {
    await readAll();
    const rows = () => database.dataSource.query(`SELECT id, organization_id, span, places FROM audit_mentions ORDER BY 1, 2, 3`);
    const before = await rows();
    for (const table of ['audit_mentions', 'audit_spans']) await database.dataSource.query(`DELETE FROM ${table}`);
    await database.dataSource.query(`UPDATE audit_readers SET sequence = 0 WHERE reader = 'mentions'`);
    await readOn();
    expect(await rows()).toEqual(before);
    expect(before.length).toBeGreaterThan(50);
  });

  it('waits until a span is complete', async () => {
    await readAll();
    const position = async () => (await database.dataSource.query<[{ sequence: string }]>(`SELECT sequence FROM audit_readers WHERE reader = 'mentions'`))[0].sequence;
    const before = Number(await position());
    await fill(newId(), SPAN - 1);
    await readOn();
    expect(Number(await position())).toBe(before);
    await record(plain());
    await readOn();
    expect(Number(await position())).toBe(before + SPAN);
  });

  it('leaves out what is too long to be looked for, and reads on', async () => {
    const [label] = await record(plain({ target: { kind: 'odd', id: 'é'.repeat(40_000) }, actor: { kind: 'user', id: 'beside the long one' }, act: { sub: 1 } }));
    await readAll();
    expect(await found({ actor: 'beside the long one' })).toEqual([label]);
  });
});

/** Many events, put there as they would have been written. */
async function fill(organization: string, count: number): Promise<void> {
  await database.dataSource.query(
    `INSERT INTO audit_events (sequence, event_id, organization_id, type, outcome, occurred_at, body, leaf_hash)
     SELECT h.size + n - 1, gen_random_uuid(), $1, 'user.updated', 'success', $3, '{"actor":{"kind":"system","id":"filler"},"type":"user.updated"}', '' FROM audit_heads h, generate_series(1, $2::int) n`,
    [organization, count, new Date(now())]);
  await database.dataSource.query('UPDATE audit_heads SET size = size + $1', [count]);
}
