export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/**
 * Serialises a JSON value the one canonical way (RFC 8785): members sorted by UTF-16 code units, no white space,
 * numbers and strings as ECMAScript writes them. Members whose value is `undefined` are left out.
 *
 * @throws TypeError for NaN, infinities, half of a surrogate pair (section 3.2.2.2) and values that JSON cannot hold
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return text(value);
  if (value === null || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no NaN or infinity');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') {
    const object = value as { readonly [key: string]: JsonValue | undefined };
    let members = '';
    for (const key of Object.keys(object).sort()) {
      const member = object[key];
      if (member === undefined) continue;
      members += `${members === '' ? '' : ','}${text(key)}:${canonicalJson(member)}`;
    }
    return `{${members}}`;
  }
  throw new TypeError(`canonical JSON has no ${typeof value}`);
}

function text(value: string): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes the halves of surrogate pairs, and of others only those.
  if (json.includes('\\ud') && /\p{Surrogate}/u.test(value)) throw new TypeError('canonical JSON has no half of a surrogate pair');
  return json;
}
