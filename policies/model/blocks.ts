import {
  addressBits,
  formatAddress,
  formatPrefix,
  hostMask,
  mappedIpv4,
  networkMask,
  parseAddress,
  parseMac,
  parsePrefix,
  prefixesOverlap,
  formatMac,
} from '../../src/base/addresses.ts';
import type { Address, Mac, Prefix } from '../../src/base/addresses.ts';
import { reasonOf } from '../../src/base/errors.ts';
import type { Findings } from './issue.ts';

/** Addresses, blocks and MACs out of documents: each in its one canonical spelling (RFC 5952 for IPv6), or a finding. */

/** The text is shown as it was written, so that a user finds it again. */
const quoted = (reason: string): string => reason.replace(/^"[^"]*" /, '');

export function readAddress(text: string, pointer: string, findings: Findings): Address | undefined {
  try {
    return parseAddress(text);
  } catch (thrown) {
    findings.add(pointer, quoted(reasonOf(thrown)));
    return undefined;
  }
}

/** A block whose host bits are set is refused with the block that was probably meant. */
export function readPrefix(text: string, pointer: string, findings: Findings): Prefix | undefined {
  try {
    const prefix = parsePrefix(text);
    const mapped = mappedIpv4(prefix);
    if (mapped === undefined) return prefix;
    findings.add(pointer, `is a block of IPv4 in the form of IPv6; ${formatPrefix(mapped)} is probably meant`);
    return undefined;
  } catch (thrown) {
    const meant = blockAround(text);
    findings.add(
      pointer,
      meant === undefined ? quoted(reasonOf(thrown)) : `has bits set behind its length; ${formatPrefix(meant)} is probably meant`,
    );
    return undefined;
  }
}

function blockAround(text: string): Prefix | undefined {
  const parts = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (parts === null) return undefined;
  const [, addressText = '', lengthText = ''] = parts;
  try {
    const address = parseAddress(addressText);
    const length = Number(lengthText);
    if (length > addressBits(address.family)) return undefined;
    return { family: address.family, value: address.value & networkMask(address.family, length), length };
  } catch {
    // Not even the address can be read: nothing is meant.
    return undefined;
  }
}

/** Canonical texts of a list of blocks; each `except` must lie inside one of them. */
export function readBlocks(
  blocks: readonly string[],
  except: readonly string[],
  at: { readonly blocks: (index: number) => string; readonly except: (index: number) => string },
  findings: Findings,
): { readonly cidrs: readonly string[]; readonly except: readonly string[] } {
  const inside = blocks.map((text, index) => readPrefix(text, at.blocks(index), findings));
  const outside = except.map((text, index) => readPrefix(text, at.except(index), findings));
  const known = inside.filter((prefix) => prefix !== undefined);
  if (known.length === blocks.length) {
    const covered = coverOf(known);
    for (const [index, hole] of outside.entries()) {
      if (hole !== undefined && !covered(hole)) findings.add(at.except(index), 'lies outside of the blocks it is an exception from');
    }
  }
  return { cidrs: known.map(formatPrefix), except: outside.filter((prefix) => prefix !== undefined).map(formatPrefix) };
}

/** Whether a block lies inside one of these: one look-up for each length among them, however many they are. */
function coverOf(blocks: readonly Prefix[]): (inner: Prefix) => boolean {
  const keyOf = (prefix: Prefix): string => `${prefix.family}/${prefix.length}/${prefix.value}`;
  const present = new Set(blocks.map(keyOf));
  const lengths = [...new Set(blocks.map((block) => block.length))];
  return ({ family, value, length: innerLength }) =>
    lengths.some((length) => length <= innerLength && present.has(keyOf({ family, length, value: value & networkMask(family, length) })));
}

/** `0e:57:00` and the VNI: the MACs with which routers answer for their gateways. */
const gatewayMacPrefix = 0x0e5700;
const multicastBit = 0x010000000000;

export const isGatewayMac = (mac: Mac): boolean => Math.floor(mac / 0x1000000) === gatewayMacPrefix;
const isMulticastMac = (mac: Mac): boolean => Math.floor(mac / multicastBit) % 2 === 1;

export function readMac(text: string, pointer: string, findings: Findings): string | undefined {
  const mac = parseMac(text);
  if (isMulticastMac(mac)) findings.add(pointer, 'is a multicast address; an interface needs a unicast one');
  else if (mac === 0) findings.add(pointer, 'is all zeros; an interface needs a unicast address');
  else if (isGatewayMac(mac)) findings.add(pointer, 'is in 0e:57:00:00:00:00/24, which is kept for gateways');
  else return formatMac(mac);
  return undefined;
}

const reserved: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this network (RFC 1122)'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/3', 'multicast or reserved'],
  ['::/96', 'unspecified, loopback or IPv4-compatible'],
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
];
const reservedBlocks = reserved.map(([text, use]) => ({ block: parsePrefix(text), use }));

/** Why no subnet can lie here, or undefined. */
export function reservedUse(prefix: Prefix): string | undefined {
  return reservedBlocks.find(({ block }) => prefixesOverlap(block, prefix))?.use;
}

/** First and last address that an interface or a gateway may have: the block without its network and, in IPv4, its broadcast address. */
export function usableRange(prefix: Prefix): { readonly first: bigint; readonly last: bigint } {
  const end = prefix.value | hostMask(prefix.family, prefix.length);
  return { first: prefix.value + 1n, last: prefix.family === 4 ? end - 1n : end };
}

export function firstUsable(prefix: Prefix): string {
  return formatAddress({ family: prefix.family, value: usableRange(prefix).first });
}
