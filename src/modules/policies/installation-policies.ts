import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { OrganizationId } from '../../kernel/ids.js';
import { checkPolicy, compilePolicy } from './compile-policy.js';
import type { CompiledRule } from './compile-rule.js';
import { MOST_POLICIES, readPolicyFile, type PolicyFile, type WrittenPolicy } from './policy-file.js';
import type { SetPolicy } from './policy-set.js';

/** The policies of the installation, which count in every organization. Null where there are none that can be used: nothing is allowed. */
export interface InstallationPolicies {
  readonly policies: readonly InstallationPolicy[] | null;
  /** The same for the same policies, on every node. */
  readonly version: string;
}

export interface InstallationPolicy extends SetPolicy {
  readonly description?: string;
  /** As it was written. */
  readonly rule: unknown;
}

export const UNUSABLE: InstallationPolicies = { policies: null, version: 'unusable' };

/** Marks the ids of the installation's policies, so that no organization's can be taken for one of them. */
export const DIRECTORY = 'directory:';

/**
 * Makes the policies of all files, or says what is wrong with any of them. What was compiled before, for the same rule, is used
 * again.
 */
export async function compileFiles(files: readonly PolicyFile[], known: InstallationPolicies): Promise<InstallationPolicies | { problems: string[] }> {
  const problems: string[] = [];
  const written: (WrittenPolicy & { file: string })[] = [];
  for (const file of files) {
    const read = readPolicyFile(file);
    if ('problems' in read) problems.push(...read.problems);
    else written.push(...read.policies.map((policy) => ({ ...policy, file: file.name })));
  }
  const names = written.map(({ id }) => id);
  for (const id of new Set(names.filter((name, index) => names.indexOf(name) !== index))) problems.push(`there are several policies with the id ${id}`);
  if (written.length > MOST_POLICIES) problems.push(`there are more than ${MOST_POLICIES} policies`);
  if (problems.length > 0) return { problems };

  const compiledBefore = new Map<string, CompiledRule>((known.policies ?? []).map(({ rule, compiled }) => [JSON.stringify(rule), compiled]));
  const policies: InstallationPolicy[] = [];
  for (const { id, description, rule, file } of written) {
    const compiled = compiledBefore.get(JSON.stringify(rule)) ?? await checkInTurn(rule);
    if ('problems' in compiled) problems.push(...compiled.problems.map(({ path, message }) => `${file}, ${id}${path === '' ? '' : `, ${path}`}: ${message}`));
    else policies.push({ id: `${DIRECTORY}${id}`, name: id, description, rule, compiled });
  }
  if (problems.length > 0) return { problems };
  return { policies, version: createHash('sha256').update(JSON.stringify(written.map(({ id, rule }) => [id, rule]))).digest('hex').slice(0, 12) };
}

/** Those that can concern an organization, which gets to see no other organization's id in them. */
export function forOrganization(policies: readonly InstallationPolicy[], organizationId: OrganizationId): InstallationPolicy[] {
  return policies.filter(({ compiled: { selector } }) => selector.organizations?.includes(organizationId) ?? true).map((policy) => {
    const { rule } = policy as { rule: { who?: { organizations?: string[] } } };
    if (!rule.who?.organizations) return policy;
    const shown = { ...rule, who: { ...rule.who, organizations: [organizationId] } };
    const compiled = compilePolicy(shown);
    return { ...policy, rule: shown, compiled: 'problems' in compiled ? policy.compiled : compiled };
  });
}

/** Checking takes milliseconds, in which nothing else happens: requests come in between. */
async function checkInTurn(rule: unknown): Promise<ReturnType<typeof checkPolicy>> {
  await turn();
  return checkPolicy(rule);
}
