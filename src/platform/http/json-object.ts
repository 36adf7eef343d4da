import { ValidateBy, type ValidationOptions } from 'class-validator';
import { isPlainJson } from '../../kernel/plain-json.js';

/**
 * A JSON object of the caller's own making that we keep and give back: bounded in size and depth, and free of what neither
 * PostgreSQL's jsonb nor a JavaScript program can hold safely.
 */
export function IsJsonObject(maxBytes: number, options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({
    name: 'isJsonObject',
    validator: {
      validate: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainJson(value)
        && Buffer.byteLength(JSON.stringify(value)) <= maxBytes,
      defaultMessage: () => `$property must be a JSON object of up to ${maxBytes} bytes, at most 16 levels deep, without NUL characters and without the member names __proto__, constructor and prototype`,
    },
  }, options);
}
