import { ValidateIf, type ValidationOptions } from 'class-validator';

/**
 * The member may be left out. `IsOptional` of class-validator also lets null through, past every other check and into code
 * whose types say that there is none.
 */
export function IsOmittable(options?: ValidationOptions): PropertyDecorator {
  return ValidateIf((_object, value: unknown) => value !== undefined, options);
}
