import { QueryFailedError } from 'typeorm';

/** The name of the constraint or unique index that refused a statement, so that a clash becomes a sentence. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof QueryFailedError)) return undefined;
  return (error.driverError as { constraint?: string }).constraint;
}
