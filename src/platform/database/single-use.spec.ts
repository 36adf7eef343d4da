import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { epochSeconds } from '../../kernel/clock.js';
import { SingleUse } from './single-use.service.js';

describe('what may be used once', () => {
  let database: ThrowawayDatabase;
  let nodes: SingleUse[];

  beforeAll(async () => {
    database = await throwawayDatabase([]);
    nodes = [new SingleUse(database.pool), new SingleUse(database.pool)];
  });
  afterAll(() => database.drop());

  const expiry = () => epochSeconds() + 60;

  it('goes to exactly one of many that claim it at once, on whichever node', async () => {
    const claims = await Promise.all(Array.from({ length: 40 }, (_, index) => nodes[index % 2]!.claim('dpop:k', 'j-1', expiry())));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await nodes[0]!.claim('dpop:k', 'j-1', expiry())).toBe(false);
  });

  it('is another thing under another kind, and under another name', async () => {
    expect(await nodes[0]!.claim('a', 'x', expiry())).toBe(true);
    expect(await nodes[0]!.claim('b', 'x', expiry())).toBe(true);
    expect(await nodes[0]!.claim('a', 'y', expiry())).toBe(true);
  });

  it('cannot be confused by moving characters between kind and name', async () => {
    expect(await nodes[0]!.claim('jti:client', 'one', expiry())).toBe(true);
    expect(await nodes[0]!.claim('jti:clien', 'tone', expiry())).toBe(true);
  });

  it.each([['an empty one', ''], ['NUL', '\0'], ['an emoji', 'é😀'], ['an endless one', 'x'.repeat(10_000)], ['SQL', "'; DROP TABLE single_uses; --"]])('may have any name: %s', async (_name, name) => {
    expect(await nodes[0]!.claim('any', name, expiry())).toBe(true);
    expect(await nodes[1]!.claim('any', name, expiry())).toBe(false);
  });

  it('is stored as a hash, so that nobody who reads the table can present it', async () => {
    await nodes[0]!.claim('secret', 'seen-by-nobody', expiry());
    const rows = await database.dataSource.query<{ text: string }[]>('SELECT encode(id_hash, $1) AS text FROM single_uses', ['escape']);
    expect(rows.some(({ text }) => text.includes('seen-by-nobody'))).toBe(false);
    expect(rows.length).toBeGreaterThan(0);
  });
});
