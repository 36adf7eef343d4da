import { Batch } from './batch.js';

describe('a batch of questions', () => {
  const squares = () => {
    const read: number[][] = [];
    const batch = new Batch<number, number>(4, async (keys) => {
      read.push([...keys]);
      await new Promise((resolve) => { setTimeout(resolve, 1); });
      return keys.map((key) => key * key);
    });
    return { read, batch };
  };

  it('travels as one when they are asked in the same turn, and each gets its own answer', async () => {
    const { read, batch } = squares();
    expect(await Promise.all([batch.ask(3), batch.ask(1), batch.ask(3)])).toEqual([9, 1, 9]);
    expect(read).toEqual([[3, 1, 3]]);
  });

  it('takes along what later steps of the same turn ask', async () => {
    const { read, batch } = squares();
    await Promise.all([batch.ask(1), Promise.resolve().then(() => batch.ask(2))]);
    expect(read).toEqual([[1, 2]]);
  });

  it('leaves at once when it is full, and the rest follows in another', async () => {
    const { read, batch } = squares();
    expect(await Promise.all(Array.from({ length: 10 }, (_, key) => batch.ask(key)))).toEqual([0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    expect(read).toEqual([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  });

  it('does not wait for the one before it', async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => { release = resolve; });
    const batch = new Batch<string, string>(4, async (keys) => {
      if (keys.includes('slow')) await held;
      return keys;
    });
    const slow = batch.ask('slow');
    await new Promise((resolve) => { setImmediate(resolve); });
    await expect(batch.ask('quick')).resolves.toBe('quick');
    release();
    await expect(slow).resolves.toBe('slow');
  });

  it('refuses every question of a batch that failed, and of no other', async () => {
    const batch = new Batch<string, string>(2, (keys) => (keys.includes('bad') ? Promise.reject(new Error('lost')) : Promise.resolve(keys)));
    const outcomes = await Promise.allSettled([batch.ask('bad'), batch.ask('beside it'), batch.ask('after it')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await expect(batch.ask('good')).resolves.toBe('good');
  });
});
