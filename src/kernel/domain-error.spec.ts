import { DomainError } from './domain-error.js';

describe('a domain error', () => {
  it('carries its kind, its code and one public sentence', () => {
    const error = new DomainError('conflict', 'agent_name_taken', 'There is an agent of this name.');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'DomainError', kind: 'conflict', code: 'agent_name_taken', message: 'There is an agent of this name.' });
    expect(error).toMatchObject({ details: undefined, retryAfterSeconds: undefined, cause: undefined });
  });

  it('keeps what is public apart from its private cause', () => {
    const cause = new Error('password authentication failed for user "legate"');
    const error = new DomainError('unavailable', 'database_unavailable', 'Try again later.', { cause, details: { fields: ['a'] }, retryAfterSeconds: 3 });
    expect(error).toMatchObject({ details: { fields: ['a'] }, retryAfterSeconds: 3 });
    expect(error.cause).toBe(cause);
    // Neither enumeration nor serialisation may carry the cause out of the server.
    expect(Object.keys(error)).not.toContain('cause');
    expect(JSON.stringify(error)).not.toContain('password');
  });
});
