import { ServerResponse, type IncomingMessage } from 'node:http';
import { isId } from '../../kernel/ids.js';
import { openRequest, requestIdOf } from './open-request.js';
import { sourceAddress } from './source-address.js';

const request = (headers: Record<string, string | string[]>, peer = '10.0.0.9') => ({ method: 'GET', headers, socket: { remoteAddress: peer } }) as unknown as IncomingMessage;

describe('the source of a request', () => {
  it.each([
    ['is the peer', 0, {}, '10.0.0.9'],
    ['is the peer, whatever the caller claims, where no proxy is trusted', 0, { 'x-forwarded-for': '1.1.1.1' }, '10.0.0.9'],
    ['is what the one proxy was called from', 1, { 'x-forwarded-for': '6.6.6.6, 1.1.1.1' }, '1.1.1.1'],
    ['is what the outermost of two proxies was called from', 2, { 'x-forwarded-for': '6.6.6.6, 1.1.1.1, 10.0.0.8' }, '1.1.1.1'],
    ['is the leftmost entry when there are fewer than proxies', 2, { 'x-forwarded-for': '10.0.0.8' }, '10.0.0.8'],
    ['is the peer when the proxy says nothing', 1, {}, '10.0.0.9'],
    ['is the peer when the entry is no address', 1, { 'x-forwarded-for': '1.1.1.1, unknown' }, '10.0.0.9'],
    ['comes without port', 1, { 'x-forwarded-for': '1.1.1.1:5678' }, '1.1.1.1'],
    ['comes without brackets and port', 1, { 'x-forwarded-for': '[2001:DB8::1]:443' }, '2001:db8::1'],
    ['is read from repeated headers in order', 1, { 'x-forwarded-for': ['6.6.6.6', '1.1.1.1'] }, '1.1.1.1'],
  ])('%s', (_, proxies, headers, expected) => {
    expect(sourceAddress(request(headers as Record<string, string>), proxies)).toBe(expected);
  });

  it('is an IPv4 address also on a socket for both families', () => {
    expect(sourceAddress(request({}, '::ffff:127.0.0.1'), 0)).toBe('127.0.0.1');
  });
});

describe('a request that is opened', () => {
  const open = (headers: Record<string, string>, trustedProxies: number) => {
    const response = new ServerResponse(request({}));
    return { response, context: openRequest(request(headers), response, { trustedProxies }) };
  };

  it('gets an id of its own, and the answer names it', () => {
    const { response, context } = open({ 'x-request-id': 'chosen-by-caller', 'user-agent': 'x'.repeat(1000) }, 0);
    expect(isId(context.requestId)).toBe(true);
    expect(requestIdOf(response)).toBe(context.requestId);
    expect(context.userAgent).toHaveLength(300);
  });

  it.each(['short', 'with space in it', 'x'.repeat(129), 'line\\nbreak<script>'])('does not take over the id %j even from a proxy', (given) => {
    expect(open({ 'x-request-id': given }, 1).context.requestId).not.toBe(given);
  });

  it('takes over a sane id from a trusted proxy', () => {
    expect(open({ 'x-request-id': '4bf92f3577b34da6a3ce929d0e0e4736' }, 1).context.requestId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });
});
