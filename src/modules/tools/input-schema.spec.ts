import fc from 'fast-check';
import { InputSchemas, type InputSchema } from './input-schema.js';

const schemas = new InputSchemas();

const WEATHER: InputSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { city: { type: 'string', pattern: '^[\\p{L} -]{1,40}$' }, days: { $ref: '#/$defs/days' }, units: { enum: ['c', 'f'] }, tags: { type: 'array', items: { type: 'string' }, uniqueItems: true } },
  required: ['city'],
  additionalProperties: false,
  $defs: { days: { type: 'integer', minimum: 1, maximum: 14 } },
};

/** In milliseconds. */
function timeOf(act: () => unknown): number {
  const started = performance.now();
  act();
  return performance.now() - started;
}

describe('the schema of a tool', () => {
  it.each<[string, InputSchema]>([
    ['one of arguments', WEATHER],
    ['one that says nothing', {}],
    ['one with keywords of its maker', { type: 'object', 'x-widget': 'map', properties: { at: { type: 'string', format: 'date-time', 'x-order': 1 } } }],
    ['one whose property is called like a keyword', { type: 'object', properties: { $ref: { type: 'string' }, $id: { type: 'string' }, items: true }, default: { $ref: '#/nowhere' } }],
    ['one that refers by a pointer with escapes', { properties: { a: { $ref: '#/$defs/a~1b%20c' } }, $defs: { 'a/b c': { type: 'string' } } }],
    ['one that uses what it defines often', { properties: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`p${index}`, { $ref: '#/$defs/x' }])), $defs: { x: { type: 'string' } } }],
    ['one with patterns of all kinds', { properties: { a: { pattern: '^\\d{4}-\\d\\d$' }, b: { pattern: '^(?:https?:\\/\\/)?[\\w.-]+$' }, c: { pattern: '\\u0041|[^\\p{Lu}]' } }, patternProperties: { '^x-': true } }],
  ])('may be %s', (_what, schema) => {
    expect(schemas.problemOf(schema)).toBeUndefined();
  });

  it.each<[string, InputSchema, string]>([
    ['of another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'is not one of https://json-schema.org/draft/2020-12/schema'],
    ['with a type that there is not', { type: 'objekt' }, 'is not a JSON Schema (2020-12): type must be equal to one of the allowed values'],
    ['with a member of the wrong kind', { type: 'object', required: 'city' }, 'is not a JSON Schema (2020-12): required must be array'],
    ['with a wrong schema deep inside', { properties: { a: { items: { minLength: -1 } } } }, 'is not a JSON Schema (2020-12): properties.a.items.minLength must be >= 0'],
    ['that refers elsewhere', { properties: { a: { $ref: 'https://example.com/schema' } } }, 'refers to something outside it at #/properties/a/$ref'],
    ['that refers to a file', { $ref: '/etc/passwd' }, 'refers to something outside it at #/$ref'],
    ['that refers to nothing', { $ref: '#/$defs/x' }, 'refers to a schema that is not there at #/$ref'],
    ['that refers to what is no schema', { $ref: '#/$defs/x/type', $defs: { x: { type: 'string' } } }, 'refers to a schema that is not there at #/$ref'],
    ['that refers by a name', { $ref: '#x' }, 'refers to a schema that is not there at #/$ref'],
    ['that refers by no pointer', { $ref: '#/%' }, 'refers to a schema that is not there at #/$ref'],
    ['that refers to itself', { properties: { child: { $ref: '#' } } }, 'refers to itself at #/properties/child/$ref'],
    ['that goes in a circle', { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { not: { $ref: '#/$defs/a' } } } }, 'refers to itself at #/$ref/anyOf/0/$ref/not/$ref'],
    ['with a name of its own', { $id: 'https://example.com/x' }, 'has $id at #, which is not taken here'],
    ['with a dynamic reference', { items: { $dynamicRef: '#x' } }, 'has $dynamicRef at #/items, which is not taken here'],
    ['that is checked later', { $async: true }, 'has $async at #, which is not taken here'],
    ['that looks ahead', { properties: { a: { pattern: '^(?=.*x)' } } }, 'has the pattern "^(?=.*x)", which cannot be matched in linear time (RE2): invalid or unsupported Perl syntax: `(?=`'],
    ['that refers back', { patternProperties: { '(a)\\1': true } }, 'has the pattern "(a)\\\\1", which cannot be matched in linear time (RE2): invalid escape sequence: `\\1`'],
    ['with half a pattern', { pattern: '(' }, 'has the pattern "(", which cannot be matched in linear time (RE2): missing closing ): `(`'],
    ['with many large patterns', { allOf: Array.from({ length: 6 }, (_, index) => ({ pattern: `[ab]{${990 + index}}` })) }, 'has patterns that take too much work, such as repetitions of repetitions'],
  ])('is none %s', (_what, schema, problem) => {
    expect(schemas.problemOf(schema)).toBe(problem);
  });

  it('may not unfold to more than can be checked', () => {
    const links = Array.from({ length: 40 }, (_, index): [string, InputSchema] => [`d${index}`, index === 39 ? {} : { not: { $ref: `#/$defs/d${index + 1}` } }]);
    for (const order of [links, links.toReversed()]) {
      expect(schemas.problemOf({ $defs: Object.fromEntries(order), $ref: '#/$defs/d0' })).toBe('has more than 32 schemas in one another');
    }
    const levels = Array.from({ length: 12 }, (_, index) => [`d${index}`, { anyOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] }]);
    const doubling = { $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(levels) as object, d12: { type: 'string' } } };
    expect(timeOf(() => expect(schemas.problemOf(doubling)).toBe('unfolds to more than 500 schemas'))).toBeLessThan(500);
  });

  it('is judged, and never a failure, whatever JSON it is', () => {
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('type', '$ref', 'properties', 'items', 'pattern', 'anyOf', 'required', '$defs', 'enum', 'if', 'dependentRequired', '$schema', 'minLength'), fc.jsonValue({ maxDepth: 3 })), (schema) => {
      const problem = schemas.problemOf(schema);
      return problem === undefined || /^(is|has|refers|unfolds|cannot)/.test(problem);
    }), { numRuns: 500 });
  });

  it('of the greatest size is made in a moment', () => {
    const wide = { type: 'object', additionalProperties: false, properties: Object.fromEntries(Array.from({ length: 490 }, (_, index) => [`p${index}`, { type: 'string', maxLength: 3, title: 'x'.repeat(30) }])) };
    expect(JSON.stringify(wide).length).toBeGreaterThan(32_000);
    expect(timeOf(() => expect(schemas.problemOf(wide)).toBeUndefined())).toBeLessThan(2_000);
  });
});

