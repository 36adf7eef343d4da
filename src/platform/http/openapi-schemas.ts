import type { OpenAPIObject } from '@nestjs/swagger';

type SchemaMap = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;
type Schema = Exclude<SchemaMap[string], { $ref: string }>;

const REFERENCE = '#/components/schemas/';

/**
 * Makes the schemas of the document what those who generate code from it expect:
 * 1. `AgentDto`, which is a word of this code, is called `Agent`;
 * 2. what is named `…_at` is a `date-time` (RFC 3339), `jwks` a JSON Web Key Set (RFC 7517), and a number is whole unless its
 *    format says otherwise, as everywhere in this API;
 * 3. the values of an enumeration stand in the order of the alphabet: the compiler gives those of a union in the order in which it
 *    came upon them, which any other change may change;
 * 4. the body of a request has an example made of its members that have one, so that it can be sent as it stands.
 *
 * @throws Error when two schemas would get one name
 */
export function describeSchemas(document: OpenAPIObject): void {
  const given = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const named: Record<string, Schema> = {};
  for (const [name, schema] of Object.entries(given)) {
    const short = shortName(name);
    if (named[short]) throw new Error(`two schemas are called ${short}`);
    named[short] = schema;
    describeByName(schema);
  }
  document.components = { ...document.components, schemas: named };
  renameReferences(document);
  sortEnumerations(named);
  for (const name of requestBodies(document)) giveExample(named[name]);
}

function shortName(name: string): string {
  return name.replace(/(?<=.)Dto$/, '');
}

function describeByName(schema: Schema): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!('type' in property)) continue;
    if (property.type === 'number' && !property.format) property.type = 'integer';
    if (name.endsWith('_at') && property.type === 'string') property.format ??= 'date-time';
    if (name === 'jwks') Object.assign(property, { required: ['keys'], properties: { keys: { type: 'array', items: { type: 'object', additionalProperties: true } } } });
  }
}

function renameReferences(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const node = value as { $ref?: unknown };
  if (typeof node.$ref === 'string' && node.$ref.startsWith(REFERENCE)) node.$ref = REFERENCE + shortName(node.$ref.slice(REFERENCE.length));
  for (const member of Object.values(value)) renameReferences(member);
}

function sortEnumerations(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const node = value as { enum?: unknown };
  if (Array.isArray(node.enum)) node.enum = node.enum.toSorted();
  for (const member of Object.values(value)) sortEnumerations(member);
}

/** Names of the schemas that are sent whole. */
function requestBodies(document: OpenAPIObject): Set<string> {
  const names = new Set<string>();
  for (const item of Object.values(document.paths)) {
    for (const operation of Object.values(item as Record<string, { requestBody?: { content: Record<string, { schema?: { $ref?: string } }> } }>)) {
      const reference = operation.requestBody?.content['application/json']?.schema?.$ref;
      if (reference) names.add(reference.slice(REFERENCE.length));
    }
  }
  return names;
}

function giveExample(schema: Schema | undefined): void {
  const examples = Object.entries(schema?.properties ?? {}).flatMap(([name, property]) => ('example' in property ? [[name, property.example as unknown] as const] : []));
  if (schema && examples.length > 0) schema.example ??= Object.fromEntries(examples);
}
