import { parseDocument } from 'yaml';
import { z } from 'zod';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { isScopeToken } from '../../kernel/scope-set.js';
import { isDisplayName, isPlainText } from '../../platform/http/validation.js';

/** More than this is no list that somebody keeps by hand. */
const MOST_SCOPES = 5_000;
const MOST_IMPLIED = 100;

const scopeName = z.string({ error: 'must be a scope name' }).refine(isScopeToken, { error: 'must be a scope name: up to 128 ASCII characters without spaces, quotes and backslashes' });
const flag = z.boolean({ error: 'must be true or false' }).default(false);
const listOfNames = z.array(scopeName, { error: 'must be a list of scope names' }).max(MOST_IMPLIED, { error: `must have at most ${MOST_IMPLIED} names` });

const fileSchema = z.strictObject({
  scopes: z.array(z.strictObject({
    name: scopeName,
    description: z.string({ error: 'must be text' }).refine((text) => isPlainText(text, 500), { error: 'must be text of up to 500 characters without invisible ones' }).nullish(),
    category: z.string({ error: 'must be text' }).refine((text) => isDisplayName(text, 100), { error: 'must be a name of up to 100 characters without invisible ones' }).nullish(),
    implies: listOfNames.nullish(),
    is_default: flag,
    is_sensitive: flag,
    requires_approval: flag,
  }, { error: 'must have a name and what else is said of a scope' }), { error: 'must be a list, which may be empty: scopes: []' })
    .max(MOST_SCOPES, { error: `must have at most ${MOST_SCOPES} entries` }),
}, { error: 'must have the member scopes, and nothing else' });

/** A scope as the operator's file defines it. */
export interface FileScope {
  readonly name: string;
  readonly description: string | null;
  readonly category: string | null;
  readonly implies: readonly string[];
  readonly is_default: boolean;
  readonly is_sensitive: boolean;
  readonly requires_approval: boolean;
}

/**
 * Reads the whole of a scopes file, or tells everything that is wrong with it.
 *
 * @param isReserved whether a name belongs to the server or to OpenID Connect
 * @returns the scopes, or one sentence for each problem
 */
export function readScopeFile(text: string, isReserved: (name: string) => boolean): { scopes: FileScope[] } | { problems: string[] } {
  const document = readYaml(text);
  if ('problems' in document) return document;
  const parsed = fileSchema.safeParse(document.content);
  if (!parsed.success) return { problems: parsed.error.issues.map((issue) => sentence(issue, document.content)) };
  const scopes = parsed.data.scopes.map((scope) => ({
    ...scope, description: scope.description ?? null, category: scope.category ?? null, implies: [...new Set(scope.implies ?? [])],
  }));
  const problems = contradictions(scopes, isReserved);
  return problems.length > 0 ? { problems } : { scopes };
}

function readYaml(text: string): { content: unknown } | { problems: string[] } {
  try {
    const document = parseDocument(text, { prettyErrors: true });
    // What comes after the first mistake is mostly its consequence.
    const [mistake] = [...document.errors, ...document.warnings];
    if (mistake) return { problems: [`It is not YAML that can be read: ${mistake.message.split('\n', 1)[0]!.replace(/[:.]$/, '')}.`] };
    return { content: document.toJS({ maxAliasCount: 100 }) };
  } catch {
    // Nested or repeated beyond what anybody means.
    return { problems: ['It is not YAML that can be read: it unfolds to far more than it says.'] };
  }
}

function sentence(issue: z.core.$ZodIssue, content: unknown): string {
  const [list, index, ...member] = issue.path;
  if (typeof index !== 'number') return `${list === undefined ? 'The file' : String(list)} ${complaint(issue)}.`;
  const { scopes } = content as { scopes: { name?: unknown }[] };
  const name = scopes[index]?.name;
  const which = typeof name === 'string' && isScopeToken(name) ? `The scope ${name}` : `Scope number ${index + 1}`;
  return member.length === 0 ? `${which} ${complaint(issue)}.` : `${which}: ${member.join('.')} ${complaint(issue)}.`;
}

function complaint(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? `has members that mean nothing: ${issue.keys.join(', ')}` : issue.message;
}

/** What is wrong with scopes that are each well-formed. */
function contradictions(scopes: readonly FileScope[], isReserved: (name: string) => boolean): string[] {
  const edges = new Map(scopes.map(({ name, implies }) => [name, implies]));
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { name, implies } of scopes) {
    if (seen.has(name)) problems.push(`The scope ${name} is defined twice.`);
    seen.add(name);
    if (isReserved(name)) problems.push(`The scope ${name} belongs to this server and cannot be defined again.`);
    for (const implied of implies) {
      if (isReserved(implied)) problems.push(`The scope ${name} implies ${implied}, which belongs to this server; no other scope may imply it.`);
      else if (!edges.has(implied)) problems.push(`The scope ${name} implies ${implied}, which the file does not define.`);
    }
  }
  const graph = new ScopeGraph(edges, new Set());
  const onCycle = new Set<string>();
  for (const [name, implies] of edges) {
    const cycle = onCycle.has(name) ? undefined : graph.cycle(name, implies);
    if (!cycle) continue;
    problems.push(`The scope ${name} would come to imply itself: ${cycle.join(' → ')}.`);
    for (const step of cycle) onCycle.add(step);
  }
  return problems;
}
