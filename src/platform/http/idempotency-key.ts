import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { DomainError } from '../../kernel/domain-error.js';

const KEY = /^[\x21-\x7E]{1,128}$/;

/**
 * The `Idempotency-Key` of a request, with which it can be repeated without happening twice; undefined when it has none. (The
 * header is that of the IETF draft httpapi-idempotency-key-header, but its value is taken as it stands, in quotes or without.)
 *
 * @throws DomainError `invalid_idempotency_key`
 */
export const IdempotencyKey = createParamDecorator((_data: unknown, context: ExecutionContext): string | undefined => {
  const { 'idempotency-key': key } = context.switchToHttp().getRequest<{ headers: Record<string, string | string[] | undefined> }>().headers;
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY.test(key)) throw invalidIdempotencyKey();
  return key;
});

/** Describes the header on a route that takes it. */
export function AcceptsIdempotencyKey(): MethodDecorator {
  return ApiHeader({
    name: 'Idempotency-Key', required: false, schema: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[\\x21-\\x7E]+$' },
    description: 'Of your own making. The same request with the same key gets the same answer, and happens once.',
  });
}

export const invalidIdempotencyKey = () =>
  new DomainError('invalid', 'invalid_idempotency_key', 'Idempotency-Key must be 1 to 128 printable ASCII characters without spaces.');
