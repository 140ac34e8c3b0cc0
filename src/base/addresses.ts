import { WeirError } from './errors.ts';

/**
 * Network values. Text is parsed once, at the edge, into integers: a MAC is a safe integer of 48 bits,
 * an IPv4 address a bigint of 32 bits and an IPv6 address a bigint of 128 bits, in network order.
 */
export type Mac = number & { readonly brand?: 'Mac' };
export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A CIDR block: `value` has no bit set behind `length`. */
export interface Prefix {
  readonly family: Family;
  readonly value: bigint;
  readonly length: number;
}

export const addressBits = (family: Family): number => (family === 4 ? 32 : 128);

const macPattern = /^([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2}):([0-9a-f]{2})$/i;

export function parseMac(text: string): Mac {
  const parts = macPattern.exec(text);
  if (!parts) throw new WeirError('malformed', `"${text}" is no MAC address`);
  return Number.parseInt(parts.slice(1).join(''), 16);
}

export function formatMac(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?=.)/g, '$1:');
}

/** The unicast link-local address that a host derives from its MAC (RFC 4291, appendix A). */
export function linkLocalOf(mac: Mac): Address {
  const high = BigInt(Math.floor(mac / 0x1000000)) ^ 0x020000n;
  const low = BigInt(mac % 0x1000000);
  return { family: 6, value: (0xfe80n << 112n) | (high << 40n) | (0xfffen << 24n) | low };
}

const [dot, colon, zero] = ['.', ':', '0'].map((text) => text.charCodeAt(0)) as [number, number, number];

/** Strict dotted quad: four decimal numbers without leading zeros. */
function parseIpv4(text: string): bigint | undefined {
  if (text.length > 15) return undefined;
  let value = 0;
  let octets = 0;
  let octet = -1;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? dot : text.charCodeAt(at);
    if (code === dot) {
      if (octet < 0 || octet > 255) return undefined;
      value = value * 256 + octet;
      octets++;
      octet = -1;
    } else {
      const digit = code - zero;
      if (digit < 0 || digit > 9 || octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
    }
  }
  return octets === 4 ? BigInt(value) : undefined;
}

/** RFC 4291 section 2.2, with an embedded dotted quad; no zone. */
function parseIpv6(text: string): bigint | undefined {
  if (text.length > 45) return undefined;
  let source = text;
  const lastColon = source.lastIndexOf(':');
  if (lastColon >= 0 && source.includes('.', lastColon)) {
    const quad = parseIpv4(source.slice(lastColon + 1));
    if (quad === undefined) return undefined;
    source = `${source.slice(0, lastColon + 1)}${(quad >> 16n).toString(16)}:${(quad & 0xffffn).toString(16)}`;
  }
  const gapAt = source.indexOf('::');
  const head = gapAt < 0 ? groupsOf(source) : groupsOf(source.slice(0, gapAt));
  const tail = gapAt < 0 ? [] : groupsOf(source.slice(gapAt + 2));
  if (head === undefined || tail === undefined) return undefined;
  const gap = 8 - head.length - tail.length;
  if (gapAt < 0 ? gap !== 0 : gap < 1) return undefined;
  return valueOf([...head, ...zeros.slice(0, gap), ...tail]);
}

const zeros: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];

/** Of one to four hexadecimal digits each, with colons between; none of an empty text. Undefined: it is something else. */
function groupsOf(text: string): readonly number[] | undefined {
  const groups: number[] = [];
  if (text === '') return groups;
  let group = 0;
  let digits = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? colon : text.charCodeAt(at);
    if (code === colon) {
      if (digits === 0 || digits > 4) return undefined;
      groups.push(group);
      group = digits = 0;
    } else {
      const digit = hexDigit(code);
      if (digit === undefined) return undefined;
      group = group * 16 + digit;
      digits++;
    }
  }
  return groups;
}

function hexDigit(code: number): number | undefined {
  if (code >= zero && code <= zero + 9) return code - zero;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : undefined;
}

/** As numbers as long as that is exact: arithmetic of 128 bits allocates at each step. */
function valueOf(groups: readonly number[]): bigint {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  return (BigInt((a * 65_536 + b) * 65_536 + c) << 80n) | (BigInt((d * 65_536 + e) * 65_536 + f) << 32n) | BigInt(g * 65_536 + h);
}

/** `HOST:PORT`; an address of IPv6 stands in brackets (RFC 3986 section 3.2.2). */
export const hostAndPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

export function parseAddress(text: string): Address {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return { family: 4, value: v4 };
  const v6 = text.includes(':') ? parseIpv6(text) : undefined;
  if (v6 !== undefined) return { family: 6, value: v6 };
  throw new WeirError('malformed', `"${text}" is no IP address`);
}

/** `10.0.0.0/24`. Bits behind the length must be zero, so that one block has one spelling. */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  const lengthText = text.slice(slash + 1);
  if (slash < 0 || !/^(0|[1-9]\d{0,2})$/.test(lengthText)) throw new WeirError('malformed', `"${text}" is no CIDR block`);
  const address = parseAddress(text.slice(0, slash));
  const length = Number(lengthText);
  if (length > addressBits(address.family)) throw new WeirError('malformed', `"${text}" is no CIDR block: the length is too large`);
  if ((address.value & hostMask(address.family, length)) !== 0n)
    throw new WeirError('malformed', `"${text}" is no CIDR block: bits are set behind /${length}`);
  return { family: address.family, value: address.value, length };
}

/** Ones behind the first `length` bits. */
export function hostMask(family: Family, length: number): bigint {
  return (1n << BigInt(addressBits(family) - length)) - 1n;
}

/** Ones in the first `length` bits. */
export function networkMask(family: Family, length: number): bigint {
  return ((1n << BigInt(addressBits(family))) - 1n) ^ hostMask(family, length);
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  return prefix.family === address.family && (address.value & networkMask(prefix.family, prefix.length)) === prefix.value;
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixContains(a, b) : prefixContains(b, a);
}

export function formatAddress(address: Address): string {
  if (address.family === 4) {
    const value = Number(address.value);
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  }
  const groups: number[] = [];
  for (let index = 7; index >= 0; index--) groups.push(Number((address.value >> BigInt(index * 16)) & 0xffffn));
  // RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::".
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) [runStart, runLength] = [start, end - start];
    if (end > start) start = end;
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return runStart < 0 ? text(groups) : `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLength))}`;
}

/** The IPv4 block that an IPv4-mapped one (RFC 4291, section 2.5.5.2) stands for: no packet carries such an address, whoever writes it means IPv4. */
export function mappedIpv4(block: Prefix): Prefix | undefined {
  if (block.family !== 6 || block.length <= 96 || block.value >> 32n !== 0xffffn) return undefined;
  return { family: 4, value: block.value & 0xffff_ffffn, length: block.length - 96 };
}

/** Refuses an IPv4-mapped address, with the one that is meant. */
export function refuseMapped(text: string, address: Address): void {
  const meant = address.family === 6 ? mappedIpv4({ ...address, length: 128 }) : undefined;
  if (meant) throw new WeirError('malformed', `"${text}" is an IPv4 address in the form of IPv6: write ${formatAddress(meant)}`);
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}
