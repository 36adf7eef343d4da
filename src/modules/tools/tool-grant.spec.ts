import fc from 'fast-check';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { toolGrant, type AssignedTool } from './tool-grant.js';

const API = 'https://a.example';
const tool = (name: string, permissionsRequired: string[] = [], resourceIdentifier: string | null = null): AssignedTool => ({ id: name, name, permissionsRequired, resourceIdentifier, costMicros: 0 });

const TOOLS = [tool('clock'), tool('read', ['cal:read'], API), tool('book', ['cal:read', 'cal:write'], API), tool('elsewhere', [], 'https://b.example')];

const grant = (scopes: string[], required?: string[], { graph = ScopeGraph.EMPTY, audience = API } = {}) => {
  const made = toolGrant(TOOLS, { audience, scopes: new Set(scopes), graph, required });
  return 'granted' in made ? made.granted.map(({ name }) => name) : made;
};

describe('the tools that a token is good for', () => {
  it('are those of its resource and of none, whose permissions its scopes cover, in their order', () => {
    expect(grant([])).toEqual(['clock']);
    expect(grant(['cal:read'])).toEqual(['clock', 'read']);
    expect(grant(['cal:read', 'cal:write'])).toEqual(['clock', 'read', 'book']);
    expect(grant(['cal:read', 'cal:write'], undefined, { audience: 'https://b.example' })).toEqual(['clock', 'elsewhere']);
    expect(grant([], undefined, { audience: `${API}/` })).toEqual(['clock']);
  });

  it('need permissions that are covered, however that comes, and are active', () => {
    const graph = new ScopeGraph(new Map([['cal:all', ['cal:read', 'cal:write']]]), new Set());
    expect(grant(['cal:all'], undefined, { graph })).toEqual(['clock', 'read', 'book']);
    expect(grant(['cal:all'], undefined, { graph: new ScopeGraph(new Map([['cal:all', ['cal:read', 'cal:write']]]), new Set(['cal:write'])) })).toEqual(['clock', 'read']);
    expect(grant(['cal:read:mine'])).toEqual(['clock']);
  });

  it('are exactly those that are required, and none when none is', () => {
    expect(grant(['cal:read', 'cal:write'], ['book', 'clock'])).toEqual(['clock', 'book']);
    expect(grant(['cal:read'], ['read', 'read'])).toEqual(['read']);
    expect(grant(['cal:read'], [])).toEqual([]);
  });

  it.each<[string, string[], string[], string[]]>([
    ['its permissions are not covered', ['cal:read'], ['read', 'book'], ['book']],
    ['it belongs to another resource', ['cal:read'], ['elsewhere'], ['elsewhere']],
    ['the agent does not have it', ['cal:read'], ['pay', 'read', 'pay', 'fly'], ['pay', 'fly']],
  ])('are none at all when one that is required is missing because %s', (_why, scopes, required, missing) => {
    expect(grant(scopes, required)).toEqual({ missing });
  });

  it('never exceed what is assigned, what is required and what the scopes cover', () => {
    const scope = fc.constantFrom('a:read', 'a:read:x', 'a:write', 'b:read');
    const name: fc.Arbitrary<string> = fc.constantFrom('one', 'two', 'three', 'four');
    const resource = fc.constantFrom(null, API, 'https://b.example');
    const tools = fc.uniqueArray(fc.record({ name, permissionsRequired: fc.uniqueArray(scope), resourceIdentifier: resource }), { selector: (made) => made.name })
      .map((list) => list.map((made): AssignedTool => ({ ...made, id: made.name, costMicros: 1 })));
    const graphs = fc.tuple(fc.array(fc.tuple(scope, fc.uniqueArray(scope))), fc.uniqueArray(scope)).map(([edges, inactive]) => new ScopeGraph(new Map(edges), new Set(inactive)));
    fc.assert(fc.property(tools, fc.uniqueArray(scope), graphs, fc.option(fc.array(name), { nil: undefined }), (all, scopes, graph, required) => {
      const held = new Set(scopes);
      const made = toolGrant(all, { audience: API, scopes: held, graph, required });
      const fits = (candidate: AssignedTool) => candidate.permissionsRequired.every((permission) => graph.covers(held, permission)) && (candidate.resourceIdentifier ?? API) === API;
      if ('missing' in made) return required !== undefined && made.missing.length > 0 && made.missing.every((missing) => required.includes(missing) && !all.some((one) => one.name === missing && fits(one)));
      return made.granted.every((one) => all.includes(one) && fits(one)) && (required === undefined || new Set(required).size === made.granted.length);
    }));
  });
});
