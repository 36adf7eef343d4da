import { DomainError } from '../../kernel/domain-error.js';

export const toolNotFound = () =>
  new DomainError('not_found', 'tool_not_found', 'There is no such tool.');

export const toolNameTaken = (name: string) =>
  new DomainError('conflict', 'tool_name_taken', `There is a tool ${name} already.`);

/** @param problem what is wrong, to follow "The schema" */
export const invalidInputSchema = (problem: string) =>
  new DomainError('invalid', 'invalid_input_schema', `The schema ${problem}.`);

export const unknownTools = (ids: readonly string[]) =>
  new DomainError('invalid', 'unknown_tool', `These tools do not exist: ${ids.join(' ')}.`, { details: { tools: ids } });

export const toolNotAssigned = () =>
  new DomainError('not_found', 'tool_not_assigned', 'The agent does not have this tool.');

export const tooManyTools = (most: number) =>
  new DomainError('conflict', 'too_many_tools', `An agent has at most ${most} tools; take one away first.`);
