import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;
const SUCCESSES: Readonly<Record<string, string>> = { 200: 'Done.', 201: 'Made; it lives at the address in `Location`.', 204: 'Done; there is nothing to say.' };

/**
 * Puts the words of each operation where readers look for them: the first sentence of its comment is the summary, which is
 * plain text, all of it the description. Answers that nobody described get a sentence, and those that make something the
 * header that says where.
 */
export function describeOperations(document: OpenAPIObject): void {
  for (const item of Object.values(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      describeComment(operation);
      for (const [status, response] of Object.entries(operation.responses)) {
        if (!response || '$ref' in response) continue;
        response.description ||= SUCCESSES[status] ?? 'Done.';
        if (status === '201') response.headers ??= { Location: { description: 'Address of what was made.', schema: { type: 'string', format: 'uri-reference' } } };
      }
    }
  }
}

/** A comment is one text, wrapped where the code's lines end. */
function describeComment(operation: Operation): void {
  const text = (operation.summary ?? '').replaceAll(/\s*\n\s*/g, ' ').trim();
  if (text === '') return;
  const end = /[.?!](?= [A-Z])/.exec(text);
  operation.summary = (end ? text.slice(0, end.index + 1) : text).replace(/\.$/, '').replaceAll('`', '');
  if (end || text.includes('`')) operation.description ??= text;
}
