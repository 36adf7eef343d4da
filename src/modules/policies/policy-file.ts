import { parseDocument } from 'yaml';
import { z } from 'zod';

/**
 * A file of the policy folder: `policies`, a list of rules, each with an `id` of its own. YAML, which ends with the mark of its
 * end, a line of three dots: what a writer was kept from finishing may be valid YAML, and allow more than was meant.
 */

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** One rule of a file, as it was written. */
export interface WrittenPolicy {
  readonly id: string;
  readonly description?: string;
  /** `effect`, `who`, `what` and `when`, or `cedar` and `attributes`. */
  readonly rule: unknown;
}

export const MOST_POLICIES = 1000;
/** Bytes. */
export const LARGEST_FILE = 512 * 1024;

const ENDED = /(^|\n)\.\.\.[ \t]*(\r?\n[ \t]*)*$/;

const file = z.strictObject({
  policies: z.array(z.looseObject({
    id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lower-case letters, digits and single hyphens').max(100),
    description: z.string().max(2000).optional(),
  })).max(MOST_POLICIES),
});

/** The rules of a file, or in one sentence each what is wrong with it. */
export function readPolicyFile({ name, text }: PolicyFile): { policies: WrittenPolicy[] } | { problems: string[] } {
  if (!ENDED.test(text)) return { problems: [`${name} does not end with a line of three dots, so it may not be written whole`] };
  let content: unknown;
  try {
    const document = parseDocument(text, { uniqueKeys: true, merge: false, schema: 'core', prettyErrors: true });
    const [first] = [...document.errors, ...document.warnings];
    // The first line says what and where; a drawing of the place follows.
    if (first) return { problems: [`${name}: ${first.message.split('\n', 1)[0]!.replace(/:$/, '')}`] };
    content = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    return { problems: [`${name} cannot be read: ${(error as Error).message}`] };
  }
  const result = file.safeParse(content);
  if (!result.success) return { problems: result.error.issues.map(({ path, message }) => `${name}, ${path.join('.') || 'the document'}: ${message}`) };
  return { policies: result.data.policies.map(({ id, description, ...rule }) => ({ id, description, rule })) };
}
