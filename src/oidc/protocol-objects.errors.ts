import { DomainError } from '../kernel/domain-error.js';

export const unstorableParameter = () =>
  new DomainError('invalid', 'unstorable_parameter', 'A parameter holds NUL, half of a surrogate pair, or JSON that is too deep.');
