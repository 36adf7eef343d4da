import { ValidateBy } from 'class-validator';
import { isPlainJson } from '../../kernel/plain-json.js';
import type { AuthorizationDetail } from './authority.js';

const MOST = 50;
const MOST_BYTES = 16_384;

/** Is this a value of `authorization_details` (RFC 9396 section 2): a list of objects that each say their type? */
export function isAuthorizationDetails(value: unknown): value is readonly AuthorizationDetail[] {
  return Array.isArray(value) && value.length <= MOST && isPlainJson(value) && Buffer.byteLength(JSON.stringify(value)) <= MOST_BYTES
    && value.every((detail: unknown) => typeof detail === 'object' && detail !== null && !Array.isArray(detail)
      && typeof (detail as AuthorizationDetail).type === 'string' && (detail as AuthorizationDetail).type !== '');
}

export function IsAuthorizationDetails(): PropertyDecorator {
  return ValidateBy({
    name: 'isAuthorizationDetails',
    validator: {
      validate: isAuthorizationDetails,
      defaultMessage: () => `$property must be a list of up to ${MOST} objects with a type (RFC 9396), ${MOST_BYTES} bytes in all`,
    },
  });
}
