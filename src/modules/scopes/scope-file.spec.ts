import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { API_SCOPES } from '../organizations/roles.js';
import { isApiScope, OIDC_SCOPES } from './built-in-scopes.js';
import { readScopeFile } from './scope-file.js';

const isReserved = (name: string) => isApiScope(name) || OIDC_SCOPES.includes(name);
const read = (text: string) => readScopeFile(text, isReserved);
const problemsOf = (text: string) => {
  const found = read(text);
  if (!('problems' in found)) throw new Error('it was taken');
  return found.problems;
};
const scopes = (...entries: string[]) => `scopes:\n${entries.map((entry) => `  - ${entry}\n`).join('')}`;

describe('a scopes file', () => {
  it('defines scopes, whatever is not said of them being none', () => {
    expect(read(`
      scopes:
        - name: calendar:read
        - name: calendar:write
          description: Change your calendars.
          category: calendar
          implies: [calendar:read, calendar:read]
          is_default: true
          is_sensitive: true
          requires_approval: true
        - { name: mail, description: null, category: , implies: }
    `)).toEqual({
      scopes: [
        { name: 'calendar:read', description: null, category: null, implies: [], is_default: false, is_sensitive: false, requires_approval: false },
        { name: 'calendar:write', description: 'Change your calendars.', category: 'calendar', implies: ['calendar:read'], is_default: true, is_sensitive: true, requires_approval: true },
        { name: 'mail', description: null, category: null, implies: [], is_default: false, is_sensitive: false, requires_approval: false },
      ],
    });
  });

  it('may define none', () => {
    expect(read('scopes: []')).toEqual({ scopes: [] });
  });

  it('comes with the server, and with an example that is right', () => {
    const shipped = readFileSync('config/scopes.yaml', 'utf8');
    expect(read(shipped)).toEqual({ scopes: [] });
    const example = shipped.split('\n').slice(shipped.split('\n').indexOf('# For example:') + 1).filter((line) => line.startsWith('#   ')).map((line) => line.slice(4)).join('\n');
    expect(read(example)).toMatchObject({ scopes: [{ name: 'calendar:read' }, { name: 'calendar:write', implies: ['calendar:read'] }, { name: 'payments:send', requires_approval: true }] });
  });

  it.each<[string, string, string[]]>([
    ['is empty', '', ['The file must have the member scopes, and nothing else.']],
    ['has no scopes', 'scope: []', ['scopes must be a list, which may be empty: scopes: [].', 'The file has members that mean nothing: scope.']],
    ['says scopes and means none', 'scopes:', ['scopes must be a list, which may be empty: scopes: [].']],
    ['is a list', '- name: a:b', ['The file must have the member scopes, and nothing else.']],
    ['names a scope badly', scopes('name: a b'), ['Scope number 1: name must be a scope name: up to 128 ASCII characters without spaces, quotes and backslashes.']],
    ['names no scope', scopes('description: Nothing.'), ['Scope number 1: name must be a scope name.']],
    ['has an entry that is none', scopes('name: a:b', 'a:c'), ['Scope number 2 must have a name and what else is said of a scope.']],
    ['has a member that means nothing', scopes('{ name: a:b, sensitive: true }'), ['The scope a:b has members that mean nothing: sensitive.']],
    ['says yes', scopes('{ name: a:b, is_sensitive: yes }'), ['The scope a:b: is_sensitive must be true or false.']],
    ['implies what is no list', scopes('{ name: a:b, implies: a:c }'), ['The scope a:b: implies must be a list of scope names.']],
    ['implies what is no name', scopes('{ name: a:b, implies: [1] }'), ['The scope a:b: implies.0 must be a scope name.']],
    ['hides something in a description', scopes('{ name: a:b, description: "x\\u202Ey" }'), ['The scope a:b: description must be text of up to 500 characters without invisible ones.']],
    ['defines a scope twice', scopes('name: a:b', 'name: a:b'), ['The scope a:b is defined twice.']],
    ['implies what nobody defines', scopes('{ name: a:b, implies: [a:c, a:d] }', 'name: a:d'), ['The scope a:b implies a:c, which the file does not define.']],
    ['defines a scope of this server', scopes('name: agents:write', 'name: agents:write:mine', 'name: openid'),
      ['agents:write', 'agents:write:mine', 'openid'].map((name) => `The scope ${name} belongs to this server and cannot be defined again.`)],
    ['implies a scope of this server', scopes('{ name: a:b, implies: [agents:write, offline_access] }'),
      ['agents:write', 'offline_access'].map((name) => `The scope a:b implies ${name}, which belongs to this server; no other scope may imply it.`)],
    ['goes in a circle', scopes('{ name: a:b, implies: [a:c] }', '{ name: a:c, implies: [a:d] }', '{ name: a:d, implies: [a:b] }'), ['The scope a:b would come to imply itself: a:b → a:c → a:d → a:b.']],
    ['goes in a circle over names', scopes('name: a:b', '{ name: a:b:c, implies: [a:b] }'), ['The scope a:b:c would come to imply itself: a:b:c → a:b → a:b:c.']],
    ['gives a member twice', 'scopes: []\nscopes: []', ['It is not YAML that can be read: Map keys must be unique at line 2, column 1.']],
    ['breaks off', 'scopes:\n  - { name: a:b', ['It is not YAML that can be read: Flow map in block collection must be sufficiently indented and end with a } at line 2, column 16.']],
    ['holds two documents', 'scopes: []\n---\nscopes: []', [expect.stringContaining('It is not YAML that can be read: Source contains multiple documents')] as unknown as string[]],
  ])('that %s is refused, with what is wrong', (_what, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it('tells everything that is wrong with it at once', () => {
    expect(problemsOf(scopes('{ name: a:b, implies: [a:c] }', 'name: openid', '{ name: a:d, implies: [a:d] }'))).toEqual([
      'The scope a:b implies a:c, which the file does not define.', 'The scope openid belongs to this server and cannot be defined again.', 'The scope a:d would come to imply itself: a:d → a:d.',
    ]);
  });

  it('that unfolds without end is refused', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.split('').map((name, index) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdefgh'[index]!}`).join(',')}]`).join('\n')}`;
    expect(problemsOf(bomb)).toEqual(['It is not YAML that can be read: it unfolds to far more than it says.']);
    expect(problemsOf('['.repeat(100_000))).toHaveLength(1);
  });

  it('is read or refused in whole sentences, whatever stands in it', () => {
    const names = Object.keys(API_SCOPES).slice(0, 2).concat('a:b', 'a:b:c', 'd');
    const entry = fc.record({ name: fc.constantFrom(...names), implies: fc.array(fc.constantFrom(...names), { maxLength: 3 }) });
    const files = fc.oneof(fc.string(), fc.json(), fc.array(entry, { maxLength: 4 }).map((list) => JSON.stringify({ scopes: list })));
    fc.assert(fc.property(files, (text) => {
      const found = read(text);
      return 'scopes' in found || (found.problems.length > 0 && found.problems.every((problem) => /^\S.*\.$/s.test(problem) && !problem.includes('undefined') && !problem.includes('[object')));
    }), { numRuns: 1_000 });
  });
});