describe('arguments', () => {
  it.each<[unknown, string[]]>([
    [{ city: 'Bern' }, []],
    [{ city: 'São Tomé', days: 3, units: 'c', tags: ['a', 'b'] }, []],
    [{}, [`the arguments must have required property 'city'`]],
    [{ city: 3 }, ['city must be string']],
    [{ city: 'Bern', days: 15 }, ['days must be <= 14']],
    [{ city: 'Bern', units: 'k' }, ['units must be equal to one of the allowed values']],
    [{ city: 'Bern!' }, ['city must match pattern "^[\\p{L} -]{1,40}$"']],
    [{ city: 'Bern', country: 'CH' }, ['the arguments must NOT have additional properties: country']],
    [{ city: 'Bern', tags: ['a', 'b', 'a'] }, ['tags must NOT have duplicate items']],
    [{ city: 'Bern', tags: ['a', 1] }, ['tags.1 must be string']],
    ['Bern', ['the arguments must be an object']],
    [['Bern'], ['the arguments must be an object']],
    [null, ['the arguments must be an object']],
    [undefined, ['the arguments must be an object']],
  ])('%j: %j', (args, problems) => {
    expect(schemas.problemsWith(WEATHER, args)).toEqual(problems);
  });

  it('may be any object where there is no schema', () => {
    expect(schemas.problemsWith(null, { anything: [1] })).toEqual([]);
    expect(schemas.problemsWith(null, 'text')).toEqual(['the arguments must be an object']);
  });

  it('do not have what every object inherits', () => {
    expect(schemas.problemsWith({ required: ['toString'] }, {})).toEqual([`the arguments must have required property 'toString'`]);
  });

  it('are unique by what they mean, however many there are', () => {
    const unique = { properties: { list: { uniqueItems: true } } };
    expect(schemas.problemsWith(unique, { list: [{ a: 1, b: 2 }, { b: 2, a: 1 }] })).toEqual(['list must NOT have duplicate items']);
    expect(schemas.problemsWith(unique, { list: [1, '1', true, null, [1], { a: [1] }, { a: 1 }] })).toEqual([]);
    const many = Array.from({ length: 20_000 }, (_, index) => ({ n: index }));
    expect(timeOf(() => expect(schemas.problemsWith(unique, { list: many })).toEqual([]))).toBeLessThan(1_000);
  });

  it('are told as many problems as a person would read', () => {
    const either = { anyOf: Array.from({ length: 60 }, (_, index) => ({ required: [`p${index}`] })) };
    expect(schemas.problemsWith(either, {})).toHaveLength(20);
  });

  it('that take too much matching are wrong, rather than slow', () => {
    const slow = { properties: { text: { type: 'string', pattern: '^[ab]*a(?:[ab]{1,30}){30}$' } } };
    expect(schemas.problemOf(slow)).toBeUndefined();
    const text = Array.from({ length: 60_000 }, (_, index) => (Math.sin(index) > 0 ? 'a' : 'b')).join('');
    expect(timeOf(() => expect(schemas.problemsWith(slow, { text })).toEqual(['the arguments hold too much text for the patterns of the schema']))).toBeLessThan(1_500);
    expect(schemas.problemsWith(slow, { text: 'ab'.repeat(100) })).toEqual([]);
    const backtracking = { properties: { text: { pattern: '^(a+)+$' } } };
    expect(timeOf(() => schemas.problemsWith(backtracking, { text: `${'a'.repeat(50_000)}b` }))).toBeLessThan(1_000);
  });

  it('are wrong where their schema cannot be used', () => {
    expect(schemas.problemsWith({ properties: { a: { pattern: '(?=x)' } } }, {})[0]).toContain('linear time');
    expect(schemas.problemsWith({ $ref: 'https://example.com/x' }, {})).toEqual(['the arguments cannot be checked']);
  });
});
