import { DomainError } from '../../kernel/domain-error.js';

/** Deeper than any document that the API takes, and far from what would exhaust the stack of those that read it recursively. */
const DEEPEST = 32;

/**
 * Refuses documents nested so deep that validation, which walks them recursively, would run out of stack. Walks without
 * recursion itself.
 *
 * @throws DomainError `nested_too_deep`
 */
export function assertShallow(document: unknown): void {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) throw new DomainError('invalid', 'nested_too_deep', `The document is nested deeper than ${DEEPEST} levels.`);
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
}
