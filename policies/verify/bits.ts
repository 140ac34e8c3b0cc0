/** A set of small numbers, a bit each. Sets that are held against each other have the same length. */
export type Bits = Uint32Array;

export const wordsFor = (count: number): number => (count + 31) >>> 5;

export function put(bits: Bits, at: number): void {
  bits[at >>> 5]! |= 1 << (at & 31);
}

export function drop(bits: Bits, at: number): void {
  bits[at >>> 5]! &= ~(1 << (at & 31));
}

export function putAll(bits: Bits, list: readonly number[]): void {
  for (const at of list) bits[at >>> 5]! |= 1 << (at & 31);
}

export function dropAll(bits: Bits, list: readonly number[]): void {
  for (const at of list) bits[at >>> 5]! &= ~(1 << (at & 31));
}

export function unite(bits: Bits, others: Bits): void {
  for (let word = 0; word < bits.length; word++) bits[word]! |= others[word]!;
}

export function restrict(bits: Bits, others: Bits): void {
  for (let word = 0; word < bits.length; word++) bits[word]! &= others[word]!;
}

/** The first number in the set that is not below `from`, or -1. */
export function nextIn(bits: Bits, from: number): number {
  let word = from >>> 5;
  if (word >= bits.length) return -1;
  let rest = bits[word]! & (-1 << (from & 31));
  while (rest === 0) {
    if (++word >= bits.length) return -1;
    rest = bits[word]!;
  }
  return (word << 5) + 31 - Math.clz32(rest & -rest);
}
