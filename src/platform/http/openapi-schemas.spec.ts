import type { OpenAPIObject } from '@nestjs/swagger';
import { describeOperations } from './openapi-operations.js';
import { describeSchemas } from './openapi-schemas.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

function documentWith(schemas: Schemas, post: Partial<Operation> = {}): OpenAPIObject {
  return { openapi: '3.0.3', info: { title: 'T', version: '1' }, components: { schemas }, paths: { '/things': { post: { responses: {}, ...post } } } };
}

describe('schemas', () => {
  it('lose the suffix that only our code needs, wherever they are referred to', () => {
    const document = documentWith(
      { ThingDto: { type: 'object' }, ThingPageDto: { type: 'object', properties: { data: { type: 'array', items: { $ref: '#/components/schemas/ThingDto' } } } } },
      { responses: { 200: { description: '', content: { 'application/json': { schema: { $ref: '#/components/schemas/ThingPageDto' } } } } } },
    );
    describeSchemas(document);
    expect(Object.keys(document.components!.schemas!)).toEqual(['Thing', 'ThingPage']);
    expect(JSON.stringify(document)).not.toContain('Dto');
    expect(JSON.stringify(document)).toContain('"$ref":"#/components/schemas/ThingPage"');
  });

  it('never share one name', () => {
    expect(() => describeSchemas(documentWith({ ThingDto: { type: 'object' }, Thing: { type: 'object' } }))).toThrow('two schemas are called Thing');
  });

  it('say of times, numbers and keys what they are', () => {
    const properties = {
      made_at: { type: 'string' }, flat: { type: 'string' }, count: { type: 'number' }, price: { type: 'number', format: 'double' }, jwks: { type: 'object', nullable: true },
    };
    const document = documentWith({ ThingDto: { type: 'object', properties } });
    describeSchemas(document);
    expect(document.components!.schemas!['Thing']).toMatchObject({ properties: {
      made_at: { format: 'date-time' }, flat: { type: 'string' }, count: { type: 'integer' }, price: { type: 'number' },
      jwks: { nullable: true, required: ['keys'], properties: { keys: { type: 'array', items: { type: 'object' } } } },
    } });
    expect(properties.flat).toEqual({ type: 'string' });
  });

  it('name the values of an enumeration in one order, however the compiler came upon them', () => {
    const inner = { type: 'object', properties: { kind: { type: 'string', enum: ['user', 'agent'] } } };
    const document = documentWith({ ThingDto: { type: 'object', properties: { by: inner, kinds: { type: 'array', items: { type: 'string', enum: ['b', 'c', 'a'] } } } } } as Schemas);
    describeSchemas(document);
    expect(JSON.stringify(document)).toContain('["agent","user"]');
    expect(JSON.stringify(document)).toContain('["a","b","c"]');
  });

  it('have, as a request, an example of the members that have one', () => {
    const members: Schemas = { ThingDto: { type: 'object', properties: { name: { type: 'string', example: 'a' }, other: { type: 'string' } } }, PlainDto: { type: 'object', properties: { name: { type: 'string', example: 'a' } } } };
    const document = documentWith(members, { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/ThingDto' } } } } });
    describeSchemas(document);
    expect(document.components!.schemas).toMatchObject({ Thing: { example: { name: 'a' } } });
    expect(document.components!.schemas!['Plain']).not.toHaveProperty('example');
  });
});

describe('operations', () => {
  function described(operation: Partial<Operation>): Operation {
    const document = documentWith({}, operation);
    describeOperations(document);
    return document.paths['/things']!.post!;
  }

  it('are summed up by the first sentence of their comment, and described by all of it', () => {
    expect(described({ summary: 'Makes a thing, e.g. a small one: `POST /x.y`. It needs\na name.' })).toMatchObject({
      summary: 'Makes a thing, e.g. a small one: POST /x.y', description: 'Makes a thing, e.g. a small one: `POST /x.y`. It needs a name.',
    });
    expect(described({ summary: 'Shows a thing.' })).toEqual({ summary: 'Shows a thing', responses: {} });
    expect(described({ summary: 'Is it there? If not, make it.' })).toMatchObject({ summary: 'Is it there?' });
    expect(described({})).toEqual({ responses: {} });
  });

  it('say what each success means, and where to find what was made', () => {
    const { responses } = described({ responses: { 201: { description: '' }, 204: { description: '' }, 200: { description: 'The thing.' } } });
    expect(responses).toMatchObject({ 200: { description: 'The thing.' }, 201: { description: expect.stringContaining('Location'), headers: { Location: expect.anything() } }, 204: { description: expect.stringMatching(/./) } });
    expect(responses['204']).not.toHaveProperty('headers');
  });
});
