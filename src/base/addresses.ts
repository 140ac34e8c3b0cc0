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

/** Strict dotted quad: four decimal numbers without leading zeros. */
function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return BigInt(value);
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
  const halves = source.split('::');
  if (halves.length > 2) return undefined;
  const head = halves[0] === '' ? [] : (halves[0] ?? '').split(':');
  const tail = halves.length === 1 || halves[1] === '' ? [] : (halves[1] ?? '').split(':');
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  let value = 0n;
  for (const part of [...head, ...Array.from({ length: gap }, () => '0'), ...tail]) {
    if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
    value = (value << 16n) | BigInt(Number.parseInt(part, 16));
  }
  return value;
}

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
