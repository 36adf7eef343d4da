import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { domainErrors, errorCatalogue, type CatalogueEntry, type SourceText } from '../../src/error-catalogue.js';
import { sourceTexts } from '../../src/generated-views.js';

/** Codes that are made in several places, because they mean the same in all of them. Any other code has one place. */
const ONE_MEANING_IN_SEVERAL_PLACES: Readonly<Record<string, string>> = {
  access_denied: 'OAuth has one code for what somebody or something with a say does not allow (RFC 6749 section 4.1.2.1, RFC 8693 section 2.2.2)',
  insufficient_scope: 'the token lacks a scope, found by the guard or by a route that asks only in some cases',
  invalid_credentials: 'who they say they are and what they know do not fit, of people and of agents',
  invalid_cursor: 'the cursor is not of this list, or not of this server',
  invalid_grant: 'OAuth has one code for whatever a token cannot stand on (RFC 6749 section 5.2)',
  invalid_request: 'what was sent makes no sense, in the words of OAuth as in ours',
  invalid_scope: 'OAuth has one code for scopes that cannot be had (RFC 6749 section 5.2)',
  invalid_token: 'the token is not valid here',
  too_many_sign_ins: 'too many attempts to prove who one is, of people and of agents',
};

/** `new DomainError(…)` as the compiler sees it. */
function madeErrors({ path, text }: SourceText): { path: string; kind: string; code: string }[] {
  const found: { path: string; kind: string; code: string }[] = [];
  const literal = (node: ts.Expression | undefined) => (node && ts.isStringLiteral(node) ? node.text : `not a literal: ${node?.getText()}`);
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'DomainError') found.push({ path, kind: literal(node.arguments?.[0]), code: literal(node.arguments?.[1]) });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** What is wrong with the errors of some sources, in words. */
function faults(sources: readonly SourceText[]): string[] {
  const entries = domainErrors(sources);
  const byCode = new Map<string, CatalogueEntry[]>();
  for (const entry of entries) byCode.set(entry.code, [...byCode.get(entry.code) ?? [], entry]);
  return [...byCode].flatMap(([code, made]) => {
    const wrong: string[] = [];
    if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(code) || code.length > 40) wrong.push(`${code} is not snake_case of up to 40 characters`);
    if (new Set(made.map(({ status }) => status)).size > 1) wrong.push(`${code} has several statuses`);
    if (made.length > 1 && !(code in ONE_MEANING_IN_SEVERAL_PLACES)) wrong.push(`${code} is made in ${made.map(({ paths }) => paths.join()).join(' and ')}`);
    for (const { status, sentences } of made) {
      if (status === undefined) wrong.push(`${code} is of no known kind`);
      for (const sentence of sentences) if (!/^[A-Z…"“].*[.…]$/s.test(sentence)) wrong.push(`${code} says "${sentence}", which is no sentence`);
    }
    return wrong;
  });
}

describe('the errors of the domain', () => {
  const sources = sourceTexts();

  it('have a code that means one thing, is snake_case, and comes with one status and whole sentences', () => {
    expect(faults(sources)).toEqual([]);
    const counts = new Map<string, number>();
    for (const { code } of domainErrors(sources)) counts.set(code, (counts.get(code) ?? 0) + 1);
    expect(Object.keys(ONE_MEANING_IN_SEVERAL_PLACES).filter((code) => (counts.get(code) ?? 0) < 2)).toEqual([]);
  });

  it('are all found: each that the compiler sees being made, with its kind and code as literals', () => {
    const made = sources.flatMap(madeErrors);
    const listed = domainErrors(sources).map(({ paths, code }) => `${paths.join()} ${code}`);
    expect(made.length).toBeGreaterThan(90);
    expect(listed.sort()).toEqual(made.map(({ path, code }) => `${path} ${code}`).sort());
    expect(made.filter(({ kind, code }) => /not a literal/.test(kind + code))).toEqual([]);
    expect(sources.filter(({ text }) => /extends DomainError/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('stand in docs/errors.md, each with its status and what it says', () => {
    const document = readFileSync('docs/errors.md', 'utf8');
    for (const { code, status } of domainErrors(sources)) expect(document).toContain(`| \`${code}\` | ${status} | `);
    for (const code of ['route_not_found', 'method_not_allowed', 'unsupported_media_type', 'internal_error', 'database_unavailable']) expect(document).toContain(`| \`${code}\` | `);
  });
});

describe('a planted error', () => {
  const plant = (text: string): SourceText[] => [{ path: 'src/planted.errors.ts', text }];

  it.each([
    ['whose code is no snake_case', `new DomainError('invalid', 'badCode', 'Bad.')`, 'badCode is not snake_case of up to 40 characters'],
    ['with a code that stands for something else', `new DomainError('invalid', 'twice', 'One.'); new DomainError('invalid', 'twice', 'Two.')`, 'twice is made in src/planted.errors.ts and src/planted.errors.ts'],
    ['with two statuses', `new DomainError('invalid', 'twice', 'One.'); new DomainError('conflict', 'twice', 'One.')`, 'twice has several statuses'],
    ['of an unknown kind', `new DomainError('odd', 'planted', 'One.')`, 'planted is of no known kind'],
    ['that says no sentence', `new DomainError('invalid', 'planted', 'not a sentence')`, 'planted says "not a sentence", which is no sentence'],
  ])('%s is found', (_what, text, fault) => {
    expect(faults(plant(text))).toContain(fault);
  });

  it('with a code that is no literal is found', () => {
    expect(madeErrors(plant('new DomainError(kind, `planted_${x}`, "Bad.")')[0]!)).toEqual([{ path: 'src/planted.errors.ts', kind: 'not a literal: kind', code: 'not a literal: `planted_${x}`' }]);
  });

  it('is shown with ellipses for its values, and both sides of a choice', () => {
    const catalogue = errorCatalogue(plant("new DomainError('conflict', 'planted', isNew ? 'It is \\'new\\'.' : `It has ${names.map((name) => `<${name}>`).join(', ')} | more.`, { details: { a: 'b' } })"));
    expect(catalogue).toContain("| `planted` | 409 | It is 'new'.<br>It has … \\| more. |\n");
    const variable = errorCatalogue(plant("new DomainError('invalid', 'planted', sentence, { cause: 'x' })"));
    expect(variable).toContain('| `planted` | 400 | Its sentence tells what is wrong. |');
  });
});
