import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';
import { isDatabaseUnavailable } from './database-unavailable.js';

const withCode = (code: string, message = 'planned') => Object.assign(new Error(message), { code });

describe('the database is unavailable', () => {
  it.each<[string, Error]>([
    ['nobody listens', withCode('ECONNREFUSED')],
    ['the connection was cut', withCode('ECONNRESET')],
    ['it says nothing', withCode('ETIMEDOUT')],
    ['its name means nothing now', withCode('EAI_AGAIN')],
    ['it shuts down', withCode('57P01')],
    ['it recovers from a crash', withCode('57P03')],
    ['it has no connection left', withCode('53300')],
    ['its disk is full', withCode('53100')],
    ['it cancelled a statement that took too long', withCode('57014')],
    ['it rolled back a deadlock', withCode('40P01')],
    ['it only reads, as a standby does', withCode('25006')],
    ['the pool has none to give', new Error('timeout exceeded when trying to connect')],
    ['the connection was lost between two statements', new QueryRunnerAlreadyReleasedError()],
    ['TypeORM wraps the reason', new QueryFailedError('SELECT 1', [], withCode('57P01'))],
    ['several addresses were tried', new AggregateError([withCode('ECONNREFUSED')])],
    ['somebody else wraps the reason', new Error('no token', { cause: withCode('ECONNREFUSED') })],
  ])('when %s', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a row is there already', new QueryFailedError('INSERT', [], withCode('23505'))],
    ['a value does not fit', withCode('22P02')],
    ['a statement is wrong', withCode('42601')],
    ['something else failed', new TypeError('cannot read x of undefined')],
    ['what was thrown is no error', 'ECONNREFUSED'],
  ])('but not when %s', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
  });
});
