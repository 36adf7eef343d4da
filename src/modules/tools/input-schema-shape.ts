/** How many schemas there may be, those that are referred to counted each time. Making the check of so many takes a tenth of a second. */
const MOST_SCHEMAS = 500;
/** How many may lie in one another. */
const DEEPEST = 32;
const DRAFT_2020_12 = 'https://json-schema.org/draft/2020-12/schema';
/** Keywords of the core vocabulary that mean nothing beyond the document itself. */
const KNOWN_CORE = new Set(['$ref', '$defs', '$comment']);

/** Where in a schema there are schemas: one, a list of them, or some by name (JSON Schema 2020-12 core, section 10). */
const SCHEMA = ['additionalProperties', 'contains', 'contentSchema', 'else', 'if', 'items', 'not', 'propertyNames', 'then', 'unevaluatedItems', 'unevaluatedProperties'];
const SCHEMA_LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const SCHEMA_MAP = ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties'];

type Schema = Readonly<Record<string, unknown>>;

class ShapeProblem extends Error {}

const tooDeep = () => new ShapeProblem(`has more than ${DEEPEST} schemas in one another`);

/**
 * What is wrong with how a schema is put together, whatever its keywords say: it stands alone, refers to nothing outside, and
 * unfolds to a bounded number of schemas, for a short schema can describe a check that never ends.
 *
 * @returns words that follow "the schema", or undefined
 */
export function shapeProblem(schema: Schema): string | undefined {
  try {
    const { size } = new Unfolding(schema).measure(schema, '#');
    return size > MOST_SCHEMAS ? `unfolds to more than ${MOST_SCHEMAS} schemas` : undefined;
  } catch (error) {
    if (error instanceof ShapeProblem) return error.message;
    throw error;
  }
}

/** How many schemas one is, with all that it refers to, and how many of them lie in one another. */
interface Extent {
  readonly size: number;
  readonly depth: number;
}

class Unfolding {
  private readonly known = new Map<object, Extent>();
  private readonly open = new Set<object>();

  constructor(private readonly root: Schema) {}

  measure(schema: unknown, where: string): Extent {
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return { size: 1, depth: 1 };
    const known = this.known.get(schema);
    if (known !== undefined) return known;
    if (this.open.has(schema)) throw new ShapeProblem(`refers to itself at ${where}`);
    this.open.add(schema);
    if (this.open.size > DEEPEST) throw tooDeep();
    let [size, depth] = [1, 1];
    for (const [child, place] of this.children(schema as Schema, where)) {
      const inner = this.measure(child, place);
      // Enough to be refused, and never so many that numbers lose count.
      size = Math.min(size + inner.size, MOST_SCHEMAS + 1);
      depth = Math.max(depth, inner.depth + 1);
    }
    if (depth > DEEPEST) throw tooDeep();
    this.open.delete(schema);
    this.known.set(schema, { size, depth });
    return { size, depth };
  }

  private *children(schema: Schema, where: string): Generator<[schema: unknown, where: string]> {
    for (const [keyword, value] of Object.entries(schema)) {
      const place = `${where}/${keyword}`;
      if (keyword.startsWith('$')) this.assertKnown(keyword, value, where);
      if (keyword === '$ref') yield [this.resolve(value, place), place];
      else if (SCHEMA.includes(keyword)) yield [value, place];
      else if (SCHEMA_LIST.includes(keyword) && Array.isArray(value)) for (const [index, member] of value.entries()) yield [member, `${place}/${index}`];
      else if (SCHEMA_MAP.includes(keyword) && typeof value === 'object' && value !== null) for (const [name, member] of Object.entries(value)) yield [member, `${place}/${name}`];
    }
  }

  private assertKnown(keyword: string, value: unknown, where: string): void {
    if (KNOWN_CORE.has(keyword)) return;
    if (keyword === '$schema' && where === '#') {
      if (value === DRAFT_2020_12 || value === `${DRAFT_2020_12}#`) return;
      throw new ShapeProblem(`is not one of ${DRAFT_2020_12}`);
    }
    throw new ShapeProblem(`has ${keyword} at ${where}, which is not taken here`);
  }

  /** The schema that a reference within the document points to (RFC 6901). */
  private resolve(reference: unknown, where: string): unknown {
    if (typeof reference !== 'string' || !reference.startsWith('#')) throw new ShapeProblem(`refers to something outside it at ${where}`);
    let target: unknown = this.root;
    for (const step of reference.slice(1).split('/').slice(1)) {
      const name = decoded(step);
      target = name !== undefined && typeof target === 'object' && target !== null && Object.hasOwn(target, name) ? (target as Schema)[name] : undefined;
    }
    if (!/^#(\/|$)/.test(reference) || (typeof target !== 'boolean' && (typeof target !== 'object' || target === null || Array.isArray(target)))) {
      throw new ShapeProblem(`refers to a schema that is not there at ${where}`);
    }
    return target;
  }
}

/** A step of a JSON Pointer in a URI fragment (RFC 6901 section 6). */
function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined;
  }
}
