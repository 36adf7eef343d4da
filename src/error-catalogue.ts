import type { ErrorKind } from './kernel/domain-error.js';
import { FRAMEWORK_PROBLEMS, OWN_PROBLEMS, STATUS_OF_KIND } from './platform/http/problem.js';

export interface SourceText {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A code that callers may meet, and what is said with it. */
export interface CatalogueEntry {
  readonly code: string;
  readonly status: number;
  /** What stands for a value of the moment is an ellipsis. None when the sentence is made where the error is. */
  readonly sentences: readonly string[];
  /** Where it is made. */
  readonly paths: readonly string[];
}

/** Every `DomainError` that the sources make. Kind and code have to be literals: `errors.spec.ts` sees to it. */
export function domainErrors(sources: readonly SourceText[]): CatalogueEntry[] {
  return sources.flatMap(({ path, text }) => [...text.matchAll(/new DomainError\(\s*'([a-z_]+)',\s*'([^']+)',\s*/g)].map((match): CatalogueEntry => {
    const [made, kind, code] = match;
    return { code: code!, status: STATUS_OF_KIND[kind as ErrorKind], sentences: literalsOf(text, match.index + made.length), paths: [path] };
  }));
}

/** The text of `docs/errors.md`. */
export function errorCatalogue(sources: readonly SourceText[]): string {
  const entries = merged([...domainErrors(sources), ...fromFramework()]);
  const rows = entries.map(({ code, status, sentences }) => `| \`${code}\` | ${status} | ${sentences.length === 0 ? 'Its sentence tells what is wrong.' : sentences.map(inTable).join('<br>')} |`);
  return [
    '# Errors',
    '',
    'Generated from the code by `npm run generate`.',
    '',
    'The REST API refuses with problem details (RFC 9457, `application/problem+json`). Programs go by `code`, which is stable; `detail`',
    'is the sentence for people, and may change. `instance` is the id of the request, as in the `x-request-id` header. A code may bring',
    'members of its own, such as `errors` with the fields that `invalid_request` is about. An ellipsis stands for a value of the moment.',
    '',
    'Protocol endpoints answer with the codes of their standards instead (RFC 6749 section 5.2 and what refines it).',
    '',
    '| code | status | what it says |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function fromFramework(): CatalogueEntry[] {
  const path = 'src/platform/http/problem.ts';
  const known = Object.entries(FRAMEWORK_PROBLEMS).map(([key, [code, sentence]]): CatalogueEntry => ({ code, status: Number(key) || 400, sentences: [sentence], paths: [path] }));
  const own = Object.values(OWN_PROBLEMS).map(({ code, status, detail }): CatalogueEntry => ({ code, status, sentences: [detail], paths: [path] }));
  return [...known, ...own];
}

function merged(entries: readonly CatalogueEntry[]): CatalogueEntry[] {
  const byCode = new Map<string, CatalogueEntry>();
  for (const entry of entries) {
    const known = byCode.get(entry.code);
    byCode.set(entry.code, known ? { ...known, sentences: [...new Set([...known.sentences, ...entry.sentences])], paths: [...new Set([...known.paths, ...entry.paths])] } : entry);
  }
  return [...byCode.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The texts of an argument that begins here: one, or several where a condition chooses, or none where it is a variable. */
function literalsOf(source: string, from: number): string[] {
  const literals: string[] = [];
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const character = source[at]!;
    if (character === "'" || character === '`') {
      const { text, end } = literalAt(source, at);
      if (depth === 0) literals.push(text);
      at = end;
    } else if ('([{'.includes(character)) depth += 1;
    else if (depth === 0 && (character === ',' || character === ')')) break;
    else if (')]}'.includes(character)) depth -= 1;
  }
  return literals;
}

function literalAt(source: string, start: number): { text: string; end: number } {
  const quote = source[start]!;
  let text = '';
  for (let at = start + 1; at < source.length; at += 1) {
    if (source[at] === quote) return { text, end: at };
    if (source[at] === '\\') text += source[at += 1];
    else if (quote === '`' && source.startsWith('${', at)) {
      text += '…';
      at = endOfPlaceholder(source, at + 2);
    } else text += source[at];
  }
  throw new Error('a text that does not end');
}

function endOfPlaceholder(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at += 1) {
    if (source[at] === "'" || source[at] === '`') at = literalAt(source, at).end;
    else if (source[at] === '{') depth += 1;
    else if (source[at] === '}' && (depth -= 1) === 0) return at;
  }
  throw new Error('a placeholder that does not end');
}

function inTable(text: string): string {
  return text.replaceAll('|', '\\|');
}
