import fc from 'fast-check';
import { ScopeGraph } from './scope-graph.js';
import { covers } from './scope-set.js';

type Edges = Record<string, string[]>;

function graph(edges: Edges, inactive: string[] = [], registered?: ConstructorParameters<typeof ScopeGraph>[2]): ScopeGraph {
  return new ScopeGraph(new Map(Object.entries(edges)), new Set(inactive), registered);
}

const holds = (scopes: ScopeGraph, held: readonly string[], wanted: string) => scopes.covers(new Set(held), wanted);

const part = fc.constantFrom('a', 'b', 'read', 'write');
/** Few parts, so that names often lie above and below one another. */
const scope = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(':'));
const scopes = fc.array(scope, { maxLength: 6 });
const edges = fc.array(fc.tuple(scope, scopes), { maxLength: 8 }).map((entries) => new Map(entries));
const anyGraph = fc.tuple(edges, scopes).map(([map, inactive]) => new ScopeGraph(map, new Set(inactive)));
/** Made as scopes are made: what would close a circle is refused. */
const acyclic = fc.array(fc.tuple(scope, scopes), { maxLength: 8 }).map((entries) => {
  const map = new Map<string, string[]>();
  for (const [name, implies] of entries) if (!new ScopeGraph(map, new Set()).cycle(name, implies)) map.set(name, implies);
  return map;
});

const calendar = graph({ 'calendar:admin': ['calendar:write', 'contacts:read'], 'calendar:write': ['calendar:read'], 'contacts:read:names': ['people:read'] });

describe('what a scope covers', () => {
  it.each([
    ['calendar:admin', 'calendar:admin', true],
    ['calendar:admin', 'calendar:write', true],
    ['calendar:admin', 'calendar:read', true],
    ['calendar:admin', 'calendar:read:freebusy', true],
    // Down by name to one that implies something, and on from there.
    ['calendar:admin', 'people:read', true],
    ['calendar:admin:mine', 'calendar:write', false],
    ['calendar:write', 'calendar:admin', false],
    ['calendar:read', 'calendar:write', false],
    ['contacts:read', 'people:read:age', true],
    ['contacts', 'people:read', false],
  ])('%s covers %s: %s', (held, wanted, expected) => {
    expect(holds(calendar, [held], wanted)).toBe(expected);
  });

  it('is what its name covers, where nothing implies anything', () => {
    fc.assert(fc.property(scopes, scope, (held, wanted) => holds(ScopeGraph.EMPTY, held, wanted) === covers(new Set(held), wanted)));
  });

  it('is everything that is held, as far as it is active', () => {
    fc.assert(fc.property(anyGraph, scopes, (any, held) => held.every((name) => holds(any, held, name) === any.isActive(name))));
  });

  it('is at least what is covered by name and what is implied', () => {
    fc.assert(fc.property(edges, scope, scope, (map, held, wanted) => {
      const any = new ScopeGraph(map, new Set());
      return (!covers(new Set([held]), wanted) || holds(any, [held], wanted)) && (map.get(held) ?? []).every((implied) => holds(any, [held], implied));
    }));
  });

  it('passes on: what covers a cover covers all that it covers', () => {
    fc.assert(fc.property(anyGraph, scope, scope, scope, (any, one, two, three) => !(holds(any, [one], two) && holds(any, [two], three)) || holds(any, [one], three)), { numRuns: 5_000 });
    // And not only where chance makes such a chain: from each name on to all that it covers, and on from each of those.
    fc.assert(fc.property(anyGraph, scope, fc.uniqueArray(scope), (any, start, known) => any.expand(new Set([start]), known).every(({ name }) =>
      any.expand(new Set([name]), known).every((beyond) => holds(any, [start], beyond.name)))), { numRuns: 2_000 });
  });

  it('is never what lies above it by name, unless circles were let in', () => {
    fc.assert(fc.property(acyclic, scope, part, (map, name, more) => !name.includes(':') || !holds(new ScopeGraph(map, new Set()), [`${name}:${more}`], name)), { numRuns: 2_000 });
    fc.assert(fc.property(acyclic, scope, scope, (map, one, two) => {
      const made = new ScopeGraph(map, new Set());
      return one === two || !holds(made, [one], two) || !holds(made, [two], one);
    }), { numRuns: 2_000 });
  });

  it('is no more than what its parts cover, each by itself', () => {
    fc.assert(fc.property(anyGraph, scopes, scope, (any, held, wanted) => holds(any, held, wanted) === held.some((name) => holds(any, [name], wanted))));
  });

  it('splits what is wanted into what is covered and what is not, in its order', () => {
    fc.assert(fc.property(anyGraph, scopes, scopes, (any, held, wanted) => {
      const [inside, outside] = [any.narrow(new Set(held), wanted), any.uncovered(new Set(held), wanted)];
      expect([...inside, ...outside].sort()).toEqual([...wanted].sort());
      expect(wanted.filter((name) => inside.includes(name))).toEqual(inside);
    }));
  });

  it('is found anew for a set that has grown since it was asked', () => {
    const held = new Set(['calendar:read']);
    expect(calendar.covers(held, 'people:read')).toBe(false);
    held.add('contacts:read');
    expect(calendar.covers(held, 'people:read')).toBe(true);
    held.delete('contacts:read');
    expect(calendar.covers(held, 'people:read')).toBe(false);
  });
});

