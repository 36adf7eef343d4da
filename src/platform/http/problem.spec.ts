import { toProblem } from './problem.js';

const problemOf = (error: unknown) => {
  const { body, headers, fault } = toProblem(error, 'request-1', 'http://localhost:3000');
  return { status: body.status, code: body.code, fault, retryAfter: headers['retry-after'] };
};

describe('a lost connection', () => {
  it('to the database is what we depend on, and worth another try', () => {
    expect(problemOf(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })))
      .toEqual({ status: 503, code: 'database_unavailable', fault: 'dependency', retryAfter: '5' });
  });

  it('to the caller, who hung up in the middle of a request, is not taken for one to the database', () => {
    // As the framework hands it on.
    expect(problemOf(Object.assign(new Error('aborted'), { code: 'ECONNRESET', statusCode: 400 })))
      .toEqual({ status: 400, code: 'request_aborted', fault: 'caller', retryAfter: undefined });
  });
});
