import { BlockList, isIP } from 'node:net';

/** Addresses that no configuration may reach: cloud metadata services live there and hand out credentials. */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4');
FORBIDDEN.addAddress('100.100.100.200', 'ipv4');
FORBIDDEN.addAddress('192.0.0.192', 'ipv4');
FORBIDDEN.addSubnet('0.0.0.0', 8, 'ipv4');
FORBIDDEN.addSubnet('224.0.0.0', 3, 'ipv4');
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6');
FORBIDDEN.addSubnet('ff00::', 8, 'ipv6');
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6');
FORBIDDEN.addAddress('::', 'ipv6');
// Old ways to write an IPv4 address inside an IPv6 one (compatible, 6to4), which no provider uses.
FORBIDDEN.addRange('::2', '::ffff:ffff', 'ipv6');
FORBIDDEN.addSubnet('2002::', 16, 'ipv6');

/** Addresses of this machine and of private networks: only with `allow_private`. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('127.0.0.0', 8, 'ipv4');
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4');
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4');
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4');
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4');
PRIVATE.addSubnet('192.0.0.0', 24, 'ipv4');
PRIVATE.addSubnet('198.18.0.0', 15, 'ipv4');
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fec0::', 10, 'ipv6');
PRIVATE.addSubnet('64:ff9b:1::', 48, 'ipv6');

type AddressKind = 'public' | 'private' | 'forbidden';

/**
 * Which kind of address this is; IPv4 in IPv6 clothes is judged as the IPv4 that it is (a BlockList does so by itself
 * for ::ffff:127.0.0.1). What is no address at all is forbidden.
 */
export function kindOfAddress(address: string): AddressKind {
  const plain = throughNat64(address.replace(/%.*$/, ''));
  const version = isIP(plain);
  if (version === 0) return 'forbidden';
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (FORBIDDEN.check(plain, family)) return 'forbidden';
  return PRIVATE.check(plain, family) ? 'private' : 'public';
}

/** The kind of a URL's host when the name itself tells: an address, or a name for this machine. */
export function kindOfHost(hostname: string): AddressKind | 'name' {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(host) !== 0) return kindOfAddress(host);
  return host === 'localhost' || host.endsWith('.localhost') ? 'private' : 'name';
}

/** Whether only this machine reaches what listens on a host, or is meant by one in a URL. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|\[?::1\]?|127(\.\d{1,3}){3})$/.test(hostname);
}

/** Networks without IPv4 reach it as 64:ff9b::a.b.c.d (RFC 6052), so that the prefix must not hide what is reached. */
function throughNat64(address: string): string {
  if (!/^0*64:ff9b:/i.test(address) || isIP(address) !== 6) return address;
  const match = /^\[64:ff9b::(?:([0-9a-f]+):)?([0-9a-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname);
  if (!match) return address;
  const high = Number.parseInt(match[1] ?? '0', 16);
  const low = Number.parseInt(match[2] ?? '0', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
