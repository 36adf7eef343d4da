import { isPlainJson } from '../../kernel/plain-json.js';
import { policyToJson, policyToText, validate } from './cedar.js';
import { schemaFor } from './cedar-schema.js';
import { cedarProblem, compileCedar } from './cedar-text.js';
import { compileRule, type Compilation, type CompiledRule } from './compile-rule.js';
import { isCedarRule, parseRule, type RuleProblem } from './policy-rule.js';

/** Reads and compiles a rule as it was written. Quick: what was validated when it was saved is not validated again. */
export function compilePolicy(written: unknown): Compilation {
  if (!isPlainJson(written)) return { problems: [{ path: '', message: 'must be JSON, at most 16 levels deep, without NUL characters and without the member names __proto__, constructor and prototype' }] };
  const parsed = parseRule(written);
  if ('problems' in parsed) return parsed;
  return isCedarRule(parsed.rule) ? compileCedar(parsed.rule) : compileRule(parsed.rule);
}

/** Compiles a rule and has Cedar check it against the schema, as everything is before it is saved or loaded. */
export function checkPolicy(written: unknown): Compilation {
  const compiled = compilePolicy(written);
  if ('problems' in compiled) return compiled;
  const problems = schemaProblems(compiled);
  return problems.length > 0 ? { problems } : compiled;
}

/** The compiled rule as Cedar is written. */
export function cedarTextOf({ policy }: CompiledRule): string {
  if (typeof policy === 'string') return policy;
  const answer = policyToText(policy);
  return answer.type === 'success' ? answer.text : '';
}

function schemaProblems({ policy, reads }: CompiledRule): RuleProblem[] {
  const text = typeof policy === 'string' ? policy : undefined;
  const tree = policyToJson(policy);
  if (tree.type === 'failure') return tree.errors.map((error) => cedarProblem(error, text));
  const answer = validate({ schema: schemaFor(tree.json, reads), policies: { staticPolicies: { policy } } });
  if (answer.type === 'failure') return answer.errors.map((error) => cedarProblem(error, text));
  // A policy that can never apply is a mistake; one that denies would be a hole.
  const impossible = answer.validationErrors.length > 0 ? [] : answer.validationWarnings.filter(({ error }) => error.message.includes('policy is impossible'));
  return [...answer.validationErrors, ...impossible].map(({ error }) => cedarProblem(error, text));
}
