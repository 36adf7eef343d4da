import { DomainError } from '../../kernel/domain-error.js';

export const allOrganizations = () =>
  new DomainError('forbidden', 'all_organizations', 'The events of all organizations are for platform administrators.');

export const nameOneEvent = () =>
  new DomainError('invalid', 'name_one_event', 'Name the event by `sequence` or by `event_id`, one of them.');
