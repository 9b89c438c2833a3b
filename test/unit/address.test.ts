import { describe, expect, test } from 'vitest';
import { kindOfAddress, kindOfHost } from '../../src/domain/address.ts';

describe('an address', () => {
  test.each([
    ['forbidden', ['169.254.169.254', '169.254.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1', '240.0.0.1']],
    ['forbidden', ['100.100.100.200', '192.0.0.192', 'fd00:ec2::254', '::', 'fe80::1', 'fe80::1%eth0', 'ff02::1']],
    // IPv4 in all its disguises.
    ['forbidden', ['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe']],
    ['forbidden', ['::7f00:1', '::127.0.0.1', '2002:7f00:1::1', '64:ff9b::1', 'no address', '', '127.1']],
    ['private', ['127.0.0.1', '127.255.255.255', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1']],
    ['private', ['100.64.0.1', '198.18.0.1', '::1', 'fc00::1', 'fd12:3456::1', 'fec0::1', '::ffff:127.0.0.1']],
    ['private', ['::ffff:7f00:1', '::FFFF:10.0.0.1', '64:ff9b::127.0.0.1', '0064:ff9b::7f00:1', '64:ff9b:1::1']],
    ['public', ['8.8.8.8', '172.15.255.255', '172.32.0.1', '192.167.255.255', '100.63.255.255', '223.255.255.255']],
    ['public', ['2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808', '2001:4860:4860::8888']],
  ] as const)('is %s: %j', (kind, addresses) => {
    expect(addresses.map((address) => [address, kindOfAddress(address)])).toEqual(
      addresses.map((address) => [address, kind]),
    );
  });
});

describe('the host of a URL', () => {
  test.each([
    ['http://2130706433', 'private'],
    ['http://0x7f.1', 'private'],
    ['http://0177.0.0.1', 'private'],
    ['http://127.1', 'private'],
    ['http://127.0.0.1.', 'private'],
    ['http://①②⑦.⓪.⓪.①', 'private'],
    ['http://[::1]', 'private'],
    ['http://[::ffff:127.0.0.1]', 'private'],
    ['http://localhost', 'private'],
    ['http://LOCALHOST.', 'private'],
    ['http://models.localhost', 'private'],
    ['http://0', 'forbidden'],
    ['http://2852039166', 'forbidden'],
    ['http://[::ffff:a9fe:a9fe]', 'forbidden'],
    ['https://api.openai.com', 'name'],
    ['https://localhost.example.com', 'name'],
    ['https://8.8.8.8', 'public'],
  ])('%s is %s', (url, kind) => {
    expect(kindOfHost(new URL(url).hostname)).toBe(kind);
  });
});
