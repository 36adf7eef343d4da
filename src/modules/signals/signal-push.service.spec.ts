import { outcomeOf } from './signal-push.service.js';

const answered = (status: number, body = '', retryAfter?: string) => outcomeOf({ status, body, headers: { 'retry-after': retryAfter } });

describe('what a receiver answers (RFC 8935)', () => {
  it.each([200, 202, 204])('%i: it was taken', (status) => {
    expect(answered(status)).toEqual({ kind: 'taken' });
  });

  it.each(['invalid_request', 'setData', 'jwtIss', 'something_of_its_own'])('%s: the token itself is refused, in the words of the receiver', (err) => {
    expect(answered(400, JSON.stringify({ err, description: 'not for us' }))).toEqual({ kind: 'refused', code: err, description: 'not for us' });
  });

  it.each(['invalid_key', 'invalid_issuer', 'invalid_audience', 'authentication_failed', 'access_denied'])('%s: it is not the token that is wrong', (err) => {
    expect(answered(400, JSON.stringify({ err }))).toEqual({ kind: 'failed', reason: `the receiver answered 400 ${err}` });
  });

  it.each(['', 'nonsense', 'null', '[]', '{"err":7}', '{"err":"<script>"}', `{"err":"${'x'.repeat(65)}"}`])('400 with %j: nobody said what is wrong', (body) => {
    expect(answered(400, body)).toEqual({ kind: 'failed', reason: 'the receiver answered 400' });
  });

  it.each([301, 302, 307, 401, 403, 404, 413, 500, 502])('%i: it is tried again', (status) => {
    expect(answered(status, '{"err":"invalid_request"}').kind).toBe('failed');
  });

  it('says when to come again, within reason', () => {
    expect(answered(503, '', '7')).toMatchObject({ retryAfter: 7 });
    expect(answered(429, '', '86400')).toMatchObject({ retryAfter: 300 });
    for (const odd of ['-1', 'soon', 'Wed, 21 Oct 2099 07:28:00 GMT', '']) expect(answered(503, '', odd)).not.toHaveProperty('retryAfter');
    expect(answered(500, '', '7')).not.toHaveProperty('retryAfter');
  });
});
