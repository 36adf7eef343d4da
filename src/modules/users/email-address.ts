import { Transform } from 'class-transformer';
import { isEmail, ValidateBy } from 'class-validator';

/** RFC 5321 section 4.5.3.1.3, less the angle brackets. */
const LONGEST = 254;
const ASCII = /^[\x21-\x7e]+$/;

/**
 * Lower case for the whole address: nobody runs mailboxes that differ in case alone, and two accounts that do are a trap.
 * Only ASCII, so that this program and every database agree on what lower case is and no two addresses look alike;
 * international domains are written in their ASCII form (RFC 5890). Other letters stay what they are, or the Kelvin sign
 * would become a k and reach somebody else's account.
 */
export function normalizeEmail(text: string): string {
  return text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Is it an address as `normalizeEmail` leaves it? */
export function isNormalizedEmail(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST && ASCII.test(value) && value === value.toLowerCase() && isEmail(value, { allow_utf8_local_part: false });
}

/** An e-mail address; taken in any case, kept in lower case. */
export function IsEmailAddress(): PropertyDecorator {
  const lowerCase = Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normalizeEmail(value) : value));
  const valid = ValidateBy({
    name: 'isEmailAddress',
    validator: { validate: isNormalizedEmail, defaultMessage: () => '$property must be an e-mail address in ASCII characters' },
  });
  return (target, key) => {
    lowerCase(target, key);
    valid(target, key);
  };
}