describe('an inactive scope', () => {
  it('covers nothing and is covered by nothing, and neither is what lies below it', () => {
    const some = graph({ 'a:all': ['b:read'], 'b:read': ['c:read'] }, ['b:read']);
    expect(some.narrow(new Set(['a:all', 'b:read', 'b:read:x']), ['a:all', 'b:read', 'b:read:x', 'c:read', 'b:reader'])).toEqual(['a:all']);
    expect(some.isActive('b:read:x')).toBe(false);
    expect(some.isActive('b:reader')).toBe(true);
  });

  it('leaves other ways open', () => {
    expect(holds(graph({ 'a:all': ['b:read', 'd:read'], 'b:read': ['c:read'], 'd:read': ['c:read'] }, ['b:read']), ['a:all'], 'c:read')).toBe(true);
  });

  it('is never covered, whatever is held', () => {
    fc.assert(fc.property(edges, scopes, scopes, fc.option(part), (map, inactive, held, more) => {
      const any = new ScopeGraph(map, new Set(inactive));
      return inactive.every((name) => !holds(any, held, name) && !holds(any, [...held, name], name) && (more === null || !name.includes(':') || !holds(any, [...held, `${name}:${more}`], `${name}:${more}`)));
    }), { numRuns: 2_000 });
  });

  it('adds nothing to what is held with it', () => {
    fc.assert(fc.property(edges, scope, scopes, scope, (map, inactive, held, wanted) => {
      const any = new ScopeGraph(map, new Set([inactive]));
      return holds(any, [...held, inactive], wanted) === holds(any, held.filter((name) => name !== inactive), wanted);
    }));
  });

  it('is also one that nobody registered, where it is known which are', () => {
    const known = graph({ 'a:all': ['gone:read', 'b:read'] }, [], { known: new Set(['a:all', 'b:read']) });
    expect(known.narrow(new Set(['a:all', 'gone:read', 'b:read:x']), ['a:all', 'gone:read', 'b:read', 'b:read:x', 'b:write'])).toEqual(['a:all', 'b:read', 'b:read:x']);
  });
});

