/** A scope name of the form `resource:action[:qualifier…]`, taken apart. */
export interface ScopeNameParts {
  readonly resource: string;
  /** Null when the name has a single part, such as `payments`. */
  readonly action: string | null;
  readonly qualifiers: readonly string[];
}

export function parseScopeName(name: string): ScopeNameParts {
  const [resource = name, action = null, ...qualifiers] = name.split(':');
  return { resource, action, qualifiers };
}
