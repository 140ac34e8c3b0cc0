import type { Address, Family } from '../../src/base/addresses.ts';

/** An address in 32-bit words, the highest first: one of IPv4, four of IPv6. As signed numbers, the way typed arrays give them back. */
export function wordsOf(family: Family, value: bigint): readonly number[] {
  if (family === 4) return [Number(value) | 0];
  return [96n, 64n, 32n, 0n].map((shift) => Number((value >> shift) & 0xffffffffn) | 0);
}

export const addressWords = ({ family, value }: Address): readonly number[] => wordsOf(family, value);
