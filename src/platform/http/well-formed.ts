/** Half of a surrogate pair: what a JSON escape can say, but no text can hold (RFC 8259 section 8.2, RFC 7493 section 2.1). */
const HALF_PAIR = /\p{Surrogate}/gu;

/**
 * Where in a JSON document there is text that is no Unicode text, as the paths of its fields: `metadata.notes.0`. A database
 * would change such text silently, and libraries that check text fall over it. Not for documents of any depth.
 */
export function malformedFields(value: unknown, path = ''): string[] {
  if (typeof value === 'string') return isMalformed(value) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const shown = name.replace(HALF_PAIR, '\uFFFD');
    const field = path === '' ? shown : `${path}.${shown}`;
    return isMalformed(name) ? [field] : malformedFields(member, field);
  });
}

function isMalformed(text: string): boolean {
  return text.search(HALF_PAIR) !== -1;
}
