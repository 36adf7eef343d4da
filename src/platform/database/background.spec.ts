import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { Background, type Chore } from './background.js';

let database: ThrowawayDatabase;
let opened: Background[];

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await throwawayDatabase([]);
});
afterAll(() => database.drop());
beforeEach(() => { opened = []; });
afterEach(() => Promise.all(opened.map((background) => background.beforeApplicationShutdown())));

/** As on one of several nodes. */
function node(dataSource: DataSource = database.dataSource): Background {
  const background = new Background(dataSource);
  opened.push(background);
  return background;
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it never came to be');
    await pause(5);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}

function chore(run: Chore['run'], name = 'test', everySeconds = 0.02): Chore {
  return { name, everySeconds, run };
}

describe('background work', () => {
  it('repeats', async () => {
    let turns = 0;
    node().every(chore(async () => { turns += 1; }));
    await until(() => turns >= 3);
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it('is left alone for as long as there is nothing to do, and looked for again when asking failed', async () => {
    let asked = 0;
    const turns: number[] = [];
    node().every({
      ...chore(async () => { turns.push(asked); }),
      isDue: async () => {
        asked += 1;
        if (asked === 2) throw new Error('planned');
        return Promise.resolve(asked > 3);
      },
    });
    await until(() => turns.length >= 2);
    expect(turns.slice(0, 2)).toEqual([4, 5]);
  });

  it('goes on after it failed, and what a failed turn wrote is undone', async () => {
    await database.dataSource.query('CREATE TABLE notes (turn integer)');
    let turns = 0;
    node().every(chore(async (manager) => {
      turns += 1;
      await manager.query('INSERT INTO notes VALUES ($1)', [turns]);
      if (turns === 1) throw new Error('planned');
    }));
    await until(() => turns >= 3);
    await opened[0]!.beforeApplicationShutdown();
    const notes = await database.dataSource.query<{ turn: number }[]>('SELECT turn FROM notes ORDER BY turn');
    expect(notes.map(({ turn }) => turn)).not.toContain(1);
    expect(notes.map(({ turn }) => turn)).toContain(2);
  });

  it('is done by one node at a time', async () => {
    let atWork = 0;
    let most = 0;
    let turns = 0;
    for (let count = 0; count < 3; count += 1) {
      node().every(chore(async () => {
        atWork += 1;
        most = Math.max(most, atWork);
        await pause(20);
        turns += 1;
        atWork -= 1;
      }));
    }
    await until(() => turns >= 5);
    expect(most).toBe(1);
  });

  it('goes on at once, not after the whole interval, while there is more to do', async () => {
    const batches: number[] = [];
    node().every(chore(async () => { batches.push(performance.now()); return batches.length < 30; }, 'heap', 1));
    await until(() => batches.length >= 30);
    expect(batches.at(-1)! - batches[0]!).toBeLessThan(2000);
    await pause(800);
    expect(batches).toHaveLength(30);
  });

  it('commits each batch by itself, and keeps those before one that fails', async () => {
    await database.dataSource.query('CREATE TABLE batches (batch integer)');
    let batch = 0;
    node().every(chore(async (manager) => {
      await manager.query('INSERT INTO batches VALUES ($1)', [batch += 1]);
      if (batch === 3) throw new Error('planned');
      return true;
    }, 'batches', 1));
    await until(() => batch >= 3);
    await opened[0]!.beforeApplicationShutdown();
    expect(await database.dataSource.query('SELECT batch FROM batches ORDER BY batch')).toEqual([{ batch: 1 }, { batch: 2 }]);
  });

  it('pauses after a while even when there is more, so that others get their turn', async () => {
    const batches: number[] = [];
    // A clock that takes each batch for four seconds of work.
    let seconds = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (seconds += 4) * 1000);
    try {
      node().every(chore(async () => { batches.push(Date.now()); return true; }, 'mountain'));
      await until(() => batches.length >= 5);
    } finally {
      clock.mockRestore();
    }
    const pauses = batches.slice(1).map((at, index) => at - batches[index]!).filter((milliseconds) => milliseconds >= 400);
    expect(pauses.length).toBeGreaterThanOrEqual(1);
    expect(pauses.length).toBeLessThan(batches.length - 1);
  });

  it('lets the server work between two batches, and stops there when it ends', async () => {
    let batches = 0;
    const background = node();
    const begun = performance.now();
    background.every(chore(async () => { batches += 1; return true; }));
    // A turn takes ten seconds, and this asks by timer whether there was a batch yet.
    await until(() => batches >= 3);
    await background.beforeApplicationShutdown();
    expect(performance.now() - begun).toBeLessThan(5000);
    const at = batches;
    await pause(100);
    expect(batches).toBe(at);
  });

  it('ends with the server: the shutdown waits for what is under way, and nothing starts after it', async () => {
    let begun = false;
    let ended = 0;
    const background = node();
    background.every(chore(async () => {
      begun = true;
      await pause(100);
      ended += 1;
    }));
    await until(() => begun);
    await background.beforeApplicationShutdown();
    const at = ended;
    expect(at).toBeGreaterThanOrEqual(1);
    await pause(150);
    expect(ended).toBe(at);
  });

  it('refuses two chores of one name, which would keep each other from working', () => {
    const background = node();
    background.every(chore(async () => undefined, 'same', 60));
    expect(() => background.every(chore(async () => undefined, 'same', 60))).toThrow(TypeError);
  });
});
