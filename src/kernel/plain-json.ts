const DEEPEST = 16;
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Is this JSON that can be stored and handed to any program? At most 16 levels deep, no member name that reaches a
 * prototype, no NUL and no half of a surrogate pair (jsonb refuses both).
 */
export function isPlainJson(value: unknown, depth = 0): boolean {
  if (depth > DEEPEST) return false;
  if (typeof value === 'string') return isPlainString(value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value === 'boolean') return true;
  if (Array.isArray(value)) return value.every((member) => isPlainJson(member, depth + 1));
  if (typeof value !== 'object') return false;
  return Object.entries(value).every(([name, member]) => !FORBIDDEN_NAMES.has(name) && isPlainString(name) && isPlainJson(member, depth + 1));
}

function isPlainString(text: string): boolean {
  // A lone surrogate is the only thing that this expression calls a surrogate when it reads code points.
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
