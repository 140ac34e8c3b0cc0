import { fieldOf, fields } from '../model/index.ts';
import type { FieldName, Subfield } from '../model/index.ts';

/**
 * Where each field of a packet stands in an array of 32-bit words, the most significant word first. Fields that are one place in a
 * packet are one place here, as in Open vSwitch's `struct flow`: an extended register is the registers that it covers, the ports of
 * TCP, UDP and SCTP share theirs with ICMP's type and code, ARP's addresses with IPv4's. Prerequisites tell them apart.
 */
export interface Place {
  /** Index of the most significant word. */
  readonly word: number;
  readonly words: number;
  /** Bits below the field in its word; 0 for a field of more than one word. */
  readonly shift: number;
  readonly bits: number;
}

/** Fields that stand in another's place, with the bits below them there. */
const shared: Partial<Record<FieldName, readonly [FieldName, number]>> = {
  arp_spa: ['ipv4_src', 0],
  arp_tpa: ['ipv4_dst', 0],
  arp_op: ['ip_proto', 0],
  nd_sll: ['arp_sha', 0],
  nd_tll: ['arp_tha', 0],
  nd_options_type: ['tcp_flags', 0],
  udp_src: ['tcp_src', 0],
  sctp_src: ['tcp_src', 0],
  icmpv4_type: ['tcp_src', 0],
  icmpv6_type: ['tcp_src', 0],
  udp_dst: ['tcp_dst', 0],
  sctp_dst: ['tcp_dst', 0],
  icmpv4_code: ['tcp_dst', 0],
  icmpv6_code: ['tcp_dst', 0],
  ip_dscp: ['ip_tos', 2],
  ip_ecn: ['ip_tos', 0],
  vlan_vid: ['vlan_tci', 0],
  vlan_pcp: ['vlan_tci', 13],
};

const widestBits = 128;
const places = new Map<FieldName, Place>();
let wordCount = 0;

function declareAlone(name: FieldName, bits: number): void {
  const words = Math.ceil(bits / 32);
  places.set(name, { word: wordCount, words, shift: 0, bits });
  wordCount += words;
}

// Registers first and in order, so that an extended register is the words of those that it covers.
for (let number = 0; number < 16; number++) declareAlone(`reg${number}` as FieldName, 32);
for (let number = 0; number < 8; number++) places.set(`xreg${number}` as FieldName, { word: number * 2, words: 2, shift: 0, bits: 64 });
for (let number = 0; number < 4; number++) places.set(`xxreg${number}` as FieldName, { word: number * 4, words: 4, shift: 0, bits: 128 });
for (const { name, widthBits, aliasOf } of fields) {
  if (!places.has(name) && aliasOf === undefined && !(name in shared) && widthBits <= widestBits) declareAlone(name, widthBits);
}
for (const [name, [other, shift]] of Object.entries(shared) as [FieldName, readonly [FieldName, number]][]) {
  const place = places.get(other);
  if (place) places.set(name, { ...place, shift, bits: fieldOf(name).widthBits });
}
for (const { name, aliasOf } of fields) {
  const place = aliasOf === undefined ? undefined : places.get(aliasOf);
  if (place) places.set(name, place);
}

/** Words of a whole packet. */
export const packetWords = wordCount;

/** Undefined for a field that no packet has here: Geneve options. */
export function placeOf(field: FieldName): Place | undefined {
  return places.get(field);
}

/** The word of a field that has but one. */
export function wordOf(field: FieldName): number {
  const place = places.get(field);
  if (place === undefined || place.words !== 1) throw new Error(`invariant broken: ${field} is not one word`);
  return place.word;
}

/** A value as words of the place, the most significant first, shifted to where the field stands. */
export function spell(place: Place, value: number | bigint): readonly number[] {
  if (place.words === 1)
    return [(typeof value === 'bigint' ? Number(BigInt.asUintN(32, value << BigInt(place.shift))) : value << place.shift) >>> 0];
  if (place.words === 2 && typeof value === 'number') return [Math.floor(value / 0x1_0000_0000), value >>> 0];
  const words: number[] = [];
  let rest = BigInt(value);
  for (let index = place.words - 1; index >= 0; index--) {
    words[index] = Number(BigInt.asUintN(32, rest));
    rest >>= 32n;
  }
  return words;
}

/** What a field holds: a number up to 48 bits, a bigint above. */
export function readField(packet: Uint32Array, field: FieldName): number | bigint {
  const { widthBits, wide } = fieldOf(field);
  const value = readBits(packet, { field, offset: 0, bits: widthBits });
  return wide ? value : Number(value);
}

export function writeField(packet: Uint32Array, field: FieldName, value: number | bigint): void {
  writeBits(packet, { field, offset: 0, bits: fieldOf(field).widthBits }, BigInt(value));
}

/** Only the bits of `mask`. */
export function writeMasked(packet: Uint32Array, field: FieldName, value: number | bigint, mask: number | bigint): void {
  const before = BigInt(readField(packet, field));
  writeField(packet, field, (before & ~BigInt(mask)) | (BigInt(value) & BigInt(mask)));
}

export function readBits(packet: Uint32Array, { field, offset, bits }: Subfield): bigint {
  const place = placeOf(field);
  if (place === undefined) return 0n;
  let value = 0n;
  for (let at = 0; at < bits; at += 32) value |= BigInt(readChunk(packet, place, offset + at, Math.min(32, bits - at))) << BigInt(at);
  return value;
}

export function writeBits(packet: Uint32Array, { field, offset, bits }: Subfield, value: bigint): void {
  const place = placeOf(field);
  if (place === undefined) return;
  for (let at = 0; at < bits; at += 32)
    writeChunk(packet, place, offset + at, Math.min(32, bits - at), Number(BigInt.asUintN(32, value >> BigInt(at))));
}

/** From one subfield to another, the lowest bits where they differ in length. */
export function copyBits(packet: Uint32Array, src: Subfield, dst: Subfield): void {
  const [from, to] = [placeOf(src.field), placeOf(dst.field)];
  if (from === undefined || to === undefined) return;
  const bits = Math.min(src.bits, dst.bits);
  for (let at = 0; at < bits; at += 32) {
    const count = Math.min(32, bits - at);
    writeChunk(packet, to, dst.offset + at, count, readChunk(packet, from, src.offset + at, count));
  }
}

const lowest = (count: number): number => (count === 32 ? 0xffff_ffff : 2 ** count - 1);

/** `count` bits, 32 at most, from bit `offset` of the place. */
function readChunk(packet: Uint32Array, place: Place, offset: number, count: number): number {
  const position = place.shift + offset;
  const word = place.word + place.words - 1 - (position >>> 5);
  const below = position & 31;
  let value = (packet[word] ?? 0) >>> below;
  if (below + count > 32) value |= (packet[word - 1] ?? 0) << (32 - below);
  return (value & lowest(count)) >>> 0;
}

function writeChunk(packet: Uint32Array, place: Place, offset: number, count: number, value: number): void {
  const position = place.shift + offset;
  const word = place.word + place.words - 1 - (position >>> 5);
  const below = position & 31;
  const mask = lowest(count);
  packet[word] = ((packet[word] ?? 0) & ~(mask << below)) | ((value & mask) << below);
  if (below + count <= 32) return;
  const above = 32 - below;
  packet[word - 1] = ((packet[word - 1] ?? 0) & ~(mask >>> above)) | ((value & mask) >>> above);
}
