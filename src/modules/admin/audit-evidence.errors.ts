import { DomainError } from '../../kernel/domain-error.js';

export const nameOneEvent = () =>
  new DomainError('invalid', 'name_one_event', 'Name the event by `sequence` or by `event_id`, one of them.');
