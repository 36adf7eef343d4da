import { DomainError } from '../../kernel/domain-error.js';

export const taskNotFound = () =>
  new DomainError('not_found', 'task_not_found', 'There is no such task.');

export const taskCancelled = () =>
  new DomainError('conflict', 'task_cancelled', 'This task was cancelled, or one that it is part of was.');
