import { parse } from 'node:querystring';

/** The fields of a form, none of them repeated. */
export type PlainForm = Readonly<Record<string, string | undefined>>;

/** The library reads no more of a form than this. */
const MOST_FIELDS = 1000;

/**
 * The form without repeats, as the library will read it; undefined when any field is there twice, or is empty: what that means is
 * the library's to say. Most fields, and all long ones, are written as they are: reading those one character after another, as Node
 * does, takes 30 µs for the token of a fifth agent.
 */
export function plainForm(text: string): PlainForm | undefined {
  const form = Object.create(null) as Record<string, string>;
  const fields = text.split('&', MOST_FIELDS + 1);
  if (fields.length > MOST_FIELDS) return undefined;
  for (const field of fields) {
    if (field === '') continue;
    const end = field.indexOf('=');
    if (end === -1 || end === field.length - 1) return undefined;
    const isEncoded = field.includes('%') || field.includes('+');
    const [name, value] = isEncoded ? Object.entries(parse(field))[0] as [string, string] : [field.slice(0, end), field.slice(end + 1)];
    if (value === '' || name in form) return undefined;
    form[name] = value;
  }
  return form;
}
