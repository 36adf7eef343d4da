import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { canonicalJson, type JsonValue } from '../../kernel/canonical-json.js';
import { shapeProblem } from './input-schema-shape.js';
import { LinearPatterns, PatternProblem } from './linear-pattern.js';

/** A JSON Schema (2020-12) of the arguments that a tool takes. */
export type InputSchema = Readonly<Record<string, unknown>>;

/** Compiled schemas that are kept, the oldest going first. */
const REMEMBERED = 500;
/** Of problems that are told at once. */
const MOST_PROBLEMS = 20;

/** A schema that can be asked, with the budget of its patterns. */
interface Compiled {
  readonly validate: ValidateFunction;
  readonly patterns: LinearPatterns;
}

/**
 * Holds arguments against schemas that callers wrote: nothing in them is fetched or run, and neither a schema nor arguments can
 * make a check take long. Formats are annotations (JSON Schema 2020-12 validation, section 7.2.1), and so are keywords that
 * nobody knows (core, section 6.5).
 */
export class InputSchemas {
  /** Of schemas themselves. */
  private readonly metaSchema = new Ajv2020({ strict: false, validateFormats: false });
  private readonly compiled = new Map<string, Compiled>();

  /** What keeps this from being a schema of arguments, in words that follow "the schema"; undefined when it is one. */
  problemOf(schema: InputSchema): string | undefined {
    const problem = shapeProblem(schema);
    if (problem !== undefined) return problem;
    if (this.metaSchema.validateSchema(schema) !== true) {
      const [first] = this.metaSchema.errors ?? [];
      return `is not a JSON Schema (2020-12): ${first ? sentence(first, 'it') : 'it is malformed'}`;
    }
    try {
      this.compiledOf(schema);
      return undefined;
    } catch (error) {
      return error instanceof PatternProblem ? error.message : `cannot be used: ${(error as Error).message.slice(0, 200)}`;
    }
  }

  /** What is wrong with these arguments, one text for each problem; nothing when the schema takes them. */
  problemsWith(schema: InputSchema | null, args: unknown): string[] {
    if (typeof args !== 'object' || args === null || Array.isArray(args)) return ['the arguments must be an object'];
    if (schema === null) return [];
    try {
      const { validate, patterns } = this.compiledOf(schema);
      patterns.begin();
      if (validate(args) === true) return [];
      return [...new Set((validate.errors ?? []).map((error) => sentence(error, 'the arguments')))].slice(0, MOST_PROBLEMS);
    } catch (error) {
      // Made under other rules than today's, or more than can be checked: what was not checked is not right.
      return [error instanceof PatternProblem ? `the arguments ${error.message}` : 'the arguments cannot be checked'];
    }
  }

  private compiledOf(schema: InputSchema): Compiled {
    const key = JSON.stringify(schema);
    const known = this.compiled.get(key);
    if (known) return known;
    const compiled = compile(schema);
    // A Map iterates in order of insertion: the first key is the oldest.
    if (this.compiled.size >= REMEMBERED) this.compiled.delete(this.compiled.keys().next().value!);
    this.compiled.set(key, compiled);
    return compiled;
  }
}

/** Each schema has a library instance of its own: one for all would keep parts of every schema that it ever saw. */
function compile(schema: InputSchema): Compiled {
  const patterns = new LinearPatterns();
  const ajv = new Ajv2020({
    meta: false, validateSchema: false, strict: false, validateFormats: false, inlineRefs: false, ownProperties: true, logger: false, code: { regExp: patterns.engine, optimize: false },
  });
  // The library compares each item with each.
  ajv.removeKeyword('uniqueItems').addKeyword({
    keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', error: { message: 'must NOT have duplicate items' },
    validate: (isUnique: boolean, items: JsonValue[]) => !isUnique || new Set(items.map(canonicalJson)).size === items.length,
  });
  return { validate: ajv.compile(schema), patterns };
}

function sentence({ instancePath, message, params }: ErrorObject, whole: string): string {
  const { additionalProperty, unevaluatedProperty } = params as { additionalProperty?: string; unevaluatedProperty?: string };
  const name = additionalProperty ?? unevaluatedProperty;
  return `${instancePath === '' ? whole : instancePath.slice(1).replaceAll('/', '.')} ${message ?? 'cannot be taken'}${name === undefined ? '' : `: ${name}`}`.slice(0, 300);
}
