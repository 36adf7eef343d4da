import { ValidateBy, type ValidationOptions } from 'class-validator';
import { auditEventEntries, type AuditEventType } from '../audit/audit-catalogue.js';

const TYPES = Object.keys(auditEventEntries) as AuditEventType[];

/** The types that somebody names: by name, or all that begin alike, by that beginning with its dot. */
export function typesNamed(names: readonly string[]): AuditEventType[] {
  return TYPES.filter((type) => names.some((name) => type === name || (name.endsWith('.') && type.startsWith(name))));
}

/** The name of a type of audit events, or a beginning that some of them have. */
export function IsAuditType(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy({
    name: 'isAuditType',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && typesNamed([value]).length > 0,
      defaultMessage: () => '$property must hold types of audit events, such as token.issued, or beginnings of them with their dot, such as token.',
    },
  }, options);
}
