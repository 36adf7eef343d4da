import { randomBytes } from 'node:crypto';
import { LIST_SIZE, scatteredOver } from './status-index.js';

describe('the indexes of a status list', () => {
  it('are all taken, each once', () => {
    const scatter = scatteredOver(randomBytes(32));
    const taken = new Uint8Array(LIST_SIZE);
    for (let position = 0; position < LIST_SIZE; position += 1) taken[scatter(position)]! += 1;
    expect(taken.every((times) => times === 1)).toBe(true);
  });

  it('are the same wherever the seed is the same, and others where it is not', () => {
    const seed = randomBytes(32);
    const [one, same, other] = [scatteredOver(seed), scatteredOver(Buffer.from(seed)), scatteredOver(randomBytes(32))];
    const positions = Array.from({ length: 1000 }, (_, position) => position);
    expect(positions.map(same)).toEqual(positions.map(one));
    expect(positions.filter((position) => other(position) === one(position)).length).toBeLessThan(20);
  });

  it('of tokens that follow each other lie all over the list', () => {
    const scatter = scatteredOver(Buffer.alloc(32, 7));
    const quarters = [0, 0, 0, 0];
    const steps = new Set<number>();
    for (let position = 0; position < 4000; position += 1) {
      quarters[Math.floor(4 * scatter(position) / LIST_SIZE)]! += 1;
      steps.add(scatter(position + 1) - scatter(position));
    }
    for (const quarter of quarters) expect(quarter).toBeGreaterThan(800);
    expect(steps.size).toBeGreaterThan(3900);
  });
});
