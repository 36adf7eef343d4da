import type { EntityName } from './cedar-terms.js';

/**
 * What a policy can be found by without evaluating it: whom and what it speaks of. A selector may let through more than the
 * policy means, never less. A part that is left out lets everything through.
 */
export interface Selector {
  readonly subjects?: readonly Match[];
  readonly actions?: readonly NameMatch[];
  readonly resources?: readonly Match[];
  readonly organizations?: readonly string[];
}

export interface NameMatch {
  readonly name: string;
  readonly isPrefix: boolean;
}

/** Of entities of a type: all of them, those with one id, or those whose id begins so. */
export interface Match {
  readonly type: string;
  readonly id?: string;
  readonly isPrefix?: boolean;
  /** Of a scope: also those above and below it, by name and by what implies what. */
  readonly isScope?: boolean;
}

export function matches(match: Match, { type, id }: EntityName, relatedScopes: readonly string[]): boolean {
  if (match.type !== type) return false;
  if (match.id === undefined) return true;
  if (match.isScope) return match.id === id || relatedScopes.includes(match.id);
  return match.isPrefix ? id.startsWith(match.id) : match.id === id;
}

export function matchesName({ name, isPrefix }: NameMatch, wanted: string): boolean {
  return isPrefix ? wanted.startsWith(name) : wanted === name;
}

/** `calendar:*` as a beginning, anything else as a whole name. */
export function nameMatch(pattern: string): NameMatch {
  return pattern.endsWith('*') ? { name: pattern.slice(0, -1), isPrefix: true } : { name: pattern, isPrefix: false };
}

export function entityMatch(type: string, pattern: string | undefined): Match {
  if (pattern === undefined || pattern === '*') return { type };
  const { name, isPrefix } = nameMatch(pattern);
  return { type, id: name, isPrefix };
}
