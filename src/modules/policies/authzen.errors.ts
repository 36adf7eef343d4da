import { DomainError } from '../../kernel/domain-error.js';

export const invalidAuthzenRequest = (sentence: string) =>
  new DomainError('invalid', 'invalid_authzen_request', sentence);

export const foreignPageToken = () =>
  new DomainError('invalid', 'foreign_page_token', 'The page.token belongs to another search; send it with the same search, or start again without it.');
