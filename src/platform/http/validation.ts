import { Matches, MaxLength, ValidateBy, type ValidationOptions } from 'class-validator';
import { isScopeToken } from '../../kernel/scope-set.js';
import { microsAsUsd, usdInMicros } from '../../kernel/usd.js';

/**
 * What nobody sees but what lets a name pretend to be another (CVE-2021-42574): control characters, separators of lines,
 * marks of direction, joiners and spaces of no width, tags – and halves of surrogate pairs, which are no characters at all.
 */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00AD\u180E\u200B-\u200D\u2060-\u2065\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/u;

export function isDisplayName(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength && value.trim() === value && !UNSEEN.test(value);
}

export function isPlainText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length <= maxLength && !UNSEEN.test(value.replace(/[\n\r\t]/g, ''));
}

/** A name that people read: 1 to 200 characters, trimmed, nothing invisible in it. */
export function IsDisplayName(maxLength = 200, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({
    name: 'isDisplayName',
    validator: {
      validate: (value: unknown) => isDisplayName(value, maxLength),
      defaultMessage: () => `$property must be 1 to ${maxLength} characters, without surrounding spaces or invisible characters`,
    },
  }, options);
}

/** Text of several lines: up to `maxLength` characters, line breaks and tabs allowed, nothing else invisible. */
export function IsPlainText(maxLength = 2000, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({
    name: 'isPlainText',
    validator: {
      validate: (value: unknown) => isPlainText(value, maxLength),
      defaultMessage: () => `$property must be text of up to ${maxLength} characters without invisible characters`,
    },
  }, options);
}

/** A scope-token of RFC 6749 section 3.3. */
export function IsScopeToken(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({
    name: 'isScopeToken',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isScopeToken(value),
      defaultMessage: () => '$property must hold scope names (RFC 6749 section 3.3)',
    },
  }, options);
}

/**
 * An amount of US dollars, as a decimal number or as its text, with at most six decimals.
 *
 * @param leastMicros in millionths
 */
export function IsUsd(leastMicros = 0): PropertyDecorator {
  return ValidateBy({
    name: 'isUsd',
    validator: {
      validate: (value: unknown) => (usdInMicros(value) ?? -1) >= leastMicros,
      defaultMessage: () => `$property must be an amount from ${microsAsUsd(leastMicros)} to 1000000 with at most six decimals`,
    },
  });
}

/** Lower-case letters, digits and single hyphens, 2 to 63 characters. */
export function IsSlug(): PropertyDecorator {
  return (target, key) => {
    MaxLength(63)(target, key as string);
    Matches(/^[a-z0-9]+(-[a-z0-9]+)*$/, { message: '$property must be lower-case letters, digits and single hyphens' })(target, key as string);
  };
}

/** RFC 3339, with its offset: without one nobody knows which hour is meant. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** A date and time with its offset. */
export function IsDateTime(): PropertyDecorator {
  return Matches(DATE_TIME, { message: '$property must be a date and time with its offset (RFC 3339), such as 2030-01-31T12:00:00Z' });
}
