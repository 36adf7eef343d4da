import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { newId } from '../../kernel/ids.js';
import type { AuditEvent } from './audit-event.js';
import { AuditFeed, type FollowFilter, type Follower } from './audit-feed.service.js';
import { AuditLog } from './audit-log.service.js';
import type { LoggedEvent, LogReach } from './logged-event.js';

const HERE = newId();
const THERE = newId();

let database: ThrowawayDatabase;
let log: AuditLog;
let feed: AuditFeed;
let reads: number;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await throwawayDatabase([]);
});
afterAll(() => database.drop());
beforeEach(() => {
  log = new AuditLog(database.dataSource, database.pool);
  reads = 0;
  feed = new AuditFeed(new Proxy(database.dataSource, { get: (source, name: keyof DataSource) => (name === 'query' ? counted : source[name]) }));
});
afterEach(() => feed.beforeApplicationShutdown());

const counted = (...question: [string, unknown[]?]): Promise<unknown> => {
  reads += 1;
  return database.dataSource.query(...question);
};

class Listener implements Follower {
  isReady = true;
  readonly heard: LoggedEvent[] = [];
  mostAtOnce = 0;

  constructor(public position: number, readonly wants: FollowFilter = {}, readonly reach: LogReach = { organizationId: HERE }, private readonly pausesAfter = Infinity) {}

  receive(events: readonly LoggedEvent[]): void {
    this.heard.push(...events);
    this.mostAtOnce = Math.max(this.mostAtOnce, events.length);
    if (this.heard.length >= this.pausesAfter) this.isReady = false;
  }

  get labels(): unknown[] {
    return this.heard.map(({ details }) => details?.['label']);
  }
}

let labels = 0;
async function record(count: number, more: Partial<AuditEvent> = {}): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    type: 'user.updated', outcome: 'success', organization_id: HERE, actor: { kind: 'system' }, ...more, details: { ...more.details, label: `event ${labels += 1}` },
  } satisfies AuditEvent));
  await log.record(...events);
  return events.map(({ details }) => details.label);
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it never came to be');
    await pause(10);
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

describe('whoever follows the log', () => {
  it('gets each event once, in order, from where they begin and then as they come', async () => {
    const begin = await feed.end();
    const before = await record(3);
    const listener = new Listener(begin);
    feed.follow(listener);
    await until(() => listener.heard.length === 3);
    const after: string[] = [];
    for (let round = 0; round < 5; round += 1) after.push(...await record(100));
    await until(() => listener.heard.length === 503);
    expect(listener.labels).toEqual([...before, ...after]);
  });

  it('gets the events of their organization alone, unless they see all', async () => {
    const begin = await feed.end();
    const [here, there, all] = [new Listener(begin), new Listener(begin, {}, { organizationId: THERE }), new Listener(begin, {}, 'all')];
    for (const listener of [here, there, all]) feed.follow(listener);
    const [own] = await record(1);
    const [other] = await record(1, { organization_id: THERE });
    const [ofInstallation] = await record(1, { organization_id: null });
    await until(() => all.heard.length === 3);
    await pause(50);
    expect([here.labels, there.labels, all.labels]).toEqual([[own], [other], [own, other, ofInstallation]]);
  });

  it.each([['as they come', false], ['when they come back', true]])('gets only what they asked for, %s', async (_when, isBehind) => {
    const begin = await feed.end();
    const [actor, behind, task] = [newId(), newId(), newId()];
    const filters: FollowFilter[] = [{ actor }, { actor: behind }, { agent: behind }, { agent: task }, { task }, { types: ['scope.created'] }, { outcome: 'refused' }, { actor: behind, outcome: 'refused' }];
    const listeners = filters.map((wants) => new Listener(begin, wants));
    if (!isBehind) for (const listener of listeners) feed.follow(listener);
    const [acted] = await record(1, { actor: { kind: 'agent', id: actor }, act: { sub: 'x', act: { sub: behind } } });
    const [made] = await record(1, { type: 'scope.created', target: { kind: 'scope', id: behind } });
    const [refused] = await record(1, { outcome: 'refused', task_id: task });
    const [parent] = await record(1, { actor: { kind: 'client', client_id: actor }, details: { parent_task_id: task } });
    if (isBehind) for (const listener of listeners) feed.follow(listener);
    await until(() => listeners.every(({ position }) => position >= begin + 4));
    expect(listeners.map((listener) => listener.labels)).toEqual([[acted, parent], [acted], [acted, made], [], [refused, parent], [made], [refused], []]);
  });

  it('is left alone while they take nothing, and misses nothing when they go on', async () => {
    const begin = await feed.end();
    const slow = new Listener(begin, {}, undefined, 1);
    const quick = new Listener(begin);
    for (const listener of [slow, quick]) feed.follow(listener);
    const first = await record(1);
    await until(() => slow.heard.length === 1 && quick.heard.length === 1);
    const rest = await record(1000);
    await until(() => quick.heard.length === 1001);
    expect(slow.labels).toEqual(first);
    while (slow.heard.length < 1001) {
      slow.isReady = true;
      feed.resume(slow);
      const known = slow.heard.length;
      await until(() => slow.heard.length > known);
    }
    expect(slow.labels).toEqual([...first, ...rest]);
    expect(slow.mostAtOnce).toBeLessThanOrEqual(200);
    slow.isReady = true;
    const last = await record(1);
    await until(() => slow.heard.length === 1002);
    expect(slow.labels.at(-1)).toBe(last[0]);
  });

  it('costs one reading of the log together, and none when nobody is left', async () => {
    const begin = await feed.end();
    const listeners = Array.from({ length: 20 }, () => new Listener(begin));
    for (const listener of listeners) feed.follow(listener);
    await pause(50);
    await record(10);
    await until(() => listeners.every(({ heard }) => heard.length === 10));
    expect(reads).toBeLessThan(10);
    for (const listener of listeners) feed.unfollow(listener);
    await pause(50);
    const before = reads;
    await pause(700);
    expect(reads).toBe(before);
    const again = new Listener(await feed.end());
    feed.follow(again);
    const [label] = await record(1);
    await until(() => again.heard.length === 1);
    expect(again.labels).toEqual([label]);
  });

  it('misses nothing while the database does not answer', async () => {
    const begin = await feed.end();
    let isAway = true;
    const flaky = new AuditFeed({ query: (...question: [string, unknown[]?]) => (isAway ? Promise.reject(new Error('away')) : database.dataSource.query(...question)) } as unknown as DataSource);
    const listener = new Listener(begin);
    flaky.follow(listener);
    const told = await record(3);
    await pause(100);
    isAway = false;
    await until(() => listener.heard.length === 3);
    await flaky.beforeApplicationShutdown();
    expect(listener.labels).toEqual(told);
  });
});
