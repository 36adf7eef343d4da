import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { DomainError } from '../../kernel/domain-error.js';
import { assertShallow } from './nesting.js';
import type { FieldProblem } from './problem.js';
import { malformedFields } from './well-formed.js';

const MOST_PROBLEMS = 20;
const LONGEST_TEXT = 300;

/**
 * Holds what callers send against the DTO of the route: members that are not declared are refused, one message for each wrong
 * field, and no more of them than a person would read.
 */
export function createValidationPipe(): ValidationPipe {
  return new BoundedValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    stopAtFirstError: true,
    validationError: { target: false, value: false },
    exceptionFactory: invalidRequest,
  });
}

class BoundedValidationPipe extends ValidationPipe {
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body') {
      assertShallow(value);
      assertWellFormed(value);
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

/** @throws DomainError `invalid_request` */
function assertWellFormed(value: unknown): void {
  const malformed = malformedFields(value);
  if (malformed.length > 0) {
    throw refusal(malformed.slice(0, MOST_PROBLEMS).map((field) => ({ field: cut(field), message: `${field === '' ? 'the body' : `"${cut(field)}"`} must be text without halves of surrogate pairs` })));
  }
}

function invalidRequest(failures: ValidationError[]): DomainError {
  const errors: FieldProblem[] = [];
  collect(failures, '', errors);
  return refusal(errors);
}

function refusal(errors: readonly FieldProblem[]): DomainError {
  const [first] = errors;
  const detail = first === undefined ? 'The request is not valid.' : `${sentence(first.message)}${others(errors.length - 1)}`;
  return new DomainError('invalid', 'invalid_request', detail, { details: { errors } });
}

function others(count: number): string {
  if (count === 0) return '';
  if (count === 1) return ' One more field is wrong.';
  return ` ${count === MOST_PROBLEMS - 1 ? 'Many' : count} more fields are wrong.`;
}

/** class-validator nests the failures of nested objects; callers get them flat, with the path of each field. */
function collect(failures: readonly ValidationError[], parent: string, into: FieldProblem[]): void {
  for (const failure of failures) {
    if (into.length >= MOST_PROBLEMS) return;
    const field = cut(parent === '' ? failure.property : `${parent}.${failure.property}`);
    const [problem] = Object.entries(failure.constraints ?? {});
    if (problem !== undefined) into.push({ field, message: cut(said(problem, failure.property, field)) });
    collect(failure.children ?? [], field, into);
  }
}

/** What a decorator says of a field, with the field's name as it is on the wire, in quotes: no sentence may change its letters. */
function said([constraint, message]: [string, string], property: string, field: string): string {
  if (constraint === 'whitelistValidation') return `"${field}" is not known here`;
  const words = message.split(' ');
  const at = words.indexOf(property);
  return at === -1 ? message : words.with(at, `"${field}"`).join(' ');
}

/** Names of unknown members come from the caller, and could fill the answer. */
function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? '' : '.'}`;
}
