import { assertShallow } from './nesting.js';

const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown;

describe('nesting of documents', () => {
  it('passes what the API takes', () => {
    expect(() => assertShallow({ a: [{ b: { c: 1 } }], d: null })).not.toThrow();
    expect(() => assertShallow(nested(30))).not.toThrow();
  });

  it('refuses what would exhaust the stack, however it is built', () => {
    expect(() => assertShallow(nested(5000))).toThrow('nested deeper');
    let objects: unknown = {};
    for (let depth = 0; depth < 100_000; depth += 1) objects = { a: objects };
    expect(() => assertShallow(objects)).toThrow('nested deeper');
  });
});
