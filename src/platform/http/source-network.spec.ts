import { sourceNetwork } from './source-network.js';

describe('the network of a source', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['0:0:0:0:0:FFFF:cb00:7107', '203.0.113.7'],
    ['::ffff:102:304', '1.2.3.4'],
    ['2001:db8:0:1:aaaa:bbbb:cccc:dddd', '2001:db8:0:1/64'],
    ['2001:DB8:0000:0001::9', '2001:db8:0:1/64'],
    ['2001:db8::', '2001:db8:0:0/64'],
    ['2001:db8:1:2:3:4:5::', '2001:db8:1:2/64'],
    ['::1', '0:0:0:0/64'],
    ['fe80::1:2:3:4%eth0', 'fe80:0:0:0/64'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2/64'],
    ['', 'unknown'],
    ['not an address', 'unknown'],
    ['203.0.113', 'unknown'],
  ])('of "%s" is "%s"', (address, network) => expect(sourceNetwork(address)).toBe(network));
});
