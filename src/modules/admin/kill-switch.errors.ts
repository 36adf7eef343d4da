import { DomainError } from '../../kernel/domain-error.js';

export const targetMalformed = (sentence: string) =>
  new DomainError('invalid', 'invalid_request', sentence);

export const cutoffInTheFuture = () =>
  new DomainError('invalid', 'cutoff_in_the_future', 'Only what was issued in the past can be ended: leave "before" out for everything by now.');

export const filterEmpty = () =>
  new DomainError('invalid', 'filter_empty', 'Say which tokens: a filter without any criterion would mean all of them, for which there is the kill switch "issued_before".');
