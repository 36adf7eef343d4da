import { plainAddress, plainRange } from './ip-address.js';

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'], ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'], ['::ffff:192.0.2.1', '192.0.2.1'], ['::FFFF:c000:0201', '192.0.2.1'], ['::1', '::1'], ['::ffff:0:1', '0.0.0.1'],
    ['192.0.2.256', undefined], ['192.0.2.1/8', undefined], ['fe80::1%eth0', undefined], ['example.com', undefined], ['', undefined], ['0x7f.1', undefined], ['127.1', undefined],
  ])('%s is read as %s', (text, expected) => {
    expect(plainAddress(text)).toBe(expected);
  });
});

describe('a range', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'], ['10.0.0.1', '10.0.0.1'], ['2001:DB8::/32', '2001:db8::/32'], ['::/0', '::/0'], ['10.0.0.0/08', '10.0.0.0/8'],
    ['10.0.0.0/33', undefined], ['::/129', undefined], ['::ffff:10.0.0.0/104', undefined], ['10.0.0.0/', undefined], ['10.0.0.0/8/8', undefined], ['10.0.0.0/-1', undefined], ['/8', undefined],
  ])('%s is read as %s', (text, expected) => {
    expect(plainRange(text)).toBe(expected);
  });
});