describe('expanding', () => {
  const known = ['calendar:admin', 'calendar:read', 'calendar:read:freebusy', 'calendar:write', 'contacts:read', 'contacts:read:names', 'people:read', 'mail:send'];

  it('names what is covered and why, the nearest reason first', () => {
    expect(calendar.expand(new Set(['calendar:admin', 'calendar:write']), known)).toEqual([
      { name: 'calendar:admin', because: 'itself', through: null },
      { name: 'calendar:read', because: 'implied', through: 'calendar:write' },
      { name: 'calendar:read:freebusy', because: 'name', through: 'calendar:read' },
      { name: 'calendar:write', because: 'itself', through: null },
      { name: 'contacts:read', because: 'implied', through: 'calendar:admin' },
      { name: 'contacts:read:names', because: 'name', through: 'contacts:read' },
      { name: 'people:read', because: 'implied', through: 'contacts:read:names' },
    ]);
    expect(calendar.expand(new Set(), known)).toEqual([]);
  });

  it('names exactly what is covered, each through something that is covered too', () => {
    fc.assert(fc.property(anyGraph, scopes, fc.uniqueArray(scope), (any, held, all) => {
      const set = new Set(held);
      const expanded = any.expand(set, all);
      expect(expanded.map(({ name }) => name)).toEqual(any.narrow(set, all));
      for (const { name, because, through } of expanded) {
        expect(because === 'itself').toBe(held.includes(name));
        if (through !== null) expect(any.covers(set, through) && any.covers(new Set([through]), name)).toBe(true);
      }
    }));
  });
});

describe('a circle', () => {
  it.each<[string, string[], string[] | undefined]>([
    ['calendar:read', ['calendar:read'], ['calendar:read', 'calendar:read']],
    ['calendar:read', ['calendar:write'], ['calendar:read', 'calendar:write', 'calendar:read']],
    ['people:read', ['mail:send', 'calendar:admin'], ['people:read', 'calendar:admin', 'contacts:read', 'contacts:read:names', 'people:read']],
    // A longer name may not bring back what is above it.
    ['calendar:read:x', ['calendar:read'], ['calendar:read:x', 'calendar:read', 'calendar:read:x']],
    ['calendar:read:x', ['calendar:write'], ['calendar:read:x', 'calendar:write', 'calendar:read', 'calendar:read:x']],
    ['people:read', ['people:read:age'], undefined],
    ['mail:send', ['calendar:admin', 'people:read'], undefined],
    // What it implies now is about to be replaced.
    ['calendar:write', ['mail:send'], undefined],
  ])('%s implying %j closes %j', (name, implies, expected) => {
    expect(calendar.cycle(name, implies)).toEqual(expected);
  });

  it('is found although scopes on it are not active', () => {
    expect(graph({ 'a:x': ['b:x'], 'b:x': ['c:x'] }, ['b:x']).cycle('c:x', ['a:x'])).toEqual(['c:x', 'a:x', 'b:x', 'c:x']);
  });

  it('is found exactly where a scope would come to cover itself through what it implies', () => {
    fc.assert(fc.property(acyclic, scope, fc.array(scope, { minLength: 1, maxLength: 3 }), (map, name, implies) => {
      const without = new Map(map);
      without.delete(name);
      const comesBack = implies.some((implied) => holds(new ScopeGraph(without, new Set()), [implied], name));
      expect(new ScopeGraph(map, new Set()).cycle(name, implies) !== undefined).toBe(comesBack);
    }), { numRuns: 3_000 });
  });
});

describe('the approval of a person', () => {
  const pay = graph({ 'shop:all': ['pay:send'], 'shop:eu': ['pay:send:eu'], 'pay:all': ['pay:read'] }, [], { requiringApproval: new Set(['pay:send', 'pay:all', 'files:read:secret']) });

  it.each([
    ['pay:send', true],
    ['pay:send:eu', true],
    ['shop:all', true],
    ['shop:eu', true],
    ['files:read', true],
    ['files:read:secret', true],
    ['files:read:public', false],
    ['pay:read', false],
    ['shop:read', false],
  ])('is needed for %s: %s', (name, expected) => {
    expect(pay.requiringApproval([name])).toEqual(expected ? [name] : []);
  });

  it('is needed for whatever covers something that needs it', () => {
    fc.assert(fc.property(edges, scopes, scope, scope, (map, approval, held, wanted) => {
      const any = new ScopeGraph(map, new Set(), { requiringApproval: new Set(approval) });
      return any.requiringApproval([wanted]).length === 0 || !holds(any, [held], wanted) || any.requiringApproval([held]).length === 1;
    }), { numRuns: 5_000 });
    fc.assert(fc.property(edges, scopes, (map, approval) => new ScopeGraph(map, new Set(), { requiringApproval: new Set(approval) }).requiringApproval(approval).length === approval.length));
  });
});
